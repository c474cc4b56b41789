"""Replies of Ollama's own API, sound and broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.properties.test_dialects_reply import check_grammar, cuts, encoded, odd, words

from claude_code_router.core.reply import BlockStarted, ReplyEnded, ReplyEvent, ReplyFailed, UsageKnown
from claude_code_router.core.usage import Usage
from claude_code_router.dialects.ollama_chat.reply import ReplyDecoder, decode_reply
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.sse import MAX_EVENT_BYTES

QUIRKS = ChatQuirks()
LAST = {"done": True, "done_reason": "stop", "prompt_eval_count": 11, "eval_count": 5, "total_duration": 9}


def lines(*messages: Any, **last: Any) -> bytes:
    said = [
        {"model": "qwen3", "created_at": "t", "message": {"role": "assistant", **m}, "done": False} for m in messages
    ]
    said.append({"model": "qwen3", "message": {"role": "assistant", "content": ""}, **LAST, **last})
    return b"".join(json.dumps(line).encode() + b"\n" for line in said)


def call(name: str, arguments: Any, **more: Any) -> dict[str, Any]:
    return {"content": "", "tool_calls": [{**more, "function": {"index": 0, "name": name, "arguments": arguments}}]}


def decoded(body: bytes, sizes: list[int]) -> tuple[ReplyEvent, ...]:
    decoder, events, at = ReplyDecoder(QUIRKS), list[ReplyEvent](), 0
    for size in sizes:
        events += decoder.feed(body[at : at + size])
        at += size
    events += decoder.feed(body[at:])
    return (*events, *decoder.close())


def test_thinking_text_and_calls() -> None:
    """In order, with usage; two calls under one number and without ids are two."""
    body = lines(
        {"content": "", "thinking": "hm"},
        {"content": "Let "},
        {"content": "me."},
        call("A", {"x": 1}),
        call("B", {}, id="i"),
    )
    events = decode_reply(body, QUIRKS)
    assert check_grammar(events) == [
        ("thinking", "hm"),
        ("text", "Let me."),
        ("tool_call", '{"x":1}'),
        ("tool_call", "{}"),
    ]
    started = [event for event in events if isinstance(event, BlockStarted) and event.kind == "tool_call"]
    assert [event.name for event in started] == ["A", "B"]
    assert len({event.id for event in started}) == 2
    assert UsageKnown(Usage(input_tokens=11, output_tokens=5)) in events
    assert events[-1] == ReplyEnded("tool_use")


@pytest.mark.parametrize(
    ("body", "end"),
    [
        (lines({"content": "a"}, done_reason="length"), ReplyEnded("max_tokens")),
        (lines({"content": "a"})[:-1], ReplyEnded("end_turn")),
        (json.dumps({"model": "m", "message": {"content": "whole"}, **LAST}).encode(), ReplyEnded("end_turn")),
        (b'{"error":"model \'x\' not found"}', ReplyFailed("api_error", "model 'x' not found")),
        (lines({"content": "a"}).split(b"\n")[0] + b'\n{"error":"killed"}\n', ReplyFailed("api_error", "killed")),
    ],
)
def test_endings(body: bytes, end: ReplyEvent) -> None:
    """Limits, whole bodies, errors before and in the middle."""
    assert decode_reply(body, QUIRKS)[-1] == end


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\n\n", lines({"content": "abc"})[:60], lines({"content": "abc"})[:110]]
)
def test_what_is_no_reply_or_is_cut(body: bytes) -> None:
    """A failure, never a success."""
    assert isinstance(decode_reply(body, QUIRKS)[-1], ReplyFailed)


messages = st.lists(
    st.builds(lambda text: {"content": text}, words)
    | st.builds(lambda text: {"content": "", "thinking": text}, words)
    | st.builds(lambda value: call("T", value), st.dictionaries(words, words, max_size=2)),
    min_size=1,
    max_size=6,
)


@given(messages, cuts)
def test_any_split_of_the_bytes_gives_the_same(messages: list[Any], sizes: list[int]) -> None:
    """And the calls' arguments are what the model gave."""
    body = lines(*messages)
    events = decoded(body, sizes)
    assert events == decoded(body, [])
    calls = [json.loads(value) for kind, value in check_grammar(events) if kind == "tool_call"]
    assert calls == [m["tool_calls"][0]["function"]["arguments"] for m in messages if "tool_calls" in m]
    assert encoded(events)


odd_line = st.fixed_dictionaries(
    {},
    optional={
        "model": odd,
        "message": st.fixed_dictionaries(
            {}, optional={"content": odd, "thinking": odd, "tool_calls": st.lists(odd, max_size=2) | odd}
        ),
        "done": st.booleans() | odd,
        "done_reason": odd,
        "error": odd,
        "eval_count": odd,
    },
)


@settings(max_examples=150)
@given(st.lists(odd_line.map(json.dumps).map(str.encode) | st.binary(max_size=20), max_size=6), cuts)
def test_odd_lines_end_well(body: list[bytes], sizes: list[int]) -> None:
    """Whatever stands in the lines, the grammar is kept and the reply ends once."""
    events = decoded(b"\n".join(body), sizes)
    if len(events) > 1 or not isinstance(events[-1], ReplyFailed):
        check_grammar(events)
    assert encoded(events)


def test_a_line_without_end_is_given_up() -> None:
    """A server that never ends its line must not fill our memory."""
    decoder = ReplyDecoder(QUIRKS)
    piece = b"x" * (1 << 20)
    events = [event for _ in range(MAX_EVENT_BYTES // len(piece) + 1) for event in decoder.feed(piece)]
    assert isinstance(events[-1], ReplyFailed)
