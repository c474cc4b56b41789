"""Watches a reply that is relayed, without changing it. Only the three events that carry facts are decoded."""

from __future__ import annotations

import msgspec

from claude_code_router.dialects.anthropic_messages.usage import WireUsage, read_usage
from claude_code_router.dialects.observer import StreamObserver
from claude_code_router.dialects.unreadable import UNREADABLE


class _Message(msgspec.Struct):
    model: str | None = None
    usage: WireUsage | None = None
    stop_reason: str | None = None


class _Delta(msgspec.Struct):
    stop_reason: str | None = None


class _Error(msgspec.Struct):
    type: str | None = None
    message: str | None = None


class _Event(msgspec.Struct):
    type: str | None = None
    message: _Message | str | None = None
    delta: _Delta | None = None
    usage: WireUsage | None = None
    error: _Error | str | None = None


class _Whole(msgspec.Struct):
    type: str | None = None
    model: str | None = None
    content: list[msgspec.Raw] | None = None
    stop_reason: str | None = None
    usage: WireUsage | None = None
    error: _Error | str | None = None


class _Type(msgspec.Struct):
    type: str = ""


_event_decoder = msgspec.json.Decoder(_Event)
_whole_decoder = msgspec.json.Decoder(_Whole)
_type_decoder = msgspec.json.Decoder(_Type)

_DELTA = b"content_block_delta"  # nearly all events, and none of our business
_TOLD = frozenset({b"message_start", b"message_delta", b"error"})


class ReplyObserver(StreamObserver):
    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(skip=_DELTA)

    @property
    def ending(self) -> bytes:
        """It becomes a ping, which the SDKs pass over without reading its data; of half an event they would fail to read it."""
        if self._sse.at_boundary:
            return b""
        return b"\nevent: ping\n\n" if self._sse.in_line else b"event: ping\n\n"

    def _see(self, name: bytes, data: bytes, /) -> None:
        if not name:
            name = _type_of(data)
        if name == b"content_block_start":
            self.content_started = True
        elif name == b"message_stop":
            self.ended = True
        elif name in _TOLD:
            self._tell(name, data)

    def _tell(self, name: bytes, data: bytes) -> None:
        try:
            event = _event_decoder.decode(data)
        except UNREADABLE as problem:
            self.error = ("api_error", f"The provider sent a {name.decode()} event that cannot be read ({problem}).")
            return
        if name == b"error":
            self.error = _error_of(event.error, event.message if isinstance(event.message, str) else "")
        elif name == b"message_start" and isinstance(event.message, _Message):
            self.model = event.message.model or self.model
            self._count(event.message.usage)
        elif name == b"message_delta":
            self.stop_reason = (event.delta.stop_reason if event.delta else None) or self.stop_reason
            self._count(event.usage)

    def _count(self, usage: WireUsage | None) -> None:
        if usage is not None:
            self.usage = read_usage(usage, self.usage)


def observe_reply(body: bytes) -> ReplyObserver:
    """The same facts of a whole JSON reply. One that cannot be read has an `error`."""
    seen = ReplyObserver()
    try:
        whole = _whole_decoder.decode(body)
    except UNREADABLE:
        seen.error = ("api_error", "The provider's answer is not a Messages reply.")
        return seen
    if whole.error is not None or whole.type == "error":
        seen.error = _error_of(whole.error, "")
    elif whole.content is None:
        seen.error = ("api_error", "The provider's answer is not a Messages reply: it has no content.")
    else:
        seen.ended = True
        seen.content_started = bool(whole.content)
    seen.model = whole.model or ""
    seen.stop_reason = whole.stop_reason or ""
    seen._count(whole.usage)
    return seen


def _type_of(data: bytes) -> bytes:
    try:
        return _type_decoder.decode(data).type.encode()
    except UNREADABLE:
        return b""


def _error_of(error: _Error | str | None, otherwise: str) -> tuple[str, str]:
    if isinstance(error, _Error):
        return (
            error.type or "api_error",
            error.message or otherwise or "The provider reported an error without a message.",
        )
    return "api_error", error or otherwise or "The provider reported an error without a message."
