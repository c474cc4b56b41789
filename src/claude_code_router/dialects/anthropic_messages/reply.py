"""A Messages reply, streamed or whole, read into reply events: for clients of another dialect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.errors import BadReply
from claude_code_router.core.reply import (
    BlockEnded,
    BlockStarted,
    ReplyEnded,
    ReplyEvent,
    ReplyFailed,
    ReplyStarted,
    SignatureDelta,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolInputDelta,
    UsageKnown,
)
from claude_code_router.core.usage import Usage
from claude_code_router.dialects.anthropic_messages.outbound import TOOL_NAME_LIMIT
from claude_code_router.dialects.anthropic_messages.usage import WireUsage, read_usage
from claude_code_router.dialects.openai_chat.names import original_names
from claude_code_router.dialects.sse_or_json import SSEOrJSON
from claude_code_router.dialects.unreadable import UNREADABLE

_CUT = "The provider's answer broke off before its end."
_STOPS: dict[str, StopReason] = {
    "end_turn": "end_turn",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "pause_turn": "pause_turn",
    "refusal": "refusal",
    "model_context_window_exceeded": "model_context_window_exceeded",
}


class _Block(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _Delta(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Error(msgspec.Struct):
    type: str | None = None
    message: str | None = None


class _Message(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    content: list[msgspec.Raw] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: WireUsage | None = None
    error: _Error | str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    message: msgspec.Raw = msgspec.Raw(b"")
    content_block: msgspec.Raw = msgspec.Raw(b"{}")
    delta: _Delta | None = None
    usage: WireUsage | None = None
    error: _Error | str | None = None


_event_decoder = msgspec.json.Decoder(_Event)
_message_decoder = msgspec.json.Decoder(_Message)
_block_decoder = msgspec.json.Decoder(_Block)


class ReplyDecoder:
    """Raw network bytes in, reply events out. `chat` gives the tools' own names back."""

    def __init__(self, chat: ChatRequest | None = None) -> None:
        self._body = SSEOrJSON()
        self._names = original_names(chat.tools if chat else (), TOOL_NAME_LIMIT)
        self._usage: Usage | None = None
        self._open = ""
        """The type of the block that is open."""
        self._opaque: dict[str, Any] | None = None
        self._input: list[str] = []
        self._started = False
        self._over = False
        self._closing = False
        self._stop: tuple[str, str | None] = ("", None)

    def feed(self, chunk: bytes) -> tuple[ReplyEvent, ...]:
        if self._over:
            return ()
        try:
            events = self._body.feed(chunk)
        except BadReply as error:
            return self._failed("api_error", error.message)
        return tuple(out for event in events for out in self._read(event.data))

    def close(self) -> tuple[ReplyEvent, ...]:
        if self._over:
            return ()
        events, whole = self._body.close()
        self._closing = True
        out: list[ReplyEvent] = [one for event in events for one in self._read(event.data)]
        if whole is not None and not self._over:
            out.extend(self._whole(whole))
        if not self._over:
            self._over = True
            out.append(ReplyFailed("api_error", _CUT, cut=True))
        return tuple(out)

    def _read(self, data: bytes) -> Iterator[ReplyEvent]:
        if self._over:
            return
        try:
            event = _event_decoder.decode(data)
            yield from self._event(event)
        except UNREADABLE as error:
            if self._closing:
                return  # the stream ended in the middle of it
            yield from self._failed("api_error", f"The provider sent an event that cannot be read ({error}).")

    def _event(self, event: _Event) -> Iterator[ReplyEvent]:
        match event.type:
            case "message_start" if not self._started:
                yield from self._start(_message_decoder.decode(event.message or b"{}"))
            case "content_block_start":
                yield from self._ensure_started()
                yield from self._block_start(event.content_block)
            case "content_block_delta" if event.delta is not None:
                yield from self._delta(event.delta)
            case "content_block_stop":
                yield from self._block_stop()
            case "message_delta":
                yield from self._message_delta(event)
            case "message_stop":
                yield from self._end()
            case "error":
                yield from self._failed(*_said(event.error))
            case _:
                pass  # ping, and whatever comes to be added

    def _start(self, message: _Message) -> Iterator[ReplyEvent]:
        self._started = True
        yield ReplyStarted(message.id or "", message.model or "")
        yield from self._count(message.usage)

    def _ensure_started(self) -> Iterator[ReplyEvent]:
        if not self._started:
            self._started = True
            yield ReplyStarted()

    def _count(self, usage: WireUsage | None) -> Iterator[ReplyEvent]:
        if usage is not None:
            self._usage = read_usage(usage, self._usage)
            yield UsageKnown(self._usage)

    def _block_start(self, raw: msgspec.Raw) -> Iterator[ReplyEvent]:
        yield from self._block_stop()
        block = _block_decoder.decode(raw)
        self._open = block.type
        if block.type == "text":
            yield BlockStarted("text")
            if block.text:
                yield TextDelta(block.text)
        elif block.type == "thinking":
            yield BlockStarted("thinking")
            if block.thinking:
                yield ThinkingDelta(block.thinking)
            if block.signature:
                yield SignatureDelta(block.signature)
        elif block.type == "tool_use":
            name = block.name or ""
            yield BlockStarted("tool_call", id=block.id or "", name=self._names.get(name, name))
            if bytes(block.input) not in (b"{}", b"null", b""):
                yield ToolInputDelta(bytes(block.input).decode())
        else:
            self._opaque = msgspec.json.decode(raw, type=dict[str, Any])

    def _delta(self, delta: _Delta) -> Iterator[ReplyEvent]:
        match delta.type, self._open:
            case "text_delta", "text" if delta.text:
                yield TextDelta(delta.text)
            case "thinking_delta", "thinking" if delta.thinking:
                yield ThinkingDelta(delta.thinking)
            case "signature_delta", "thinking" if delta.signature:
                yield SignatureDelta(delta.signature)
            case "input_json_delta", "tool_use" if delta.partial_json:
                yield ToolInputDelta(delta.partial_json)
            case "input_json_delta", _ if self._opaque is not None and delta.partial_json:
                self._input.append(delta.partial_json)
            case _:
                pass

    def _block_stop(self) -> Iterator[ReplyEvent]:
        if not self._open:
            return
        self._open = ""
        if self._opaque is not None:
            block, self._opaque = self._opaque, None
            if self._input:
                block["input"] = _value("".join(self._input))
                self._input.clear()
            yield BlockStarted("opaque", json=msgspec.json.encode(block).decode())
        yield BlockEnded()

    def _message_delta(self, event: _Event) -> Iterator[ReplyEvent]:
        yield from self._ensure_started()
        if event.delta is not None and event.delta.stop_reason:
            self._stop = event.delta.stop_reason, event.delta.stop_sequence
        yield from self._count(event.usage)

    def _end(self) -> Iterator[ReplyEvent]:
        yield from self._ensure_started()
        yield from self._block_stop()
        self._over = True
        yield ReplyEnded(_STOPS.get(self._stop[0], "end_turn"), self._stop[1])

    def _failed(self, error_type: str, message: str) -> tuple[ReplyEvent, ...]:
        self._over = True
        return (ReplyFailed(error_type, message),)

    def _whole(self, body: bytes) -> Iterator[ReplyEvent]:
        try:
            message = _message_decoder.decode(body)
        except UNREADABLE:
            yield from self._failed("api_error", "The provider's answer is not a Messages reply.")
            return
        if message.error is not None or message.content is None:
            yield from self._failed(*_said(message.error))
            return
        yield from self._start(message)
        for raw in message.content:
            try:
                yield from self._block_start(raw)
            except UNREADABLE as error:
                yield from self._failed("api_error", f"The provider sent a block that cannot be read ({error}).")
                return
            yield from self._block_stop()
        self._stop = message.stop_reason or "", message.stop_sequence
        yield from self._end()


def decode_reply(body: bytes, chat: ChatRequest | None = None) -> tuple[ReplyEvent, ...]:
    decoder = ReplyDecoder(chat)
    return (*decoder.feed(body), *decoder.close())


def _said(error: _Error | str | None) -> tuple[str, str]:
    if isinstance(error, _Error):
        return error.type or "api_error", error.message or "The provider reported an error without a message."
    return "api_error", error or "The provider's answer is not a Messages reply."


def _value(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except UNREADABLE:
        return {}
