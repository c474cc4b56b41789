"""What must hold for every event stream and every JSON body."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.dialects.anthropic_messages.observer import ReplyObserver
from claude_code_router.dialects.anthropic_messages.splice import (
    splice_model,
    strip_minted_thinking,
    strip_subagent_tag,
)
from claude_code_router.dialects.provenance import mint, opened
from claude_code_router.dialects.sse import SSEDecoder, SSEEvent

# Built of what matters to the parser, so that most streams have events in them.
pieces = st.sampled_from(
    [
        b"data: a",
        b"data:b",
        b"data",
        b"event: e",
        b"event:f",
        b": c",
        b"id: 1",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
        b"\r\n\r\n",
        b"\xef\xbb\xbf",
        b"x",
        b" ",
    ]
)
streams = st.lists(pieces | st.binary(max_size=3), max_size=30).map(b"".join)
cuts = st.lists(st.integers(min_value=1, max_value=12), max_size=40)


def split(stream: bytes, sizes: list[int]) -> list[bytes]:
    chunks, at = [], 0
    for size in sizes:
        chunks.append(stream[at : at + size])
        at += size
    return [*chunks, stream[at:]]


def by_the_book(stream: bytes) -> list[SSEEvent]:
    """The standard's algorithm, line by line, without any of our short cuts."""
    stream = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events: list[SSEEvent] = []
    name, data = b"", list[bytes]()
    for line in [*stream.split(b"\n"), b""]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if b"\n".join(data):
                events.append(SSEEvent(name, b"\n".join(data)))
            name, data = b"", []
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return events


@given(streams, cuts)
def test_what_is_skipped_is_all_that_is_missing(stream: bytes, sizes: list[int]) -> None:
    """A reader that skips `e` gets every event but those that begin with this name, whatever the stream and the cuts."""
    decoder = SSEDecoder(skip=b"e")
    events = [event for chunk in split(stream, sizes) for event in decoder.feed(chunk)]
    plain = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    blocks = plain.split(b"\n\n")[:-1]
    assert events == [event for block in blocks if not block.startswith(b"event: e\n") for event in by_the_book(block)]


@given(streams, cuts)
def test_any_split_gives_the_same_events(stream: bytes, sizes: list[int]) -> None:
    """Whatever the stream and however it is cut, the events are the standard's."""
    decoder = SSEDecoder()
    events = [event for chunk in split(stream, sizes) for event in decoder.feed(chunk)]
    assert events + decoder.close() == by_the_book(stream)


@given(streams, cuts)
def test_the_observer_sees_the_same_in_any_split(stream: bytes, sizes: list[int]) -> None:
    """The facts of a relayed stream do not depend on the network's chunks, and no stream makes the observer fail."""
    stream += b'event: message_delta\ndata: {"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}\n\n'
    whole, parts = ReplyObserver(), ReplyObserver()
    whole.feed(stream)
    for chunk in split(stream, sizes):
        parts.feed(chunk)
    facts = [
        (o.content_started, o.ended, o.error, o.usage, o.stop_reason, o.model, o.at_boundary) for o in (whole, parts)
    ]
    assert facts[0] == facts[1]


values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["model", "a", "\\", '"', "é", "x}"]), inner, max_size=4)
    ),
    max_leaves=12,
)
EVENTS = [
    b"event: message_start\ndata: {}\n\n", b'event: content_block_delta\r\ndata: {"a": 1}\r\n\r\n', b": comment\n\n",
    b"data: {}\nevent: message_delta\n\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(EVENTS), max_size=4).map(b"".join), st.integers(min_value=0), cuts)
def test_what_is_cut_becomes_a_ping(stream: bytes, where: int, sizes: list[int]) -> None:
    """Wherever a relayed stream ends, nobody reads the event that is not whole, and another one can follow."""
    part = stream[: where % (len(stream) + 1)]
    observer, decoder = ReplyObserver(), SSEDecoder()
    for piece in split(part, sizes):
        observer.feed(piece)
    decoder.feed(part)
    assert [
        event for event in decoder.feed(observer.ending + b"event: error\ndata: {}\n\n") if event.event != b"ping"
    ] == [SSEEvent(b"error", b"{}")]


bodies = st.dictionaries(st.text(max_size=6) | st.sampled_from(["messages", "tools"]), values, max_size=5)


@given(
    bodies,
    st.text(max_size=10),
    st.text(max_size=10),
    st.integers(0, 5),
    st.booleans(),
    st.sampled_from([None, 1, "\t"]),
)
def test_splice_changes_the_model_and_nothing_else(
    body: dict[str, Any], old: str, new: str, place: int, ascii_only: bool, indent: Any
) -> None:
    """Decoded, it is the same body with another model; as bytes, everything around the value is equal."""
    items = [item for item in body.items() if item[0] != "model"]
    items.insert(min(place, len(items)), ("model", old))
    text = json.dumps(dict(items), ensure_ascii=ascii_only, indent=indent).encode("utf-8", "replace")
    spliced = splice_model(text, new)
    assert json.loads(spliced) == {**json.loads(text), "model": new}
    prefix = next(i for i in range(len(text) + 1) if i == len(text) or text[i : i + 1] != spliced[i : i + 1])
    suffix = next(
        i
        for i in range(len(text) - prefix + 1)
        if i in (len(text) - prefix, len(spliced) - prefix) or text[-1 - i] != spliced[-1 - i]
    )
    changed = text[max(prefix - 1, 0) : len(text) - suffix]
    assert len(changed) <= len(json.dumps(old, ensure_ascii=ascii_only).encode()) + 1


@given(st.binary(max_size=40) | values.map(lambda value: json.dumps(value).encode()))
def test_the_strips_survive_anything(body: bytes) -> None:
    """Bodies that are no requests pass through as they are."""
    for marked in (body, body + b"ccr1~~~~~~~~~~~~~~~~~~~~.", body + b"<CCR-SUBAGENT-MODEL>x</CCR-SUBAGENT-MODEL>"):
        assert strip_minted_thinking(strip_subagent_tag(marked)) == marked


blocks = st.lists(st.sampled_from(["ours", "theirs", "text", "use"]), max_size=7)
BLOCKS: dict[str, dict[str, Any]] = {
    "ours": {"type": "thinking", "thinking": "ccr1~~~~~~~~~~~~~~~~~~~~.", "signature": "ccr1~~~~~~~~~~~~~~~~~~~~.text"},
    "theirs": {"type": "thinking", "thinking": "x", "signature": "EqQ="},
    "text": {"type": "text", "text": '"signature":"ccr1~~~~~~~~~~~~~~~~~~~~.text"'},
    "use": {
        "type": "tool_use",
        "id": "a",
        "name": "b",
        "input": {"signature": "ccr1~~~~~~~~~~~~~~~~~~~~.text", "type": "thinking"},
    },
}


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), blocks), max_size=4), st.sampled_from([None, 2]))
def test_minted_thinking_goes_and_nothing_else(turns: list[tuple[str, list[str]]], indent: Any) -> None:
    """Of every conversation exactly our thinking blocks of the assistant go, and no message is left empty by it."""
    conversation = [{"role": role, "content": [BLOCKS[name] for name in names]} for role, names in turns]
    expected = []
    for message in conversation:
        kept = [block for block in message["content"] if block is not BLOCKS["ours"] or message["role"] == "user"]
        if message["content"] and not kept:
            kept = [{"type": "text", "text": "(no content)"}]
        expected.append({**message, "content": kept})
    body = json.dumps({"messages": conversation, "model": "m"}, indent=indent).encode()
    assert json.loads(strip_minted_thinking(body)) == {"messages": expected, "model": "m"}


@given(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text())
def test_provenance_round_trip(kind: str, payload: str) -> None:
    """What was minted opens to itself."""
    assert opened(mint(kind, payload)) == (kind, payload)


@given(st.text())
def test_no_signature_breaks_the_opener(signature: str) -> None:
    """Whatever a client sends as a signature, it opens or it does not."""
    for text in (signature, "ccr1~~~~~~~~~~~~~~~~~~~~." + signature, "ccr1~~~~~~~~~~~~~~~~~~~~.text." + signature):
        opened(text)
