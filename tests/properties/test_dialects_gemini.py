"""What must hold for every generateContent stream, sound or broken, and for every request."""

from __future__ import annotations

import json
from typing import Any

from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_router.core.chat import (
    ChatRequest,
    Document,
    Image,
    Opaque,
    Text,
    Thinking,
    ToolCall,
    ToolReference,
    ToolResult,
    Turn,
)
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
from claude_code_router.dialects.gemini.errors import decode_error, retry_after_s
from claude_code_router.dialects.gemini.reply import ReplyDecoder, decode_reply
from claude_code_router.dialects.gemini.request import encode_request
from claude_code_router.dialects.gemini.signatures import PLACEHOLDER, mint_signature
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks

MODEL = "gemini-3.1-pro"
words = st.text(min_size=1, max_size=10)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=4), x, max_size=3),
    max_leaves=6,
)
signatures: st.SearchStrategy[dict[str, str]] = st.one_of(st.just({}), st.just({"thoughtSignature": "c2ln"}))
sound_parts = st.one_of(
    st.builds(lambda text, sig: {"text": text, **sig}, words, signatures),
    st.builds(lambda text: {"text": text, "thought": True}, words),
    st.builds(
        lambda args, sig: {"functionCall": {"name": "A", "args": args}, **sig},
        st.dictionaries(words, json_values, max_size=2),
        signatures,
    ),
)
finishes = st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL", "NEW", ""])
odd = json_values | sound_parts


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    chunks = []
    for parts in draw(st.lists(st.lists(sound_parts, max_size=3), max_size=5)):
        chunks.append({"candidates": [{"content": {"parts": parts}}], "responseId": "r"})
    chunks.append({"candidates": [{"finishReason": draw(finishes)}], "usageMetadata": draw(json_values)})
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks)


@st.composite
def odd_streams(draw: st.DrawFn) -> bytes:
    chunk = st.fixed_dictionaries(
        {},
        optional={
            "candidates": odd
            | st.lists(
                odd
                | st.fixed_dictionaries(
                    {},
                    optional={
                        "content": odd | st.fixed_dictionaries({"parts": odd | st.lists(odd, max_size=2)}),
                        "finishReason": odd,
                        "index": odd,
                        "groundingMetadata": odd,
                    },
                ),
                max_size=2,
            ),
            "usageMetadata": odd | st.dictionaries(st.sampled_from(["promptTokenCount", "thoughtsTokenCount"]), odd),
            "promptFeedback": odd,
            "error": odd,
            "modelVersion": odd,
        },
    )
    chunks = draw(st.lists(chunk | odd, max_size=4))
    if draw(st.booleans()):
        return json.dumps(chunks).encode()
    return b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in chunks)


cuts = st.lists(st.integers(min_value=1, max_value=50), max_size=60)


def fed(stream: bytes, sizes: list[int]) -> list[ReplyEvent]:
    decoder = ReplyDecoder(None, MODEL)
    events: list[ReplyEvent] = []
    at = 0
    for size in sizes:
        events += decoder.feed(stream[at : at + size])
        at += size
    return [*events, *decoder.feed(stream[at:]), *decoder.close(), *decoder.close()]


def check_grammar(events: list[ReplyEvent]) -> None:
    """core.reply's grammar, and arguments that are an object."""
    open_kind, json_text, ended = "", "", False
    for at, event in enumerate(events):
        assert not ended
        match event:
            case ReplyStarted():
                assert at == 0
            case BlockStarted(kind):
                assert not open_kind
                open_kind, json_text = kind, ""
            case TextDelta(text):
                assert open_kind == "text"
                assert text
            case ThinkingDelta() | SignatureDelta():
                assert open_kind == "thinking"
            case ToolInputDelta(text):
                assert open_kind == "tool_call"
                json_text += text
            case BlockEnded():
                assert open_kind
                assert open_kind != "tool_call" or isinstance(json.loads(json_text), dict)
                open_kind = ""
            case UsageKnown(usage):
                assert (
                    min(usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.reasoning_tokens) >= 0
                )
            case ReplyEnded():
                ended = True
                assert not open_kind
            case ReplyFailed(_, message):
                ended = True
                assert message
    assert ended


@given(streams(), cuts)
def test_any_split_gives_the_same_events(stream: bytes, sizes: list[int]) -> None:
    """The network may cut anywhere, and the events keep the grammar."""
    events = fed(stream, sizes)
    assert events == fed(stream, [])
    check_grammar(events)


@given(odd_streams(), cuts)
def test_odd_chunks_keep_the_grammar(stream: bytes, sizes: list[int]) -> None:
    """Members of any shape: a value comes out, never an exception."""
    check_grammar(fed(stream, sizes))


@given(streams(), st.data())
def test_mutilated_streams_keep_the_grammar(stream: bytes, data: st.DataObject) -> None:
    """Bytes dropped, changed, doubled: the end is told all the same."""
    broken = bytearray(stream)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(broken) - 1))
        match data.draw(st.sampled_from(["drop", "change", "cut", "double"])):
            case "drop":
                del broken[at : at + data.draw(st.integers(1, 9))]
            case "change":
                broken[at] = data.draw(st.integers(0, 255))
            case "cut":
                del broken[at:]
            case _:
                broken[at:at] = broken[at : at + 40]
        if not broken:
            break
    check_grammar(fed(bytes(broken), data.draw(cuts)))


@given(st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()), st.integers(300, 599))
def test_errors_are_read_whatever_they_are(body: bytes, status: int) -> None:
    """A type and a sentence for every body."""
    kind, message = decode_error(status, body)
    assert kind.endswith(("_error", "_too_large"))
    assert message
    delay = retry_after_s(body)
    assert delay is None or delay >= 0
    check_grammar(list(decode_reply(body)))


inputs = st.sampled_from(["{}", '{"a":1}', "null", "", "{bad", "[1]"])
ids = st.sampled_from(["t0", "t1", "t2"])
results = st.builds(
    ToolResult,
    ids,
    st.lists(
        st.builds(Text, words) | st.just(Image("image/png", "aQ==")) | st.just(ToolReference("X")), max_size=2
    ).map(tuple),
    st.booleans(),
)
thinkings = st.sampled_from(
    [
        Thinking("x", ""),
        Thinking("x", "EqQB"),
        Thinking("x", mint_signature(MODEL, "c2ln", "call")),
        Thinking("x", mint_signature(MODEL, "c2ln", "text")),
    ]
)
model_parts = st.lists(
    st.builds(Text, st.text(max_size=4)) | thinkings | st.builds(ToolCall, ids, words, inputs), max_size=4
).map(tuple)
user_parts = st.lists(
    st.builds(Text, st.text(max_size=4))
    | results
    | st.just(Document("application/pdf", data="JVBE"))
    | st.just(Opaque("x", "{}")),
    max_size=4,
).map(tuple)
turns = st.lists(
    st.builds(Turn, st.just("assistant"), model_parts)
    | st.builds(Turn, st.just("user"), user_parts)
    | st.builds(Turn, st.just("system"), st.lists(st.builds(Text, words), max_size=2).map(tuple)),
    min_size=1,
    max_size=6,
).map(tuple)


@settings(deadline=None)
@given(turns, st.sampled_from([MODEL, "gemini-2.5-flash"]))
def test_every_history_is_one_that_gemini_takes(history: tuple[Turn, ...], model: str) -> None:
    """Google's own SDK reads each content; roles alternate from the user's on; every call is answered at once, by name and in
    order; the first call of a step is signed where that is demanded."""
    body: dict[str, Any] = json.loads(encode_request(ChatRequest(model="x", turns=history), model, ChatQuirks()))
    contents = body["contents"]
    assert [content["role"] for content in contents] == [
        "user" if i % 2 == 0 else "model" for i in range(len(contents))
    ]
    waiting: list[tuple[str, object]] = []
    for content in contents:
        types.Content.model_validate(content)
        assert content["parts"]
        answers = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        assert [(one["name"], one.get("id")) for one in answers] == waiting
        calls = [part for part in content["parts"] if "functionCall" in part]
        waiting = [(part["functionCall"]["name"], part["functionCall"].get("id")) for part in calls]
        if calls and model == MODEL:
            assert calls[0]["thoughtSignature"] in ("c2ln", PLACEHOLDER)
        elif calls:
            assert PLACEHOLDER not in json.dumps(calls)
    assert not waiting
