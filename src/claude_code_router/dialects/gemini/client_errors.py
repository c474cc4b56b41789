"""Google's error envelope, as a client of ours gets it. The types that come in are Anthropic's: they are the house's."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_WORDS: Mapping[str, tuple[int, str]] = {
    "invalid_request_error": (400, "INVALID_ARGUMENT"),
    "policy_blocked": (400, "FAILED_PRECONDITION"),
    "authentication_error": (401, "UNAUTHENTICATED"),
    "billing_error": (402, "RESOURCE_EXHAUSTED"),
    "permission_error": (403, "PERMISSION_DENIED"),
    "not_found_error": (404, "NOT_FOUND"),
    "request_too_large": (413, "INVALID_ARGUMENT"),
    "rate_limit_error": (429, "RESOURCE_EXHAUSTED"),
    "api_error": (500, "INTERNAL"),
    "overloaded_error": (503, "UNAVAILABLE"),
    "timeout_error": (504, "DEADLINE_EXCEEDED"),
}
"""(HTTP status, google.rpc.Code's name)."""

STATUSES: Mapping[int, int] = {529: 503}
"""529 is Anthropic's own."""

_encode = msgspec.json.Encoder().encode


def encode_error(error_type: str, message: str, request_id: str) -> bytes:
    """The body of an error reply. The request's id travels in a header."""
    del request_id
    code, status = _WORDS.get(error_type, (500, "INTERNAL"))
    return _encode({"error": {"code": code, "message": message, "status": status}})


def encode_error_event(error_type: str, message: str) -> bytes:
    """What ends a stream that has failed. "error" is its first member: google-genai (3.4.0) looks for just that."""
    return b"data: %b\r\n\r\n" % encode_error(error_type, message, "")
