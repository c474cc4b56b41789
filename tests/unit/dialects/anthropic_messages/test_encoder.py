"""Replies, written for Anthropic clients."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.core.errors import BadReply, Misuse
from claude_code_router.core.reply import (
    BlockEnded,
    BlockStarted,
    ReplyEnded,
    ReplyEvent,
    ReplyFailed,
    ReplyStarted,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    ToolInputDelta,
    UsageKnown,
)
from claude_code_router.core.usage import Usage
from claude_code_router.dialects.anthropic_messages.encoder import PING, ReplyEncoder, encode_reply
from claude_code_router.dialects.sse import SSEDecoder

USAGE = Usage(
    input_tokens=5,
    cache_read_tokens=6,
    cache_write_tokens=7,
    cache_write_1h_tokens=3,
    output_tokens=8,
    reasoning_tokens=2,
)
OPAQUE = '{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}}'
REPLY: tuple[ReplyEvent, ...] = (
    ReplyStarted("up-1", "up-model"),
    BlockStarted("thinking"),
    ThinkingDelta("h"),
    ThinkingDelta("m"),
    SignatureDelta("ccr1~~~~~~~~~~~~~~~~~~~~.text"),
    BlockEnded(),
    BlockStarted("text"),
    TextDelta('a"'),
    TextDelta("\né"),
    BlockEnded(),
    BlockStarted("opaque", json=OPAQUE),
    BlockEnded(),
    BlockStarted("tool_call", id="c", name="T"),
    ToolInputDelta('{"x":'),
    ToolInputDelta("1}"),
    BlockEnded(),
    UsageKnown(USAGE),
    ReplyEnded("tool_use"),
)
WIRE_USAGE = {
    "input_tokens": 5,
    "cache_creation_input_tokens": 7,
    "cache_read_input_tokens": 6,
    "output_tokens": 8,
    "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 3},
    "output_tokens_details": {"thinking_tokens": 2},
}
CONTENT = [
    {"type": "thinking", "thinking": "hm", "signature": "ccr1~~~~~~~~~~~~~~~~~~~~.text"},
    {"type": "text", "text": 'a"\né'},
    json.loads(OPAQUE),
    {"type": "tool_use", "id": "c", "name": "T", "input": {"x": 1}},
]


def streamed(events: tuple[ReplyEvent, ...]) -> list[tuple[str, Any]]:
    encoder = ReplyEncoder("msg_1", "asked", 99)
    stream = b"".join(encoder.feed(event) for event in events) + encoder.close()
    return [(event.event.decode(), json.loads(event.data)) for event in SSEDecoder().feed(stream)]


def test_the_stream() -> None:
    """Names, types and indices are Anthropic's: an estimate at the start, the truth at the end."""
    events = streamed(REPLY)
    assert all(name == data["type"] for name, data in events)
    start, end = events[0][1]["message"], events[-2][1]
    assert (start["id"], start["model"], start["role"], start["content"], start["stop_reason"]) == (
        "msg_1",
        "asked",
        "assistant",
        [],
        None,
    )
    assert start["usage"]["input_tokens"] == 99
    assert end == {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": WIRE_USAGE,
    }
    assert events[-1][0] == "message_stop"
    assert [d["index"] for _, d in events if d["type"] == "content_block_start"] == [0, 1, 2, 3]
    assert [d["index"] for _, d in events if d["type"] == "content_block_stop"] == [0, 1, 2, 3]


def test_the_whole_reply() -> None:
    """The same events as one JSON body."""
    assert json.loads(encode_reply(REPLY, "msg_1", "asked")) == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "asked",
        "content": CONTENT,
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": WIRE_USAGE,
    }


def test_an_estimate_stands_where_nobody_counted() -> None:
    """Without the upstream's usage the client still learns how full its context is."""
    end = streamed((ReplyStarted(), ReplyEnded("end_turn")))[-2][1]
    assert end["usage"]["input_tokens"] == 99
    whole = json.loads(encode_reply((ReplyStarted(), ReplyEnded("end_turn")), "m", "m", 99))
    assert whole["usage"]["input_tokens"] == 99


@pytest.mark.parametrize(
    ("failed", "error_type"),
    [
        (ReplyFailed("api_error", "m"), "overloaded_error"),
        (ReplyFailed("rate_limit_error", "m"), "overloaded_error"),
        (ReplyFailed("invalid_request_error", "m"), "invalid_request_error"),
        (ReplyFailed("invalid_request_error", "m", cut=True), "overloaded_error"),
    ],
)
def test_failures(failed: ReplyFailed, error_type: str) -> None:
    """What another try may mend wears the type after which the client streams again; no end follows, no block is closed."""
    events = streamed((ReplyStarted(), BlockStarted("text"), TextDelta("a"), failed))
    assert events[-1] == ("error", {"type": "error", "error": {"type": error_type, "message": "m"}})
    assert "content_block_stop" not in [name for name, _ in events]
    assert "message_stop" not in [name for name, _ in events]


@pytest.mark.parametrize("cut_at", range(len(REPLY)))
def test_closing_an_unfinished_reply(cut_at: int) -> None:
    """Wherever the events end, an error event says so."""
    events = streamed(REPLY[:cut_at])
    assert events[-1][0] == "error"
    assert "message_stop" not in [name for name, _ in events]


def test_content_started() -> None:
    """Content has started with the first block, not with the message."""
    encoder = ReplyEncoder("m", "m", 1)
    states = []
    for event in REPLY[:2]:
        encoder.feed(event)
        states.append(encoder.content_started)
    assert states == [False, True]


@pytest.mark.parametrize(
    "events",
    [
        (TextDelta("a"),),
        (BlockStarted("text"),),
        (ReplyStarted(), ReplyStarted()),
        (ReplyStarted(), BlockEnded()),
        (ReplyStarted(), BlockStarted("text"), BlockStarted("text")),
        (ReplyStarted(), BlockStarted("text"), ReplyEnded("end_turn")),
        (ReplyStarted(), ReplyEnded("end_turn"), ReplyEnded("end_turn")),
    ],
)
def test_a_decoders_mistake_is_not_passed_on(events: tuple[ReplyEvent, ...]) -> None:
    """Events against the grammar are our own bug and stop here."""
    with pytest.raises(Misuse):
        streamed(events)


@pytest.mark.parametrize("events", [(), REPLY[:-1], (*REPLY[:-1], ReplyFailed("overloaded_error", "m"))])
def test_an_unfinished_whole_reply_is_no_reply(events: tuple[ReplyEvent, ...]) -> None:
    """A reply that did not end is an error, not a short answer."""
    with pytest.raises(BadReply):
        encode_reply(events, "m", "m")


def test_broken_arguments_in_a_whole_reply() -> None:
    """What cannot be read is shown as the client shows it itself."""
    events = (
        ReplyStarted(),
        BlockStarted("tool_call", id="a", name="T"),
        ToolInputDelta('{"x'),
        BlockEnded(),
        ReplyEnded("tool_use"),
    )
    (block,) = json.loads(encode_reply(events, "m", "m"))["content"]
    assert block["input"] == {"__unparsedToolInput": {"raw": '{"x', "len": 3}}


def test_ping() -> None:
    """A ping is an event of its own."""
    assert SSEDecoder().feed(PING) == [(b"ping", b'{"type":"ping"}')]
