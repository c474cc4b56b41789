"""Anthropic's error envelope, both ways."""

from __future__ import annotations

import msgspec

from claude_code_router.dialects.sse import encode_event
from claude_code_router.dialects.unreadable import UNREADABLE, plain

_encode = msgspec.json.Encoder().encode


class _Detail(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Envelope(msgspec.Struct):
    error: _Detail | str | None = None
    message: str = ""


def encode_error(error_type: str, message: str, request_id: str) -> bytes:
    """The body of an error reply."""
    body: dict[str, object] = {"type": "error", "error": {"type": error_type, "message": message}}
    if request_id:
        body["request_id"] = request_id
    return _encode(body)


def encode_error_event(error_type: str, message: str) -> bytes:
    """The event that ends a stream which has failed."""
    return encode_event(b"error", encode_error(error_type, message, ""))


def decode_error(body: bytes) -> tuple[str, str]:
    """(type, message) of an error body; the type is empty when the body is no envelope, the message is then its text
    (at most 500 characters, a page without its tags)."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except UNREADABLE:
        return "", plain(body)
    if isinstance(envelope.error, _Detail):
        return envelope.error.type, envelope.error.message or plain(body)
    return "", envelope.error or envelope.message or plain(body)
