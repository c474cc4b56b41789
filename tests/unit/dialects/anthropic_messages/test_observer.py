"""Watching a relayed reply."""

from __future__ import annotations

import pytest

from claude_code_router.core.usage import Usage
from claude_code_router.dialects.anthropic_messages.observer import ReplyObserver, observe_reply

STREAM = b"""event: message_start
data: {"type":"message_start","message":{"id":"msg_1","model":"claude-x","role":"assistant","content":[],
data: "usage":{"input_tokens":10,"cache_read_input_tokens":90,"cache_creation_input_tokens":5,
data: "cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3},"output_tokens":1}}}

event: ping
data: {"type":"ping"}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"message_stop"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},
data: "usage":{"input_tokens":0,"output_tokens":42,"output_tokens_details":{"thinking_tokens":7},
data: "server_tool_use":{"web_search_requests":2}}}

event: message_stop
data: {"type":"message_stop"}

"""

USAGE = Usage(
    input_tokens=10,
    cache_read_tokens=90,
    cache_write_tokens=5,
    cache_write_1h_tokens=3,
    output_tokens=42,
    reasoning_tokens=7,
    web_searches=2,
)


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_sees_the_facts(step: int) -> None:
    """Model, usage and end are seen however the bytes are cut."""
    seen = ReplyObserver()
    for i in range(0, len(STREAM), step):
        seen.feed(STREAM[i : i + step])
    assert (seen.model, seen.stop_reason, seen.usage) == ("claude-x", "end_turn", USAGE)
    assert (seen.content_started, seen.ended, seen.error, seen.at_boundary) == (True, True, None, True)


def test_sees_them_without_event_lines() -> None:
    """Some servers leave the event lines out; the facts are the same."""
    seen = ReplyObserver()
    seen.feed(b"\n".join(line for line in STREAM.split(b"\n") if not line.startswith(b"event:")))
    assert (seen.usage, seen.ended, seen.content_started) == (USAGE, True, True)


def test_content_starts_with_the_first_block() -> None:
    """Before the first block somebody else may still answer."""
    start, delta = STREAM.index(b"event: content_block_start"), STREAM.index(b"event: content_block_delta")
    seen = ReplyObserver()
    states = []
    for piece in (STREAM[:start], STREAM[start:delta]):
        seen.feed(piece)
        states.append((seen.content_started, seen.ended))
    assert states == [(False, False), (True, False)]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
            ("overloaded_error", "Overloaded"),
        ),
        (b'data: {"type":"error","error":{"type":"api_error","message":"x"}}\n\n', ("api_error", "x")),
        (b'event: error\ndata: {"error":"plain words"}\n\n', ("api_error", "plain words")),
        (b'event: error\ndata: {"message":"bare"}\n\n', ("api_error", "bare")),
    ],
)
def test_sees_errors(event: bytes, expected: tuple[str, str]) -> None:
    """An error event is noticed in any of its forms."""
    seen = ReplyObserver()
    seen.feed(event)
    assert seen.error == expected
    assert not seen.ended


def test_an_unreadable_fact_is_an_error() -> None:
    """A broken message_delta is not passed over in silence."""
    seen = ReplyObserver()
    seen.feed(b"event: message_delta\ndata: {broken\n\n")
    assert seen.error is not None


def test_later_zeros_do_not_erase() -> None:
    """As the client reads it: a zero in message_delta says nothing, a figure wins."""
    seen = ReplyObserver()
    seen.feed(b'data: {"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}\n\n')
    seen.feed(b'data: {"type":"message_delta","delta":{},"usage":{"input_tokens":0,"output_tokens":null}}\n\n')
    assert seen.usage == Usage(input_tokens=5, output_tokens=1)
    seen.feed(b'data: {"type":"message_delta","usage":{"input_tokens":7,"output_tokens":3}}\n\n')
    assert seen.usage == Usage(input_tokens=7, output_tokens=3)


def test_compaction_counts_beside_the_totals() -> None:
    """The tokens of a server-side compaction stand outside the totals and are used all the same."""
    seen = observe_reply(
        b'{"type":"message","content":[],"usage":{"input_tokens":5,"output_tokens":2,"iterations":['
        b'{"type":"compaction","input_tokens":100,"output_tokens":10},{"type":"message","input_tokens":5,"output_tokens":2}]}}'
    )
    assert seen.usage == Usage(input_tokens=105, output_tokens=12)


def test_whole_replies() -> None:
    """A JSON reply has the same facts."""
    seen = observe_reply(
        b'{"type":"message","model":"m","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn","usage":{"input_tokens":3}}'
    )
    assert (seen.model, seen.stop_reason, seen.usage) == ("m", "end_turn", Usage(input_tokens=3))
    assert (seen.content_started, seen.ended, seen.error) == (True, True, None)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b'{"type":"error","error":{"type":"api_error","message":"m"}}']
)
def test_what_is_no_reply_is_an_error(body: bytes) -> None:
    """HTML, an empty object or an error body inside a 200 is not taken for a reply."""
    seen = observe_reply(body)
    assert seen.error is not None
    assert not seen.ended
