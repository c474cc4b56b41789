"""Watches a Responses reply that is relayed, without changing it."""

from __future__ import annotations

from typing import Any

import msgspec

from claude_code_router.dialects.observer import StreamObserver
from claude_code_router.dialects.openai_chat.chunks import read_usage
from claude_code_router.dialects.openai_responses.errors import read_error
from claude_code_router.dialects.openai_responses.events import Response, response_decoder
from claude_code_router.dialects.unreadable import UNREADABLE

_ENDS = frozenset({b"response.completed", b"response.incomplete"})
_FAILS = frozenset({b"response.failed", b"error"})
_CONTENT = frozenset({b"response.output_item.added", b"response.output_text.delta"})
_STOPS = {"max_output_tokens": "max_tokens", "content_filter": "refusal"}


class _Event(msgspec.Struct):
    type: str = ""
    response: msgspec.Raw = msgspec.Raw()


class _Kind(msgspec.Struct):
    type: str = ""


_event_decoder = msgspec.json.Decoder(_Event)
_kind_decoder = msgspec.json.Decoder(_Kind)


class ReplyObserver(StreamObserver):
    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(skip=b"response.function_call_arguments.delta")

    def _see(self, name: bytes, data: bytes, /) -> None:
        name = name or _kind(data)
        if name in _CONTENT:
            self.content_started = True
        elif name in _FAILS:
            self.error = read_error(_told(data))
        elif name in _ENDS:
            try:
                self.tell(response_decoder.decode(_event_decoder.decode(data).response))
            except UNREADABLE as problem:
                self.error = ("api_error", f"The provider sent an event that cannot be read ({problem}).")

    def tell(self, response: Response) -> None:
        self.ended = True
        self.model = response.model if isinstance(response.model, str) else self.model
        self.usage = read_usage(response.usage) or self.usage
        kinds = [_kind(item) for item in response.output or ()]
        self.content_started = self.content_started or bool(kinds)
        details = response.incomplete_details
        reason = details.get("reason") if isinstance(details, dict) else None
        self.stop_reason = _STOPS.get(str(reason), "") or ("tool_use" if b"function_call" in kinds else "end_turn")


def observe_reply(body: bytes) -> ReplyObserver:
    """The same facts of a whole JSON reply. One that cannot be read has an `error`."""
    seen = ReplyObserver()
    try:
        response = response_decoder.decode(body)
    except UNREADABLE:
        seen.error = ("api_error", "The provider's answer is not a response.")
        return seen
    if response.error or response.status == "failed" or response.output is None:
        seen.error = read_error(_told(body))
    else:
        seen.tell(response)
    return seen


def _kind(data: bytes | msgspec.Raw) -> bytes:
    try:
        return _kind_decoder.decode(data).type.encode()
    except UNREADABLE:
        return b""


def _told(data: bytes) -> Any:
    """The error object of an event or a body, wherever it stands."""
    try:
        found = msgspec.json.decode(data)
    except UNREADABLE:
        return {}
    if not isinstance(found, dict):
        return {}
    response = found.get("response")
    inner = response.get("error") if isinstance(response, dict) else None
    return inner or found.get("error") or found
