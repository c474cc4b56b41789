"""What becomes of Gemini's replies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.core.chat import ChatRequest, Thinking, Tool, ToolCall, Turn
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
from claude_code_router.dialects.gemini.reply import ReplyDecoder, decode_reply
from claude_code_router.dialects.gemini.signatures import carried
from claude_code_router.dialects.provenance import opened
from claude_code_router.dialects.sse_or_json import MAX_BODY_BYTES

MODEL = "gemini-3.1-pro"


def chunk(*parts: Any, finish: str | None = None, **top: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-3.1-pro-002", "responseId": "r1", **top}


def stream(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in chunks)


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"text": words, **more}


def thought(words: str, **more: Any) -> dict[str, Any]:
    return {"text": words, "thought": True, **more}


def call(name: str, args: Any = None, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args if args is not None else {}}, **more}


def shape(events: tuple[ReplyEvent, ...]) -> list[str]:
    """The blocks in words."""
    out: list[str] = []
    for event in events:
        match event:
            case BlockStarted(kind, _, name):
                out.append(f"{kind}:{name}" if name else kind)
            case TextDelta(words) | ThinkingDelta(words) | ToolInputDelta(words):
                out[-1] += f" {words}"
            case SignatureDelta(signature):
                maker, payload = opened(signature) or ("?", "")
                out[-1] += f" <{json.loads(payload)['signature'] if payload else maker}>"
            case ReplyEnded(stop):
                out.append(f"end {stop}")
            case ReplyFailed(error_type):
                out.append(f"failed {error_type}")
            case _:
                pass
    return out


def read(*chunks: dict[str, Any], chat: ChatRequest | None = None) -> tuple[ReplyEvent, ...]:
    return decode_reply(stream(*chunks), chat, MODEL)


CASES: list[tuple[str, tuple[dict[str, Any], ...], list[str]]] = [
    ("text in pieces", (chunk(text("Hel")), chunk(text("lo"), finish="STOP")), ["text Hel lo", "end end_turn"]),
    (
        "thoughts, then text",
        (chunk(thought("hm")), chunk(thought(" so")), chunk(text("Yes")), chunk(text("", thoughtSignature="S"), finish="STOP")),
        ["thinking hm  so <text>", "text Yes", "end end_turn"],
    ),
    (
        "a call takes its signature along",
        (chunk(thought("hm")), chunk(call("A", {"x": 1}, thoughtSignature="S"), finish="STOP")),
        ["thinking hm <S>", 'tool_call:A {"x": 1}', "end tool_use"],
    ),
    (
        "a signature without thoughts has a block of its own",
        (chunk(text("I look.")), chunk(call("A", thoughtSignature="S"), call("B")), chunk(finish="STOP")),
        ["text I look.", "thinking <S>", "tool_call:A {}", "tool_call:B {}", "end tool_use"],
    ),
    (
        "a text's signature",
        (chunk(text("Hi", thoughtSignature="S"), finish="STOP"),),
        ["thinking <S>", "text Hi", "end end_turn"],
    ),
    (
        "thoughts behind the text are held back, and lost at the end",
        (chunk(text("a")), chunk(thought("late")), chunk(finish="STOP")),
        ["text a", "end end_turn"],
    ),
    (
        "thoughts behind the text come before what follows",
        (chunk(text("a")), chunk(thought("late")), chunk(text("b")), chunk(finish="STOP")),
        ["text a", "thinking late <text>", "text b", "end end_turn"],
    ),
    ("blank text opens nothing", (chunk(text(" \n")), chunk(call("A"), finish="STOP")), ["tool_call:A {}", "end tool_use"]),
    ("a name that is missing", (chunk({"functionCall": {}}, finish="STOP"),), ["tool_call:unknown_tool {}", "end tool_use"]),
    ("the limit", (chunk(text("a"), finish="MAX_TOKENS"),), ["text a", "end max_tokens"]),
    ("the limit in the thoughts", (chunk(finish="MAX_TOKENS"),), ["end max_tokens"]),
    ("the limit behind a call", (chunk(call("A"), finish="MAX_TOKENS"),), ["tool_call:A {}", "end tool_use"]),
    ("a word that is new", (chunk(text("a"), finish="TIRED"),), ["text a", "end end_turn"]),
    ("nothing", (chunk(finish="STOP"),), ["failed api_error"]),
    ("cut", (chunk(text("a")),), ["text a", "failed api_error"]),
    ("no chunk at all", ({"usageMetadata": {}},), ["failed api_error"]),
    ("blocked prompt", ({"promptFeedback": {"blockReason": "SAFETY"}},), ["end refusal"]),
    ("error in the stream", (chunk(text("a")), {"error": {"code": 503, "status": "UNAVAILABLE"}}),
     ["text a", "failed overloaded_error"]),
    ("a file", (chunk({"inlineData": {"mimeType": "image/png", "data": "x"}}, finish="STOP"),),
     ["text [the model made a file of type image/png, which cannot be shown here]", "end end_turn"]),
    ("code", (chunk({"executableCode": {"code": "1+1"}}, {"codeExecutionResult": {"output": "2"}}, finish="STOP"),),
     ["text \n```\n1+1\n```\n \n```\n2\n```\n", "end end_turn"]),
]  # fmt: skip


@pytest.mark.parametrize(("chunks", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_blocks(chunks: tuple[dict[str, Any], ...], expected: list[str]) -> None:
    """Each course of a reply becomes these blocks and this end, streamed or as an array."""
    assert shape(read(*chunks)) == expected
    assert shape(decode_reply(json.dumps(chunks, indent=2).encode(), None, MODEL)) == [
        line.replace('{"x": 1}', '{"x":1}') for line in expected
    ]


@pytest.mark.parametrize(
    "finish",
    [
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "LANGUAGE",
        "OTHER",
        "IMAGE_SAFETY",
        "MODEL_ARMOR",
    ],
)
def test_filters_are_refusals(finish: str) -> None:
    """With and without content: the provider has answered, and said no."""
    assert shape(read(chunk(finish=finish))) == ["end refusal"]
    assert shape(read(chunk(text("a"), finish=finish)))[-1] == "end refusal"


@pytest.mark.parametrize("finish", ["MALFORMED_FUNCTION_CALL", "MISSING_THOUGHT_SIGNATURE", "UNEXPECTED_TOOL_CALL"])
def test_accidents_are_failures(finish: str) -> None:
    """No end of a reply: it is worth another try."""
    candidate = {"finishReason": finish, "finishMessage": "call:default_api.x"}
    failed = read({"candidates": [candidate]})[-1]
    assert failed == ReplyFailed("api_error", f"The provider ended its answer with {finish}: call:default_api.x")


def test_usage_in_anthropics_arithmetic() -> None:
    """Cached tokens are taken out of the prompt, thoughts are output, and the last count holds."""
    counts = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 60,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 30,
        "toolUsePromptTokenCount": 5,
    }
    events = read(chunk(text("a"), usageMetadata={"promptTokenCount": 100}), chunk(finish="STOP", usageMetadata=counts))
    assert [event for event in events if isinstance(event, UsageKnown)] == [
        UsageKnown(Usage(input_tokens=45, cache_read_tokens=60, output_tokens=37, reasoning_tokens=30))
    ]


@pytest.mark.parametrize(
    "counts", [{"promptTokenCount": -5, "cachedContentTokenCount": "9"}, {"thoughtsTokenCount": True}, []]
)
def test_odd_usage_is_never_negative(counts: Any) -> None:
    """Whatever stands there."""
    events = read(chunk(text("a"), finish="STOP", usageMetadata=counts))
    assert all(event.usage == Usage() for event in events if isinstance(event, UsageKnown))


def test_ids_and_names_are_the_clients() -> None:
    """Names are the client's own again; an id that the conversation has already is made new; missing ones are made up."""
    chat = ChatRequest(
        model="x",
        tools=(Tool(name="9lives"),),
        turns=(Turn("assistant", (ToolCall("fc1", "A", "{}"),)),),
    )
    parts = [{"functionCall": {"id": "fc1", "name": "_9lives"}}, call("B"), call("B")]
    events = read(chunk(*parts, finish="STOP"), chat=chat)
    started = [event for event in events if isinstance(event, BlockStarted)]
    assert [event.name for event in started] == ["9lives", "B", "B"]
    ids = [event.id for event in started]
    assert len({*ids, "fc1"}) == 4
    assert all(id.replace("_", "a").isalnum() for id in ids)


def test_the_carried_signature_is_found_again() -> None:
    """By the model that it was minted for, and by no other."""
    events = read(chunk(call("A", thoughtSignature="S+/="), finish="STOP"))
    signature = next(event.signature for event in events if isinstance(event, SignatureDelta))
    block = Thinking("", signature)
    found = carried(block, MODEL)
    assert found is not None
    assert (found.signature, found.on) == ("S+/=", "call")
    assert carried(block, "gemini-2.5-flash") is None
    assert carried(Thinking("", "EqQB"), MODEL) is None


def test_the_search_is_told() -> None:
    """Google's sources become the blocks that the client's WebSearch reads, when it had asked for a search."""
    grounding = {
        "webSearchQueries": ["q1", "q2"],
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}, {"web": {"uri": "https://b"}}, {"x": 1}],
    }
    chat = ChatRequest(model="x", tools=(Tool(name="web_search", server_type="web_search_20250305"),))
    whole = chunk(text("Found."), finish="STOP", usageMetadata={"promptTokenCount": 1})
    whole["candidates"][0]["groundingMetadata"] = grounding
    blocks = [json.loads(e.json) for e in read(whole, chat=chat) if isinstance(e, BlockStarted) and e.kind == "opaque"]
    assert blocks[0]["input"] == {"query": "q1; q2"}
    assert [(one["url"], one["title"]) for one in blocks[1]["content"]] == [
        ("https://a", "A"),
        ("https://b", "https://b"),
    ]
    assert blocks[0]["id"] == blocks[1]["tool_use_id"]
    assert any(isinstance(e, UsageKnown) and e.usage.web_searches == 2 for e in read(whole, chat=chat))
    assert not any(isinstance(e, BlockStarted) and e.kind == "opaque" for e in read(whole))


@pytest.mark.parametrize(
    ("args", "json_text"),
    [({"a": "\u00e9"}, '{"a": "\\u00e9"}'), ([1], '{"input":[1]}'), (None, "{}"), ("x", '{"input":"x"}')],
)
def test_arguments_are_an_object(args: Any, json_text: str) -> None:
    """The text is Gemini's own where it is an object."""
    events = read(chunk({"functionCall": {"name": "A", "args": args}}, finish="STOP"))
    assert [event.json for event in events if isinstance(event, ToolInputDelta)] == [json_text]


def test_only_the_first_candidate_is_read() -> None:
    """Others, and empty places, are no part of the answer."""
    both = {
        "candidates": [
            None,
            {"content": {"parts": [None, text("a")]}, "finishReason": "STOP"},
            {"index": 1, "content": {"parts": [text("b")]}},
        ]
    }
    assert shape(read(both)) == ["text a", "end end_turn"]


@pytest.mark.parametrize(
    "body",
    [b"<html>no</html>", b"", b"  \n", b"{", b"[]", b"[1]", b"data: {\n\n", b'{"candidates": 5}', b"data: [DONE]\n\n"],
)
def test_what_is_no_reply_fails(body: bytes) -> None:
    """As a value, never as an exception."""
    events = decode_reply(body)
    assert isinstance(events[-1], ReplyFailed)


def test_nothing_comes_after_the_end() -> None:
    """What is fed behind a failure is not read, and closing twice says nothing more."""
    decoder = ReplyDecoder()
    assert decoder.feed(b'data: {"error": {"code": 429, "message": "m"}}\n\n') == (
        ReplyFailed("rate_limit_error", "m"),
    )
    assert decoder.feed(stream(chunk(text("a")))) == ()
    assert decoder.close() == ()


def test_a_whole_body_is_bounded() -> None:
    """A body that never ends does not fill the memory."""
    assert MAX_BODY_BYTES <= 64 << 20
    decoder = ReplyDecoder()
    piece = b"{" + b" " * (1 << 20)
    failed = [event for _ in range(66) for event in decoder.feed(piece)]
    assert [type(event) for event in failed] == [ReplyFailed]


def test_a_broken_character_does_not_end_the_reply() -> None:
    """Half a character becomes a replacement sign."""
    broken = stream(chunk(text("aXb"), finish="STOP")).replace(b"X", b"\xc3")
    assert shape(decode_reply(broken)) == ["text a\ufffdb", "end end_turn"]


def test_the_reply_says_who_it_is() -> None:
    """Gemini's own id and version are kept for the record."""
    assert read(chunk(text("a"), finish="STOP"))[0] == ReplyStarted("r1", "gemini-3.1-pro-002")
    assert BlockEnded() in read(chunk(text("a"), finish="STOP"))
