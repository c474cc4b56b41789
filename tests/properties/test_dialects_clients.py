"""What must hold for every reply to a chat/completions, Responses or Gemini client, and for every request of one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from claude_code_router.core.asked import Asked
from claude_code_router.core.chat import ChatRequest, Text, Thinking, ToolCall
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.inbound import ClientDialect, Inbound
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
from claude_code_router.dialects.anthropic_messages.encoder import ReplyEncoder as AnthropicEncoder
from claude_code_router.dialects.anthropic_messages.reply import ReplyDecoder as AnthropicDecoder
from claude_code_router.dialects.gemini import encoder as gemini_encoder
from claude_code_router.dialects.gemini import inbound as gemini_inbound
from claude_code_router.dialects.gemini.array import ArrayFraming
from claude_code_router.dialects.gemini.client_errors import encode_error_event
from claude_code_router.dialects.gemini.client_state import sealed, unsealed
from claude_code_router.dialects.gemini.relay import strip_foreign_thoughts
from claude_code_router.dialects.gemini.reply import ReplyDecoder as GeminiDecoder
from claude_code_router.dialects.openai_chat import encoder as chat_encoder
from claude_code_router.dialects.openai_chat import inbound as chat_inbound
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reply import ReplyDecoder as ChatDecoder
from claude_code_router.dialects.openai_responses import encoder as responses_encoder
from claude_code_router.dialects.openai_responses import inbound as responses_inbound
from claude_code_router.dialects.openai_responses.reply import ReplyDecoder as ResponsesDecoder
from claude_code_router.dialects.sse import SSEDecoder
from claude_code_router.routing.signals import read_signals

QUIRKS = ChatQuirks()
Block = tuple[str, Any]

words = st.text(min_size=1, max_size=12).filter(lambda text: bool(text.strip()))
arguments = st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers() | st.none(), max_size=3)
contents: st.SearchStrategy[list[Block]] = st.lists(
    st.tuples(st.just("text"), words) | st.tuples(st.just("thinking"), words) | st.tuples(st.just("call"), arguments),
    min_size=1,
    max_size=6,
)
cuts = st.lists(st.integers(min_value=1, max_value=60), max_size=60)


def events_of(content: Iterable[Block]) -> list[ReplyEvent]:
    out: list[ReplyEvent] = [ReplyStarted("r", "m")]
    called = False
    for at, (kind, value) in enumerate(content):
        if kind == "text":
            out += [BlockStarted("text"), *map(TextDelta, halves(value)), BlockEnded()]
        elif kind == "thinking":
            out += [BlockStarted("thinking"), *map(ThinkingDelta, halves(value)), SignatureDelta("c2ln"), BlockEnded()]
        else:
            called = True
            out += [
                BlockStarted("tool_call", id=f"call_{at}", name="t"),
                *map(ToolInputDelta, halves(json.dumps(value))),
            ]
            out.append(BlockEnded())
    return [*out, UsageKnown(Usage(input_tokens=7, output_tokens=3)), ReplyEnded("tool_use" if called else "end_turn")]


def halves(text: str) -> list[str]:
    return [piece for piece in (text[: len(text) // 2], text[len(text) // 2 :]) if piece]


def meaning(events: Iterable[ReplyEvent]) -> tuple[str, str, list[tuple[str, Any]], str]:
    """(text, thinking, calls, end) of a reply, however it is cut into blocks and deltas."""
    text, thinking, calls, end = "", "", [], "none"
    for event in events:
        match event:
            case TextDelta(said):
                text += said
            case ThinkingDelta(thought):
                thinking += thought
            case BlockStarted("tool_call", id):
                calls.append([id, ""])
            case ToolInputDelta(piece):
                calls[-1][1] += piece
            case ReplyEnded(reason):
                end = reason
            case ReplyFailed():
                end = "failed"
            case _:
                pass
    return text, thinking, [(id, json.loads(input or "{}")) for id, input in calls], end


def asked(body: dict[str, Any]) -> Asked:
    return Asked(id="req_1", model="m", tokens=5, created_s=1, body=json.dumps(body).encode())


def split(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


THOUGHTS = {"input": "hi", "generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
ENCODERS: dict[str, Callable[[], Any]] = {
    "openai_chat": lambda: chat_encoder.ReplyEncoder(asked({"stream_options": {"include_usage": True}})),
    "openai_responses": lambda: responses_encoder.ReplyEncoder(asked({"input": "hi"})),
    "anthropic": lambda: AnthropicEncoder("msg_1", "m", 5),
    "gemini": lambda: gemini_encoder.ReplyEncoder(asked(THOUGHTS)),
}
CHAT = ChatRequest(model="m")
DECODERS: dict[str, Callable[[], Any]] = {
    "openai_chat": lambda: ChatDecoder(QUIRKS, CHAT),
    "openai_responses": lambda: ResponsesDecoder(QUIRKS, CHAT, "p,m"),
    "anthropic": lambda: AnthropicDecoder(CHAT),
    "gemini": lambda: GeminiDecoder(CHAT, "m"),
}


def encoded(dialect: str, events: Iterable[ReplyEvent]) -> bytes:
    encoder = ENCODERS[dialect]()
    return b"".join(encoder.feed(event) for event in events)


def decoded(dialect: str, pieces: Iterable[bytes]) -> list[ReplyEvent]:
    decoder = DECODERS[dialect]()
    out = [event for piece in pieces for event in decoder.feed(piece)]
    return [*out, *decoder.close()]


@pytest.mark.parametrize("dialect", ENCODERS)
@given(content=contents, sizes=cuts)
@settings(max_examples=60, deadline=None)
def test_what_is_written_can_be_read(dialect: str, content: list[Block], sizes: list[int]) -> None:
    """A reply keeps its meaning through a stream of any dialect, whatever the network cuts it into."""
    # Of Google's models thoughts alone are no answer (reply.py).
    assume(dialect != "gemini" or any(kind != "thinking" for kind, _ in content))
    events = events_of(content)
    text, thinking, calls, end = meaning(decoded(dialect, split(encoded(dialect, events), sizes)))
    said = meaning(events)
    assert (text, [input for _, input in calls], end) == (said[0], [input for _, input in said[2]], said[3])
    # the others leave thinking behind the last text out (`claude -p` would show it alone)
    if dialect == "anthropic":
        assert thinking == said[1]


@given(content=contents, sizes=cuts)
@settings(max_examples=60, deadline=None)
def test_any_split_of_an_anthropic_stream(content: list[Block], sizes: list[int]) -> None:
    """The events do not depend on how the network cuts the bytes, and are those that were written."""
    data = encoded("anthropic", events_of(content))
    whole = decoded("anthropic", [data])
    assert decoded("anthropic", split(data, sizes)) == whole
    assert [e for e in whole if not isinstance(e, UsageKnown)][1:] == [
        e for e in events_of(content) if not isinstance(e, UsageKnown)
    ][1:]


@given(content=contents, at=st.integers(min_value=0, max_value=10_000))
@settings(max_examples=60, deadline=None)
def test_a_cut_anthropic_stream_is_a_failure(content: list[Block], at: int) -> None:
    """Bytes that end before the reply's end are never taken for a whole answer."""
    data = encoded("anthropic", events_of(content))
    last = decoded("anthropic", [data[: at % (len(data) - 40)]])[-1]
    assert isinstance(last, ReplyFailed)
    assert last.cut


@given(content=contents)
@settings(max_examples=60, deadline=None)
def test_the_grammar_of_a_responses_stream(content: list[Block]) -> None:
    """Sequence numbers count up by one; each item is added once and done once, in order; the end repeats what was done."""
    events = [json.loads(event.data) for event in SSEDecoder().feed(encoded("openai_responses", events_of(content)))]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    added = [event["output_index"] for event in events if event["type"] == "response.output_item.added"]
    done = [event for event in events if event["type"] == "response.output_item.done"]
    assert added == [event["output_index"] for event in done] == list(range(len(content)))
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"]["output"] == [event["item"] for event in done]


WHOLE: dict[str, Any] = {
    "openai_chat": chat_encoder,
    "openai_responses": responses_encoder,
    "gemini": gemini_encoder,
}


@pytest.mark.parametrize("dialect", WHOLE)
@given(content=contents)
@settings(max_examples=40, deadline=None)
def test_whole_and_streamed_replies_say_the_same(dialect: str, content: list[Block]) -> None:
    """A whole reply means what the stream of the same events means."""
    events = events_of(content)
    whole = meaning(decoded(dialect, [WHOLE[dialect].encode_reply(events, asked(THOUGHTS))]))
    streamed = meaning(decoded(dialect, [encoded(dialect, events)]))
    assert (whole[0], whole[2], whole[3]) == (streamed[0], streamed[2], streamed[3])


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
CHAT_FIELDS = (
    "model",
    "messages",
    "tools",
    "tool_choice",
    "stop",
    "response_format",
    "reasoning_effort",
    "max_tokens",
    "n",
)
RESPONSES_FIELDS = ("model", "input", "tools", "tool_choice", "text", "reasoning", "instructions", "max_output_tokens")
CHAT_BODY = {
    "model": "m",
    "messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "x"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
}
RESPONSES_BODY = {
    "model": "m",
    "input": [
        {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "x"}], "encrypted_content": "y"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "x"},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": {}}],
}


def mutated(draw: st.DrawFn, body: Any) -> Any:
    """One place of the body replaced by anything."""
    if isinstance(body, dict) and body and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(body)))
        return {**body, key: mutated(draw, body[key])}
    if isinstance(body, list) and body and draw(st.integers(0, 5)):
        at = draw(st.integers(0, len(body) - 1))
        return [*body[:at], mutated(draw, body[at]), *body[at + 1 :]]
    return draw(json_values)


@st.composite
def wrong_bodies(draw: st.DrawFn, body: dict[str, Any], fields: tuple[str, ...]) -> bytes:
    changed = mutated(draw, body)
    if isinstance(changed, dict) and draw(st.booleans()):
        changed = {**changed, draw(st.sampled_from(fields)): draw(json_values)}
    return json.dumps(changed).encode()


def read(dialect: ClientDialect, body: bytes) -> None:
    header: dict[str, str] = {}
    inbound = Inbound(
        id="r", path="/", query="", headers=(), header=header, body=body, received_at=0.0, dialect=dialect
    )
    read_signals(inbound)


@given(body=wrong_bodies(CHAT_BODY, CHAT_FIELDS))
@settings(max_examples=300, deadline=None)
def test_no_chat_request_surprises_its_readers(body: bytes) -> None:
    """A request is read or refused in a sentence, whatever stands in it."""
    for reader in (chat_inbound.decode_request, lambda data: read("openai_chat", data)):
        try:
            reader(body)
        except BadRequest as error:
            assert error.message


@given(body=wrong_bodies(RESPONSES_BODY, RESPONSES_FIELDS))
@settings(max_examples=300, deadline=None)
def test_no_responses_request_surprises_its_readers(body: bytes) -> None:
    """A request is read or refused in a sentence, whatever stands in it."""
    for reader in (responses_inbound.decode_request, lambda data: read("openai_responses", data)):
        try:
            reader(body)
        except BadRequest as error:
            assert error.message


GEMINI_FIELDS = ("contents", "tools", "toolConfig", "generationConfig", "systemInstruction", "model", "stream")
GEMINI_BODY = {
    "contents": [
        {"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "x"}, "parts": []}}]},
    ],
    "systemInstruction": {"parts": [{"text": "s"}]},
    "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
    "generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}, "stopSequences": ["a"]},
    "model": "m",
    "stream": True,
}


@given(body=wrong_bodies(GEMINI_BODY, GEMINI_FIELDS))
@settings(max_examples=300, deadline=None)
def test_no_gemini_request_surprises_its_readers(body: bytes) -> None:
    """A request is read or refused in a sentence, whatever stands in it."""
    for reader in (gemini_inbound.decode_request, lambda data: read("gemini", data)):
        try:
            reader(body)
        except BadRequest as error:
            assert error.message


@given(content=contents, sizes=cuts)
@settings(max_examples=60, deadline=None)
def test_an_array_is_the_stream(content: list[Block], sizes: list[int]) -> None:
    """However the bytes are cut, the array's elements are the stream's chunks, each in its own bytes."""
    data = encoded("gemini", events_of(content))
    framing = ArrayFraming()
    array = b"".join([framing.feed(piece) for piece in split(data, sizes)]) + framing.close()
    chunks = [event.data for event in SSEDecoder().feed(data)]
    assert json.loads(array) == [json.loads(chunk) for chunk in chunks]
    assert all(chunk in array for chunk in chunks)


@given(content=contents, where=st.integers(0, 10_000), told=st.booleans())
@settings(max_examples=60, deadline=None)
def test_an_array_of_a_broken_stream(content: list[Block], where: int, told: bool) -> None:
    """Wherever the stream breaks, the array can be read: the whole chunks, and one error unless it broke between two and nobody
    has said so."""
    data = encoded("gemini", events_of(content))
    part = data[: where % len(data)]
    decoder = SSEDecoder()
    whole = [event.data for event in decoder.feed(part)]
    left = [event.data for event in decoder.close()]  # what has no blank line behind it; it may be whole for all that
    whole += [found for found in left if found.endswith(b"}") and is_json(found)]
    framing = ArrayFraming()
    error = b"\r\n\r\n" + encode_error_event("overloaded_error", "broke") if told else b""
    array = json.loads(framing.feed(part) + framing.feed(error) + framing.close())
    assert array[: len(whole)] == [json.loads(found) for found in whole]
    broken = told or any(not is_json(found) for found in left)
    assert ["error" in one for one in array[len(whole) :]] == [True] * broken


def is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


@given(content=contents)
@settings(max_examples=60, deadline=None)
def test_a_gemini_client_brings_all_thinking_back(content: list[Block]) -> None:
    """The turn as it was heard, thoughts dropped as many clients do, gives each signed thinking back before what it stood
    before; and nothing of it is left when the turn goes to Google."""
    reply = json.loads(gemini_encoder.encode_reply(events_of(content), asked({})))
    said = reply["candidates"][0]["content"]
    body = json.dumps({"model": "m", "contents": [{"role": "user", "parts": [{"text": "hi"}]}, said]}).encode()
    parts = gemini_inbound.decode_request(body).turns[-1].parts
    found = [(type(part).__name__, part.text if isinstance(part, Thinking) else "") for part in parts]
    wanted = [("Thinking", value) for kind, value in content if kind == "thinking"]
    assert [one for one in found if one[0] == "Thinking"] == wanted
    assert sum(isinstance(part, ToolCall) for part in parts) == sum(kind == "call" for kind, _ in content)
    text = "".join(part.text for part in parts if isinstance(part, Text))
    assert text == "".join(value for kind, value in content if kind == "text")
    relayed = strip_foreign_thoughts(body)
    assert b"Y2NyMXRob3VnaHRz" not in relayed
    assert (relayed is body) == (not wanted)
    assert all("text" in part or "functionCall" in part for part in json.loads(relayed)["contents"][1]["parts"])


@given(thinking=st.lists(st.builds(Thinking, words, words, words)), alphabet=st.booleans(), padded=st.booleans())
def test_seals_survive_their_clients(thinking: list[Thinking], alphabet: bool, padded: bool) -> None:
    """Python's SDK writes bytes anew in base64's other alphabet, others leave the padding out."""
    text = sealed(thinking)
    text = text.replace("+", "-").replace("/", "_") if alphabet else text
    assert list(unsealed(text if padded else text.rstrip("="))) == thinking
