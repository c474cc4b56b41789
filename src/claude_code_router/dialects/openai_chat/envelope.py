"""OpenAI's error envelope, as a client of ours gets it. The types that come in are Anthropic's: they are the house's."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_encode = msgspec.json.Encoder().encode

_WORDS: Mapping[str, tuple[str, str | None]] = {
    "authentication_error": ("authentication_error", "invalid_api_key"),
    "billing_error": ("insufficient_quota", "insufficient_quota"),
    "permission_error": ("permission_error", None),
    "not_found_error": ("invalid_request_error", "model_not_found"),
    "request_too_large": ("invalid_request_error", "request_too_large"),
    "rate_limit_error": ("rate_limit_error", "rate_limit_exceeded"),
    "overloaded_error": ("server_error", "server_is_overloaded"),
    "timeout_error": ("server_error", "timeout"),
    "api_error": ("server_error", "server_error"),
    "policy_blocked": ("invalid_request_error", "policy_blocked"),
    "invalid_request_error": ("invalid_request_error", None),
}

_OVERFLOW = ("prompt is too long", "input length and `max_tokens` exceed context limit")

STATUSES: Mapping[int, int] = {529: 503}
"""529 is Anthropic's own."""


def words(error_type: str, message: str) -> tuple[str, str | None]:
    """(type, code). An unknown type is passed on as it is: an upstream of the same family said it."""
    if message.lower().startswith(_OVERFLOW):
        return "invalid_request_error", "context_length_exceeded"
    return _WORDS.get(error_type, (error_type or "server_error", None))


def error_object(error_type: str, message: str) -> dict[str, object]:
    kind, code = words(error_type, message)
    return {"message": message, "type": kind, "param": None, "code": code}


def encode_error(error_type: str, message: str, request_id: str) -> bytes:
    """The body of an error reply. The request's id travels in a header, as OpenAI's does."""
    del request_id
    return _encode({"error": error_object(error_type, message)})


def encode_error_event(error_type: str, message: str) -> bytes:
    """What ends a chat/completions stream that has failed; no `[DONE]` follows."""
    return b"data: %b\n\n" % _encode({"error": error_object(error_type, message)})
