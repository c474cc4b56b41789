"""What must hold for every chat/completions stream, sound or broken."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from claude_code_router.dialects.anthropic_messages.encoder import PING, ReplyEncoder, encode_reply
from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reply import ReplyDecoder, decode_reply
from claude_code_router.dialects.openai_chat.request import encode_request

QUIRKS = ChatQuirks()
TAGS = ChatQuirks(inline_think_tags=True)

Block = tuple[str, Any]

words = st.text(min_size=1, max_size=12).filter(lambda text: bool(text.strip()))
arguments = st.dictionaries(
    st.text(max_size=5),
    st.recursive(st.text(max_size=9) | st.integers() | st.none(), lambda x: st.lists(x, max_size=3)),
    max_size=3,
)
blocks: st.SearchStrategy[list[Block]] = st.lists(
    st.tuples(st.just("text"), words) | st.tuples(st.just("thinking"), words) | st.tuples(st.just("call"), arguments),
    min_size=1,
    max_size=6,
)
cuts = st.lists(st.integers(min_value=1, max_value=60), max_size=60)


def chunk(delta: dict[str, Any], finish: str | None = None, **top: Any) -> bytes:
    body = {"id": "c-1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **top}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


@st.composite
def replies(draw: st.DrawFn) -> tuple[list[Block], bytes]:
    """Blocks, and a stream that a sound server might have made of them."""
    content = draw(blocks)
    ids, indexes = draw(st.sampled_from(["all", "head", "none"])), draw(st.booleans())
    reasoning = draw(st.sampled_from(["reasoning", "reasoning_content"]))
    stream = chunk({"role": "assistant", "content": ""})
    calls = 0
    for kind, value in content:
        if kind == "call":
            call: dict[str, Any] = {"index": calls} if indexes or ids == "none" else {}
            first = call | ({} if ids == "none" else {"id": f"id-{calls}"})
            text = json.dumps(value)
            at = draw(st.integers(0, len(text)))
            stream += chunk({"tool_calls": [first | {"function": {"name": f"T{calls}", "arguments": text[:at]}}]})
            for piece in (text[at : at + 3], text[at + 3 :]):
                stream += chunk(
                    {"tool_calls": [(first if ids == "all" else call) | {"function": {"arguments": piece}}]}
                )
            calls += 1
        else:
            at = draw(st.integers(0, len(value)))
            for piece in (value[:at], value[at:]):
                stream += chunk({("content" if kind == "text" else reasoning): piece})
    usage = {
        "prompt_tokens": draw(st.integers(0, 99)),
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": draw(st.integers(0, 120))},
    }
    finish = draw(st.sampled_from(["stop", "tool_calls"]))
    if draw(st.booleans()):
        stream += chunk({}, finish, usage=usage)
    else:
        stream += chunk({}, finish) + b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n"
    return content, stream + (b"data: [DONE]\n\n" if draw(st.booleans()) else b"")


def merged(content: list[Block]) -> list[Block]:
    """Text behind text, and thinking behind thinking, is one block."""
    out: list[Block] = []
    for kind, value in content:
        if out and out[-1][0] == kind != "call":
            out[-1] = (kind, out[-1][1] + value)
        else:
            out.append((kind, value))
    kinds = {kind for kind, _ in out}
    if out[-1][0] == "thinking" and "text" in kinds and "call" not in kinds:
        out.pop()  # left out on purpose: it would hide the text
    return out


def check_grammar(events: tuple[ReplyEvent, ...]) -> list[Block]:
    """Raises when the events break the grammar of core.reply; answers the blocks."""
    found: list[Block] = []
    kind = ""
    assert isinstance(events[-1], ReplyEnded | ReplyFailed)
    for i, event in enumerate(events[:-1]):
        assert not isinstance(event, ReplyEnded | ReplyFailed)
        assert isinstance(event, ReplyStarted) == (i == 0)
        match event:
            case BlockStarted():
                assert not kind
                kind = event.kind
                found.append((kind, ""))
            case BlockEnded():
                assert kind
                kind = ""
            case TextDelta(text):
                assert kind == "text"
                found[-1] = (kind, found[-1][1] + text)
            case ThinkingDelta(text):
                assert kind == "thinking"
                found[-1] = (kind, found[-1][1] + text)
            case ToolInputDelta(text):
                assert kind == "tool_call"
                found[-1] = (kind, found[-1][1] + text)
            case SignatureDelta():
                assert kind == "thinking"
            case UsageKnown(usage):
                assert (
                    min(usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens) >= 0
                )
            case _:
                pass
    assert not kind or isinstance(events[-1], ReplyFailed)
    return found


def decoded(stream: bytes, sizes: list[int], quirks: ChatQuirks = QUIRKS) -> tuple[ReplyEvent, ...]:
    decoder, events, at = ReplyDecoder(quirks), list[ReplyEvent](), 0
    for size in sizes:
        events += decoder.feed(stream[at : at + size])
        at += size
    events += decoder.feed(stream[at:])
    events += decoder.close()
    assert decoder.feed(b'data: {"choices":[{"delta":{"content":"late"}}]}\n\n') == decoder.close() == ()
    return tuple(events)


@given(replies(), cuts)
def test_a_sound_stream_gives_its_content(reply: tuple[list[Block], bytes], sizes: list[int]) -> None:
    """However a server cuts its blocks and the network its bytes, the same blocks come out, in order and whole."""
    content, stream = reply
    events = decoded(stream, sizes)
    found = check_grammar(events)
    readable = [("call", json.loads(text)) if kind == "tool_call" else (kind, text) for kind, text in found]
    assert readable == merged(content)
    assert events[-1] == ReplyEnded("tool_use" if any(kind == "call" for kind, _ in content) else "end_turn")
    assert events == decoded(stream, [])


@given(replies(), cuts, st.booleans())
def test_the_same_in_one_json_body(reply: tuple[list[Block], bytes], sizes: list[int], tags: bool) -> None:
    """The stream's events, encoded as a stream and as a whole reply, carry the same content."""
    events = decoded(reply[1], sizes, TAGS if tags else QUIRKS)
    whole = json.loads(encode_reply(events, "msg_1", "m", 7))
    assert [block["type"] for block in whole["content"]] == [
        {"tool_call": "tool_use"}.get(event.kind, event.kind) for event in events if isinstance(event, BlockStarted)
    ]


@given(replies())
def test_what_was_answered_goes_back(reply: tuple[list[Block], bytes]) -> None:
    """A reply that returns as history carries the same text, calls and reasoning to the server that gave it."""
    content = merged(reply[0])
    whole = json.loads(encode_reply(decoded(reply[1], []), "msg_1", "m"))
    history = [{"role": "user", "content": "go"}, {"role": "assistant", "content": whole["content"]}]
    chat = decode_request(json.dumps({"model": "m", "messages": history}).encode())
    quirks = ChatQuirks(reasoning_replay="reasoning_content")
    message = json.loads(encode_request(chat, "m", quirks))["messages"][1]
    said = {kind: [value for one, value in content if one == kind] for kind in ("text", "thinking", "call")}
    assert (message["content"] or "") == "\n\n".join(said["text"])
    assert message.get("reasoning_content", "") == "\n\n".join(said["thinking"])
    assert [json.loads(call["function"]["arguments"]) for call in message.get("tool_calls", ())] == said["call"]


odd = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.text(max_size=4)
    | st.sampled_from(["{", "}", '{"a":1}', '"', "stop", "error", "Bash"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["text", "type", "thinking", "id", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)
odd_call = st.fixed_dictionaries(
    {},
    optional={
        "index": st.sampled_from([0, 1, 2, None, "1", -1, True]) | odd,
        "id": st.sampled_from(["a", "b", "", None, 0]) | odd,
        "function": st.fixed_dictionaries(
            {}, optional={"name": st.sampled_from(["A", "B", "", None]) | odd, "arguments": odd}
        )
        | odd,
    },
)
odd_delta = st.fixed_dictionaries(
    {},
    optional={
        "content": odd,
        "reasoning": odd,
        "reasoning_content": odd,
        "reasoning_details": st.lists(
            st.dictionaries(st.sampled_from(["type", "text", "data", "index"]), odd), max_size=2
        )
        | odd,
        "tool_calls": st.lists(odd_call, max_size=3) | odd,
        "function_call": odd_call | odd,
        "refusal": odd,
        "annotations": odd,
    },
)
odd_chunk = st.fixed_dictionaries(
    {},
    optional={
        "id": odd,
        "model": odd,
        "choices": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "index": odd,
                    "delta": odd_delta | odd,
                    "finish_reason": odd,
                    "usage": odd,
                    "error": odd,
                    "message": odd_delta,
                },
            ),
            max_size=2,
        ),
        "usage": st.dictionaries(
            st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"]), odd
        )
        | odd,
        "error": odd,
        "x_groq": odd,
    },
)


@settings(max_examples=150)
@given(
    st.lists(odd_chunk | odd_delta.map(lambda delta: {"choices": [{"delta": delta}]}), max_size=6), st.booleans(), cuts
)
def test_odd_chunks_end_well(chunks: list[Any], done: bool, sizes: list[int]) -> None:
    """Whatever stands in the chunks, the events keep the grammar and end once, and the encoder can write them."""
    stream = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in chunks) + (
        b"data: [DONE]\n\n" if done else b""
    )
    for quirks in (QUIRKS, TAGS):
        events = decoded(stream, sizes, quirks)
        check_grammar(events)
        assert encoded(events)


@settings(max_examples=100)
@given(replies(), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 3), st.binary(max_size=3)), max_size=4), cuts)
def test_mutilated_streams_end_well(
    reply: tuple[list[Block], bytes], wounds: list[tuple[int, int, bytes]], sizes: list[int]
) -> None:
    """Bytes that are lost or changed anywhere never break the grammar."""
    stream = reply[1]
    for at, lost, instead in wounds:
        stream = stream[:at] + instead + stream[at + lost :]
    events = decoded(stream, sizes)
    check_grammar(events)
    assert encoded(events)


@given(replies(), st.integers(0, 3000))
def test_a_cut_stream_is_never_a_success(reply: tuple[list[Block], bytes], at: int) -> None:
    """Cut before its finish reason, a stream ends in ReplyFailed, and what came before is a beginning of the whole."""
    content, stream = reply
    stream = stream[: min(at, stream.rindex(b'"finish_reason": "'))]
    events = decoded(stream, [])
    assert isinstance(events[-1], ReplyFailed)
    assert events[-1].cut
    found = check_grammar(events)
    for (_, text), (kind, value) in zip(found, merged(content), strict=False):
        assert (json.dumps(value) if kind == "call" else value).startswith(text)


@given(st.binary(max_size=200))
def test_any_bytes_end_well(body: bytes) -> None:
    """A body of any bytes, streamed or whole, is a failure and not a crash."""
    assert isinstance(decode_reply(body, QUIRKS)[-1], ReplyFailed)
    assert isinstance(decode_reply(b"{" + body, QUIRKS)[-1], ReplyFailed | ReplyEnded)


def encoded(events: tuple[ReplyEvent, ...]) -> bytes:
    encoder = ReplyEncoder("msg_1", "claude-x", 7)
    return b"".join(encoder.feed(event) for event in events) + encoder.close()


def accumulated(stream: bytes) -> anthropic.types.Message:
    """What the official SDK makes of a stream."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    client = anthropic.Anthropic(
        api_key="k",
        base_url="http://scripted",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )
    with client, client.messages.stream(model="m", max_tokens=5, messages=[{"role": "user", "content": "x"}]) as events:
        for _ in events:
            pass
        return events.get_final_message()


@settings(max_examples=40, deadline=None)
@given(replies())
def test_the_official_sdk_accepts_the_stream(reply: tuple[list[Block], bytes]) -> None:
    """The `anthropic` SDK accumulates every stream of ours to the same content as our whole reply."""
    events = decoded(reply[1], [])
    message = accumulated(
        PING + encoded(events).replace(b"event: content_block_stop", PING + b"event: content_block_stop")
    )
    whole = json.loads(encode_reply(events, "msg_1", "claude-x", 7))
    assert [block.model_dump(exclude_none=True) for block in message.content] == whole["content"]
    assert (message.id, message.model, message.stop_reason) == ("msg_1", "claude-x", whole["stop_reason"])
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (
        whole["usage"]["input_tokens"],
        whole["usage"]["cache_read_input_tokens"],
        whole["usage"]["output_tokens"],
    )


def test_the_official_sdk_raises_our_error_event() -> None:
    """A stream that broke is an exception to the SDK, not a short answer."""
    stream = encoded(
        (ReplyStarted(), BlockStarted("text"), TextDelta("half"), ReplyFailed("api_error", "broke", cut=True))
    )
    with pytest.raises(anthropic.APIStatusError, match="broke"):
        accumulated(stream)
