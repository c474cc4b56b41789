"""Changes to relayed requests."""

from __future__ import annotations

import json

import pytest

from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.anthropic_messages.splice import (
    splice_model,
    strip_minted_thinking,
    strip_subagent_tag,
)

SPLICED = [
    (b'{"model":"a","x":1}', b'{"model":"M","x":1}'),
    (b' {\n "model" : "a" , "x":1 }\n', b' {\n "model" : "M" , "x":1 }\n'),
    (b'{"x":{"model":"q"},"model":"a"}', b'{"x":{"model":"q"},"model":"M"}'),
    (b'{"model":"a","x":{"model":"q"}}', b'{"model":"M","x":{"model":"q"}}'),
    (
        b'{"x":[{"model":"q"},"]}",1e5,null , true],"model":"a"}',
        b'{"x":[{"model":"q"},"]}",1e5,null , true],"model":"M"}',
    ),
    (b'{"mod\\u0065l":"a"}', b'{"mod\\u0065l":"M"}'),
    (b'{"model":"a\\"b\\\\","x":"\\"model\\":1"}', b'{"model":"M","x":"\\"model\\":1"}'),
    (b'{"model":"","x":"\xc3\xa9"}', b'{"model":"M","x":"\xc3\xa9"}'),
    (b'{"model":"a","model":"b"}', b'{"model":"M","model":"M"}'),
    (
        b'{"model":"a","x":{"y":[1]},"x":[[]],"mod\\u0065l":"b"}',
        b'{"model":"M","x":{"y":[1]},"x":[[]],"mod\\u0065l":"M"}',
    ),
    (b'{"":{},"model":"a"}', b'{"":{},"model":"M"}'),
]


@pytest.mark.parametrize(("body", "expected"), SPLICED)
def test_only_the_models_value_changes(body: bytes, expected: bytes) -> None:
    """Every other byte stays, whatever stands where."""
    assert splice_model(body, "M") == expected


def test_the_new_model_is_escaped() -> None:
    """Any model name makes valid JSON."""
    assert json.loads(splice_model(b'{"model":"a"}', 'x"\\\n/é')) == {"model": 'x"\\\n/é'}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'{"x":1}', b'{"model":"a"', b'{"x":' + b"[" * 100_000])
def test_what_has_no_model_is_refused(body: bytes) -> None:
    """A body that is no object with a model is the client's mistake, never a crash."""
    with pytest.raises(BadRequest):
        splice_model(body, "M")


TAG = "<CCR-SUBAGENT-MODEL>openrouter,x/y</CCR-SUBAGENT-MODEL>"
ESCAPED = "\\u003cCCR-SUBAGENT-MODEL\\u003Eopenrouter,x\\/y\\u003c\\/CCR-SUBAGENT-MODEL\\u003e"

TAGGED = [
    ('{"system":"%sA","messages":[]}', '{"system":"A","messages":[]}'),
    (
        '{"system":[{"type":"text","text":"a"},{"type":"text","text":"b%sc"}]}',
        '{"system":[{"type":"text","text":"a"},{"type":"text","text":"bc"}]}',
    ),
    ('{"messages":[{"role":"user","content":"%sdo"}]}', '{"messages":[{"role":"user","content":"do"}]}'),
    (
        '{"messages":[{"content":[{"text":"%s\\nx","type":"text"}],"role":"user"}]}',
        '{"messages":[{"content":[{"text":"\\nx","type":"text"}],"role":"user"}]}',
    ),
    (
        '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"%s!"}]}',
        '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"!"}]}',
    ),
    ('{"messages":[{"role":"user","content":"%s"}]}', '{"messages":[{"role":"user","content":"(no content)"}]}'),
]


@pytest.mark.parametrize("tag", [TAG, ESCAPED], ids=["plain", "escaped"])
@pytest.mark.parametrize(("body", "expected"), TAGGED)
def test_the_subagent_tag_goes(body: str, expected: str, tag: str) -> None:
    """The tag is removed from the system prompt and the first two user messages, in either spelling."""
    assert strip_subagent_tag((body % tag).encode()) == expected.encode()


KEPT = [
    b'{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"user","content":"%s"}]}',
    b'{"messages":[{"role":"assistant","content":"%s"}]}',
    b'{"messages":[{"role":"user","content":[{"type":"tool_result","content":"%s"}]}]}',
    b'{"tools":[{"description":"%s"}],"messages":[]}',
    b'{"system":5,"messages":{"x":"%s"}}',
    b'{"messages":["%s"]}',
    b'{"messages":[{"role":"user","content":"%s"}',
]


@pytest.mark.parametrize("body", KEPT)
def test_the_tag_stays_where_it_is_somebodys_text(body: bytes) -> None:
    """Elsewhere it is quoted text; and a body that cannot be read is left alone."""
    tagged = body % TAG.encode()
    assert strip_subagent_tag(tagged) is tagged


OURS = b'{"type":"thinking","thinking":"t","signature":"ccr1~~~~~~~~~~~~~~~~~~~~.text"}'
THEIRS = b'{"type":"thinking","thinking":"t","signature":"EqQBCk=="}'
SAID = b'{"type":"text","text":"he said ccr1~~~~~~~~~~~~~~~~~~~~.text"}'


def _conversation(*blocks: bytes) -> bytes:
    return (
        b'{"messages":[{"role":"user","content":"ccr1~~~~~~~~~~~~~~~~~~~~."}, {"role":"assistant","content":['
        + b" , ".join(blocks)
        + b" ]}]}"
    )


@pytest.mark.parametrize(
    ("blocks", "left"),
    [
        ((OURS, SAID), (SAID,)),
        ((SAID, OURS), (SAID,)),
        ((OURS, OURS, SAID, OURS, OURS, THEIRS, OURS), (SAID, THEIRS)),
        ((THEIRS, SAID), (THEIRS, SAID)),
        ((OURS,), (b'{"type":"text","text":"(no content)"}',)),
        ((OURS, OURS), (b'{"type":"text","text":"(no content)"}',)),
    ],
)
def test_thinking_of_ours_goes(blocks: tuple[bytes, ...], left: tuple[bytes, ...]) -> None:
    """Whole blocks with a signature of ours go; Claude's own stay as they are, byte for byte."""
    assert strip_minted_thinking(_conversation(*blocks)) == _conversation(*left)


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[]}',
        _conversation(SAID, THEIRS),
        b'{"x":"ccr1~~~~~~~~~~~~~~~~~~~~.',
        b'{"messages":["ccr1~~~~~~~~~~~~~~~~~~~~."]}',
    ],
)
def test_nothing_of_ours_costs_nothing(body: bytes) -> None:
    """Without such blocks it is the very same object."""
    assert strip_minted_thinking(body) is body
