"""Corners of chat/completions replies that the recorded shapes do not show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.reply import (
    BlockStarted,
    ReplyEnded,
    ReplyEvent,
    ReplyFailed,
    ReplyStarted,
    TextDelta,
    ToolInputDelta,
    UsageKnown,
)
from claude_code_router.core.usage import Usage
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reply import ReplyDecoder, decode_reply

QUIRKS = ChatQuirks()


def stream(*deltas: Any, finish: str | None = "stop", **last: Any) -> bytes:
    chunks = [
        {"id": "c-1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], **last})
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


def call(arguments: Any = None, **fields: Any) -> dict[str, Any]:
    name = fields.pop("name", None)
    return {"tool_calls": [{**fields, "function": {"arguments": arguments} | ({"name": name} if name else {})}]}


def calls(events: tuple[ReplyEvent, ...]) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for event in events:
        if isinstance(event, BlockStarted) and event.kind == "tool_call":
            found.append((event.id, event.name, ""))
        elif isinstance(event, ToolInputDelta):
            found[-1] = (*found[-1][:2], found[-1][2] + event.json)
    return found


ASSEMBLED: list[tuple[str, list[Any], list[tuple[str, str, str]]]] = [
    ("an id that comes late", [call(name="A", index=0), call("{}", id="x", index=0)], [("x", "A", "{}")]),
    (
        "another id on every piece",
        [call("", name="A", id="x", index=0), call('{"a":', id="y", index=0), call("1}", id="z", index=0)],
        [("x", "A", '{"a":1}')],
    ),
    (
        "another id on every piece, without an index",
        [call("", name="A", id="x"), call('{"a":', id="y"), call("1}", id="z")],
        [("x", "A", '{"a":1}')],
    ),
    (
        "one id for two calls",
        [call('{"a":1}', name="A", id="x"), call('{"b":2}', name="B", id="x"), call('{"b":3}', name="B", id="x")],
        [("x", "A", '{"a":1}'), ("x_1", "B", '{"b":2}'), ("x_2", "B", '{"b":3}')],
    ),
    (
        "the next call without a name",
        [call('{"a":1}', name="A", index=0), call('{"a":2}', index=0)],
        [("call_d0", "A", '{"a":1}'), ("call_d1", "A", '{"a":2}')],
    ),
    ("a call without a name", [call('{"a":1}', id="x")], [("x", "unknown_tool", '{"a":1}')]),
    ("no call at all", [{"tool_calls": [{"index": 0}, {"function": None}, None, 5]}, {"content": "t"}], []),
    (
        "an escape cut in two",
        [call('{"a":"x\\', name="A", id="x"), call('"y\n', id="x"), call('"', id="x")],
        [("x", "A", '{"a":"x\\"y\\n"}')],
    ),
    ("a bracket in a string", [call('{"a":["[{\\\\"', name="A", id="x")], [("x", "A", '{"a":["[{\\\\"]}')]),
    ("brackets that do not help", [call('{"a":1,', name="A", id="x")], [("x", "A", '{"a":1,')]),
    ("brackets too many", [call('{"a":1}]}', name="A", id="x")], [("x", "A", '{"a":1}]}')]),
    ("blank space behind the end", [call('{"a":1}', name="A", id="x"), call("  \n", id="x")], [("x", "A", '{"a":1}')]),
]


@pytest.mark.parametrize(("deltas", "expected"), [a[1:] for a in ASSEMBLED], ids=[a[0] for a in ASSEMBLED])
def test_calls_are_put_together(deltas: list[Any], expected: list[tuple[str, str, str]]) -> None:
    """Every piece finds its call."""
    found = calls(decode_reply(stream(*deltas), QUIRKS))
    assert [entry[1:] for entry in found] == [entry[1:] for entry in expected]
    for (got, _, _), (wanted, _, _) in zip(found, expected, strict=True):
        assert got == wanted or (wanted.startswith("call_d") and got.startswith("call_"))
    assert len({entry[0] for entry in found}) == len(found)


def test_without_mending_arguments_go_as_they_came() -> None:
    """The owner can switch mending off."""
    events = decode_reply(
        stream(call("ls", name="A", id="x"), call('{"a":1', name="B", id="y")), ChatQuirks(repair_tool_json=False)
    )
    assert [entry[2] for entry in calls(events)] == ["ls", '{"a":1']


USAGES: list[tuple[Any, Usage | None]] = [
    ({"prompt_tokens": 100, "completion_tokens": 20}, Usage(input_tokens=100, output_tokens=20)),
    (
        {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
        },
        Usage(input_tokens=10, cache_read_tokens=60, cache_write_tokens=30, output_tokens=20),
    ),
    (
        {"prompt_tokens": 100, "completion_tokens": 20, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36},
        Usage(input_tokens=36, cache_read_tokens=64, output_tokens=20),
    ),
    (
        {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "completion_tokens_details": {"reasoning_tokens": 15},
        },
        Usage(input_tokens=100, output_tokens=20, reasoning_tokens=15),
    ),
    (
        {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 135,
            "completion_tokens_details": {"reasoning_tokens": 15},
        },
        Usage(input_tokens=100, output_tokens=35, reasoning_tokens=15),
    ),
    ({"prompt_tokens": 10, "cached_tokens": 50, "completion_tokens": -3}, Usage(cache_read_tokens=10)),
    ({"prompt_tokens": "many", "completion_tokens": 2.0, "prompt_tokens_details": None}, Usage(output_tokens=2)),
    (
        {"input_tokens": 7, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 3}},
        Usage(input_tokens=4, cache_read_tokens=3, output_tokens=2),
    ),
    (None, None),
    ([], None),
]


@pytest.mark.parametrize(("wire", "usage"), USAGES)
def test_usage(wire: Any, usage: Usage | None) -> None:
    """Cached tokens are part of the prompt, reasoning is part of the output, and no count is negative."""
    events = decode_reply(stream({"content": "a"}, usage=wire), QUIRKS)
    assert [event.usage for event in events if isinstance(event, UsageKnown)] == ([] if usage is None else [usage])


def test_usage_of_groq() -> None:
    """Groq's older place for the usage is read too."""
    events = decode_reply(
        stream({"content": "a"}, x_groq={"usage": {"prompt_tokens": 3, "completion_tokens": 1}}), QUIRKS
    )
    assert UsageKnown(Usage(input_tokens=3, output_tokens=1)) in events


@pytest.mark.parametrize(
    ("body", "failed"),
    [
        (
            b'data: {"choices":[{"index":0,"error":{"code":503,"message":"busy"}}]}\n\n',
            ReplyFailed("overloaded_error", "busy"),
        ),
        (b'event: error\ndata: {"message":"bad key","code":401}\n\n', ReplyFailed("authentication_error", "bad key")),
        (b'data: {"object":"error","message":"no","code":400}\n\n', ReplyFailed("invalid_request_error", "no")),
        (b'data: {"x_groq":{"error":"broke"},"message":"broke"}\n\n', ReplyFailed("api_error", "broke")),
        (b'{"error":"plain"}', ReplyFailed("api_error", "plain")),
        (b'[{"error":{"code":429,"message":"slow down"}}]', ReplyFailed("rate_limit_error", "slow down")),
        (b'{"message":"nope","code":"model_not_found"}', ReplyFailed("not_found_error", "nope")),
        (b"", ReplyFailed("api_error", "The provider's answer is not a chat completion, or is empty.", cut=True)),
        (b"data: [DONE]\n\n", ReplyFailed("api_error", "The provider ended its answer without any content.")),
        (
            b'{"error":{"message":"maximum context length is 1000 tokens, you requested 2000 tokens",'
            b'"code":"context_length_exceeded"}}',
            ReplyFailed("invalid_request_error", "prompt is too long: 2000 tokens > 1000 maximum"),
        ),
    ],
)
def test_errors_inside_a_200(body: bytes, failed: ReplyFailed) -> None:
    """However an error is dressed, it comes out as a failure with its type and words."""
    assert decode_reply(body, QUIRKS) == (failed,)


def test_json_in_pieces() -> None:
    """A JSON body is read when it is complete."""
    body = b' \n{"choices":[{"message":{"content":"a"},"finish_reason":null}]}'
    decoder = ReplyDecoder(QUIRKS, ChatRequest(model="m"))
    assert [decoder.feed(body[i : i + 1]) for i in range(len(body))] == [()] * len(body)
    assert decoder.close()[-1] == ReplyEnded("end_turn")


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", "end_turn"),
        ("STOP", "end_turn"),
        ("length", "max_tokens"),
        ("MAX_TOKENS", "max_tokens"),
        ("safety", "refusal"),
        ("tool_calls", "end_turn"),
        ("brand_new", "end_turn"),
    ],
)
def test_stop_reasons(finish: str, stop: str) -> None:
    """The words of the end, in any case; without a call there is no tool_use."""
    assert decode_reply(stream({"content": "a"}, finish=finish), QUIRKS)[-1] == ReplyEnded(stop)  # type: ignore[arg-type]


@pytest.mark.parametrize(("finish", "stop"), [("length", "max_tokens"), ("content_filter", "refusal")])
def test_an_end_that_explains_its_silence(finish: str, stop: str) -> None:
    """No content is a failure, unless a limit or a filter says why."""
    assert decode_reply(stream({}, finish=finish), QUIRKS)[-1] == ReplyEnded(stop)  # type: ignore[arg-type]


def test_a_limit_behind_whole_calls() -> None:
    """When the limit was met behind a whole call, the call can be carried out."""
    assert decode_reply(stream(call('{"a":1}', name="A", id="x"), finish="length"), QUIRKS)[-1] == ReplyEnded(
        "tool_use"
    )


def test_text_streams_at_once() -> None:
    """Each piece of text leaves with its chunk."""
    decoder = ReplyDecoder(QUIRKS)
    first, second = stream({"content": "a"}, {"content": "b"}).split(b"\n\n")[:2]
    assert decoder.feed(first + b"\n\n") == (ReplyStarted("c-1", "m"), BlockStarted("text"), TextDelta("a"))
    assert decoder.feed(second + b"\n\n") == (TextDelta("b"),)


def test_arguments_stream_at_once() -> None:
    """Each piece of the arguments leaves with its chunk."""
    decoder = ReplyDecoder(QUIRKS)
    chunks = stream(call('{"a', name="A", id="x"), call('":1', id="x")).split(b"\n\n")[:2]
    assert decoder.feed(chunks[0] + b"\n\n")[-1] == ToolInputDelta('{"a')
    assert decoder.feed(chunks[1] + b"\n\n") == (ToolInputDelta('":1'),)
