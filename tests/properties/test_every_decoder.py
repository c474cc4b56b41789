"""Every reader of foreign bytes in `dialects/`, fed with mutilated ones for a fixed budget: what comes out is what it declares,
in time, and within its memory. The list is held against the code: a new reader that is not in it fails the test."""

from __future__ import annotations

import base64
import importlib
import inspect
import pkgutil
import random
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import pytest

from claude_code_router import dialects
from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.errors import BadReply, BadRequest
from claude_code_router.core.reply import ReplyFailed
from claude_code_router.dialects import eventstream, pictures, sse, sse_or_json, unreadable
from claude_code_router.dialects.anthropic_messages import errors as anthropic_errors
from claude_code_router.dialects.anthropic_messages import hosted, near_relay, splice
from claude_code_router.dialects.anthropic_messages import observer as anthropic_observer
from claude_code_router.dialects.anthropic_messages import reply as anthropic_reply
from claude_code_router.dialects.anthropic_messages import request as anthropic_request
from claude_code_router.dialects.anthropic_messages.relay_quirks import NOTHING
from claude_code_router.dialects.gemini import array, chunks, client_state, door, wire_names
from claude_code_router.dialects.gemini import errors as gemini_errors
from claude_code_router.dialects.gemini import inbound as gemini_inbound
from claude_code_router.dialects.gemini import observer as gemini_observer
from claude_code_router.dialects.gemini import relay as gemini_relay
from claude_code_router.dialects.gemini import reply as gemini_reply
from claude_code_router.dialects.ollama_chat import reply as ollama_reply
from claude_code_router.dialects.openai_chat import errors as chat_errors
from claude_code_router.dialects.openai_chat import inbound as chat_inbound
from claude_code_router.dialects.openai_chat import observer as chat_observer
from claude_code_router.dialects.openai_chat import relay as chat_relay
from claude_code_router.dialects.openai_chat import reply as chat_reply
from claude_code_router.dialects.openai_chat import wording
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_responses import errors as responses_errors
from claude_code_router.dialects.openai_responses import events as responses_events
from claude_code_router.dialects.openai_responses import inbound as responses_inbound
from claude_code_router.dialects.openai_responses import observer as responses_observer
from claude_code_router.dialects.openai_responses import relay as responses_relay
from claude_code_router.dialects.openai_responses import reply as responses_reply
from claude_code_router.dialects.unreadable import UNREADABLE
from claude_code_router.providers.relaying import OTHER_MODELS

ROUNDS = 250
"""Mutilated inputs for each reader."""
SLOWEST_S = 1.0
"""CPU time for one input of a few kB. The usual is under a millisecond."""
MEMORY_MB = 80
"""Of a stream that never ends an event, a line or a body: after so much it has been given up."""

GOLDEN = Path(__file__).parents[1] / "golden"
QUIRKS, CHAT = ChatQuirks(), ChatRequest(model="m")
OTHERS = OTHER_MODELS.apply(NOTHING)


def frame(payload: bytes, kind: bytes = b"chunk") -> bytes:
    """A sound message of AWS's event stream."""
    headers = b"".join(
        bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value
        for name, value in ((b":message-type", b"event"), (b":event-type", kind))
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return whole + struct.pack(">I", crc32(whole))


FRAME = frame(b'{"bytes":"%b"}' % base64.b64encode(b'{"type":"message_start","message":{}}'))


class Fed(NamedTuple):
    """A reader of streams."""

    make: Callable[[], Any]
    seeds: str
    raises: tuple[type[Exception], ...] = ()


class Read(NamedTuple):
    """A reader of whole bodies."""

    read: Callable[[bytes], object]
    seeds: str
    raises: tuple[type[Exception], ...] = ()


STREAMS: Mapping[str, Fed] = {
    "sse.SSEDecoder": Fed(sse.SSEDecoder, "streams", (BadReply,)),
    "sse_or_json.SSEOrJSON": Fed(sse_or_json.SSEOrJSON, "streams", (BadReply,)),
    "eventstream.EventStreamDecoder": Fed(eventstream.EventStreamDecoder, "frames", (BadReply,)),
    "anthropic_messages.hosted.BedrockStream": Fed(hosted.BedrockStream, "frames"),
    "anthropic_messages.observer.ReplyObserver": Fed(anthropic_observer.ReplyObserver, "anthropic"),
    "anthropic_messages.reply.ReplyDecoder": Fed(lambda: anthropic_reply.ReplyDecoder(CHAT), "anthropic"),
    "gemini.array.ArrayFraming": Fed(array.ArrayFraming, "gemini", (BadReply,)),
    "gemini.observer.ReplyObserver": Fed(gemini_observer.ReplyObserver, "gemini"),
    "gemini.reply.ReplyDecoder": Fed(lambda: gemini_reply.ReplyDecoder(CHAT, "gemini-3.1-pro"), "gemini"),
    "ollama_chat.reply.ReplyDecoder": Fed(lambda: ollama_reply.ReplyDecoder(QUIRKS, CHAT), "ollama"),
    "openai_chat.observer.ReplyObserver": Fed(chat_observer.ReplyObserver, "openai_chat"),
    "openai_chat.reply.ReplyDecoder": Fed(lambda: chat_reply.ReplyDecoder(QUIRKS, CHAT), "openai_chat"),
    "openai_responses.observer.ReplyObserver": Fed(responses_observer.ReplyObserver, "openai_responses"),
    "openai_responses.reply.ReplyDecoder": Fed(
        lambda: responses_reply.ReplyDecoder(QUIRKS, CHAT, "p,m"), "openai_responses"
    ),
}
BODIES: Mapping[str, Read] = {
    "anthropic_messages.errors.decode_error": Read(anthropic_errors.decode_error, "errors"),
    "anthropic_messages.hosted.decode_bedrock_error": Read(lambda b: hosted.decode_bedrock_error(400, b), "errors"),
    "anthropic_messages.hosted.decode_vertex_error": Read(lambda b: hosted.decode_vertex_error(400, b), "errors"),
    "anthropic_messages.near_relay.adapt": Read(lambda b: near_relay.adapt(b, OTHERS), "requests"),
    "anthropic_messages.observer.observe_reply": Read(anthropic_observer.observe_reply, "wholes"),
    "anthropic_messages.reply.decode_reply": Read(anthropic_reply.decode_reply, "wholes"),
    "anthropic_messages.request.decode_request": Read(anthropic_request.decode_request, "requests", (BadRequest,)),
    "anthropic_messages.splice.splice_model": Read(lambda b: splice.splice_model(b, "m"), "requests", (BadRequest,)),
    "anthropic_messages.splice.strip_subagent_tag": Read(splice.strip_subagent_tag, "requests"),
    "anthropic_messages.splice.strip_minted_thinking": Read(splice.strip_minted_thinking, "requests"),
    "anthropic_messages.splice.strip_thinking": Read(splice.strip_thinking, "requests"),
    "gemini.client_state.unsealed": Read(lambda b: client_state.unsealed(b.decode("latin-1")), "seals"),
    "gemini.door.unwrapped": Read(door.unwrapped, "requests"),
    "gemini.door.with_url": Read(lambda b: door.with_url(b, "m", stream=True), "requests"),
    "gemini.door.without_url": Read(door.without_url, "requests"),
    "gemini.errors.decode_error": Read(lambda b: gemini_errors.decode_error(400, b), "errors"),
    "gemini.errors.retry_after_s": Read(gemini_errors.retry_after_s, "errors"),
    "gemini.inbound.decode_request": Read(gemini_inbound.decode_request, "requests", (BadRequest,)),
    "gemini.inbound.shows_thoughts": Read(gemini_inbound.shows_thoughts, "requests"),
    "gemini.observer.observe_reply": Read(gemini_observer.observe_reply, "wholes"),
    "gemini.relay.strip_foreign_thoughts": Read(gemini_relay.strip_foreign_thoughts, "requests"),
    "gemini.relay.strip_thoughts": Read(gemini_relay.strip_thoughts, "requests"),
    "gemini.reply.decode_reply": Read(gemini_reply.decode_reply, "wholes"),
    "ollama_chat.reply.decode_reply": Read(lambda b: ollama_reply.decode_reply(b, QUIRKS), "wholes"),
    "openai_chat.errors.decode_error": Read(lambda b: chat_errors.decode_error(400, b), "errors"),
    "openai_chat.inbound.decode_request": Read(chat_inbound.decode_request, "requests", (BadRequest,)),
    "openai_chat.observer.observe_reply": Read(chat_observer.observe_reply, "wholes"),
    "openai_chat.relay.strip_thinking_blocks": Read(chat_relay.strip_thinking_blocks, "requests"),
    "openai_chat.reply.decode_reply": Read(lambda b: chat_reply.decode_reply(b, QUIRKS), "wholes"),
    "openai_chat.wording.read_fields": Read(wording.read_fields, "requests", (BadRequest,)),
    "openai_responses.errors.decode_error": Read(lambda b: responses_errors.decode_error(400, b), "errors"),
    "openai_responses.inbound.decode_request": Read(responses_inbound.decode_request, "requests", (BadRequest,)),
    "openai_responses.observer.observe_reply": Read(responses_observer.observe_reply, "wholes"),
    "openai_responses.relay.strip_foreign_reasoning": Read(responses_relay.strip_foreign_reasoning, "requests"),
    "openai_responses.relay.strip_reasoning": Read(responses_relay.strip_reasoning, "requests"),
    "openai_responses.reply.decode_reply": Read(lambda b: responses_reply.decode_reply(b, QUIRKS), "wholes"),
    "pictures.pictures_in": Read(lambda b: pictures.pictures_in(b, "anthropic"), "requests", (BadRequest,)),
    "pictures.in_words": Read(lambda b: pictures.in_words(b, "gemini", {}), "requests", (BadRequest,)),
    "unreadable.mend": Read(unreadable.mend, "streams"),
    "unreadable.plain": Read(unreadable.plain, "errors"),
    # These say that they raise what msgspec raises; their callers answer for it.
    "gemini.chunks.read_chunk": Read(chunks.read_chunk, "wholes", UNREADABLE),
    "gemini.chunks.read_whole": Read(chunks.read_whole, "wholes", UNREADABLE),
    "gemini.wire_names.fields_of": Read(wire_names.fields_of, "requests", UNREADABLE),
    "openai_responses.events.decoded": Read(
        lambda b: responses_events.decoded(responses_events.event_decoder, b), "wholes", UNREADABLE
    ),
}
WITHIN: Mapping[str, str] = {
    "anthropic_messages.hosted.bedrock_request": "reads what decode_body has read",
    "anthropic_messages.hosted.vertex_request": "reads what decode_body has read",
    "anthropic_messages.near_blocks.applied": "cuts at places that were found",
    "anthropic_messages.near_blocks.list_cuts": "cuts at places that were found",
    "anthropic_messages.near_thinking.turn_without_thinking": "read by near_relay.adapt",
    "anthropic_messages.spans.elements": "by every strip: valid JSON is asked for",
    "anthropic_messages.spans.members": "by every strip: valid JSON is asked for",
    "openai_responses.reasoning.mint_item": "wraps bytes without reading them",
    "sse.encode_event": "writes",
    "without_search.gemini_without_search": "reads what was read as a request before",
    "without_search.openai_without_search": "reads what was read as a request before",
}
"""Why a function that takes bytes needs no row of its own."""


def readers() -> Iterator[str]:
    """Public classes that are fed with bytes, and public functions that take them."""
    for found in pkgutil.walk_packages(dialects.__path__, f"{dialects.__name__}."):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != found.name:
                continue
            if inspect.isabstract(value):
                continue  # its heirs have their rows
            called = getattr(value, "feed", None) if inspect.isclass(value) else value
            if not inspect.isfunction(called):
                continue
            kinds = [str(parameter.annotation) for parameter in inspect.signature(called).parameters.values()]
            if any("bytes" in kind for kind in kinds):
                yield f"{found.name.removeprefix(f'{dialects.__name__}.')}.{name}"


def test_no_reader_is_forgotten() -> None:
    """Each stands in one of the three tables, and no table has one that is gone."""
    known = {*STREAMS, *BODIES, *WITHIN}
    assert known - {"gemini.client_state.unsealed"} == set(readers())
    assert len(known) == len(STREAMS) + len(BODIES) + len(WITHIN)


@lru_cache
def seeds(kind: str) -> tuple[bytes, ...]:
    def files(pattern: str) -> tuple[bytes, ...]:
        return tuple(path.read_bytes() for path in sorted(GOLDEN.glob(pattern)))

    requests = (
        b'{"model":"m","max_tokens":9,"system":[{"type":"text","text":"x-anthropic-billing-header: a"}],"thinking":{"type":'
        b'"adaptive"},"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"QQ=="}}]},'
        b'{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"ccr1~~~~~~~~~~~~~~~~~~~~.text"},'
        b'{"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"system","content":"s"}],"tools":[{"name":"f"}]}',
        b'{"contents":[{"role":"user","parts":[{"text":"a"},{"inline_data":{"mime_type":"image/png","data":"QQ=="}}]},'
        b'{"role":"model","parts":[{"text":"h","thought":true},{"functionCall":{"name":"f","args":{}},"thoughtSignature":'
        b'"Y2NyMXRob3VnaHRzeA=="}]},{"parts":[{"functionResponse":{"name":"f","response":{"error":"e"}}}]}],"model":"m",'
        b'"generationConfig":{"thinkingConfig":{"thinkingBudget":5}},"tools":[{"functionDeclarations":[{"name":"f",'
        b'"parameters":{"type":"OBJECT"}}]}],"generateContentRequest":{"contents":[]}}',
        b'{"model":"m","messages":[{"role":"assistant","thinking_blocks":[{"type":"thinking"}],"tool_calls":[{"id":"c",'
        b'"function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"x"}],"n":1}',
        b'{"model":"m","input":[{"type":"reasoning","summary":[],"encrypted_content":"ccr1~~~~~~~~~~~~~~~~~~~~.x"},'
        b'{"role":"user","content":[{"type":"input_text","text":"a"}]}],"text":{"format":{"type":"json_schema"}}}',
    )
    errors = (
        b'{"type":"error","error":{"type":"overloaded_error","message":"m"}}',
        b'[{"error":{"code":429,"status":"X","message":"m","details":[{"retryDelay":"3s"}]}}]',
        b'{"error":{"message":"m","type":"t","code":null},"message":"x"}',
        b"<html><body>502 Bad Gateway</body></html>",
    )
    streams = {name: files(f"{name}/*/upstream.*") for name in ("openai_chat", "openai_responses", "gemini", "ollama")}
    anthropic = files("openai_chat/*/expected.sse")  # what we write for Anthropic's clients
    found = {
        **streams,
        "anthropic": anthropic,
        "streams": (*streams["openai_chat"], *streams["gemini"], *anthropic),
        "requests": requests,
        "errors": errors,
        "wholes": (*errors, *(data for files in streams.values() for data in files if data[:1] == b"{")),
        "frames": (FRAME,),
        "seals": (client_state.sealed([]).encode(), b"c2ln"),
    }[kind]
    assert found, kind
    return tuple(found)


def mutilated(kind: str, chance: random.Random) -> bytes:
    """A seed with a few places overwritten, doubled, dropped, or cut off: by noise, and by what means something."""
    data = bytearray(chance.choice(seeds(kind))[:6_000])
    for _ in range(chance.randint(1, 6)):
        if not data:
            break
        at, size = chance.randrange(len(data)), chance.choice((1, 1, 2, 8, 40))
        match chance.randrange(5):
            case 0:
                data[at : at + size] = chance.randbytes(size)
            case 1:
                data[at:at] = data[at : at + size] * chance.randint(1, 9)
            case 2:
                del data[at : at + size]
            case 3:
                del data[at:]
            case _:
                data[at:at] = chance.choice(TOKENS)
    if kind == "frames" and chance.random() < 0.7:  # past the checksums
        inner = mutilated("anthropic", chance) if chance.random() < 0.5 else bytes(data)
        return frame(b'{"bytes":"%b"}' % base64.b64encode(inner)) + frame(inner) + frame(b"{}", b"other")
    return bytes(data)


TOKENS = (
    b"null", b"[]", b"{}", b'""', b"-1", b"1e999", b"9" * 400, b'"\\ud800"', b"\xff\xfe", b"\x00", b"[" * 3000, b'{"a":' * 3000,
    b"\n\n", b"\r", b"data: ", b"event: error\n", b"[DONE]", b"true", b'"type":', b'"error":', b",", b"\\",
)  # fmt: skip


def in_time(work: Callable[[], object], allowed: tuple[type[Exception], ...], data: bytes) -> None:
    began = time.process_time()
    try:
        work()
    except allowed as error:
        assert str(error)
    taken = time.process_time() - began
    assert taken < SLOWEST_S, f"{taken:.1f} s for {data[:200]!r}"


@pytest.mark.parametrize("name", STREAMS)
def test_streams_of_anything(name: str) -> None:
    """Whole and in pieces: events, the declared exception, and nothing else."""
    fed, chance = STREAMS[name], random.Random(name)
    for _ in range(ROUNDS):
        data = mutilated(fed.seeds, chance)
        step = chance.choice((1, 7, 64, len(data) or 1))

        def work(data: bytes = data, step: int = step) -> None:
            decoder = fed.make()
            for at in range(0, len(data), step):
                decoder.feed(data[at : at + step])
            if hasattr(decoder, "close"):
                decoder.close()

        in_time(work, fed.raises, data)


@pytest.mark.parametrize("name", BODIES)
def test_bodies_of_anything(name: str) -> None:
    """A value, the declared exception, and nothing else."""
    reader, chance = BODIES[name], random.Random(name)
    for _ in range(ROUNDS):
        data = mutilated(reader.seeds, chance)
        in_time(lambda data=data: reader.read(data), reader.raises, data)  # type: ignore[misc]


ENDLESS = (b"data: x", b'data: {"a":"', b"event: x", b'{"a":"', b"[", b" ", b"x", b"\x01\x80\x00\x00\x00\x00\x00\x00")


@pytest.mark.parametrize("beginning", ENDLESS)
@pytest.mark.parametrize("name", STREAMS)
def test_what_never_ends_is_given_up(name: str, beginning: bytes) -> None:
    """A server that never ends what it has begun cannot fill our memory."""
    decoder, piece = STREAMS[name].make(), b" " * (1 << 20)
    try:
        out = decoder.feed(beginning)
        for _ in range(MEMORY_MB):
            out = decoder.feed(piece) or out
    except BadReply:
        return
    assert held_bytes(decoder) < 70 << 20
    given_up = isinstance(out, tuple) and any(isinstance(event, ReplyFailed) for event in out)
    assert given_up or held_bytes(decoder) < 2 << 20 or getattr(decoder, "error", None)


def held_bytes(value: object, seen: frozenset[int] = frozenset()) -> int:
    """All bytes that an object of ours keeps, however deep."""
    if isinstance(value, bytes | bytearray | str):
        return len(value)
    if id(value) in seen:
        return 0
    seen = seen | {id(value)}
    if isinstance(value, Mapping):
        return sum(held_bytes(one, seen) for one in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return sum(held_bytes(one, seen) for one in value)
    names = [*getattr(type(value), "__slots__", ()), *getattr(value, "__dict__", ())]
    if not type(value).__module__.startswith("claude_code_router"):
        return 0
    return sum(held_bytes(getattr(value, name, None), seen) for name in names)
