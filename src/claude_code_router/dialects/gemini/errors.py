"""What Google's servers say when they fail, in Anthropic's words.

`{"error": {"code", "status", "message", "details"}}`, in an array when a stream was asked for without `alt=sse`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from claude_code_router.dialects.openai_chat.errors import classify
from claude_code_router.dialects.unreadable import UNREADABLE, plain

_BY_STATUS: Mapping[str, str] = {
    "INVALID_ARGUMENT": "invalid_request_error",
    "FAILED_PRECONDITION": "invalid_request_error",
    "OUT_OF_RANGE": "invalid_request_error",
    "UNAUTHENTICATED": "authentication_error",
    "PERMISSION_DENIED": "permission_error",
    "NOT_FOUND": "not_found_error",
    "ABORTED": "api_error",
    "RESOURCE_EXHAUSTED": "rate_limit_error",
    "CANCELLED": "api_error",
    "INTERNAL": "api_error",
    "UNKNOWN": "api_error",
    "UNAVAILABLE": "overloaded_error",
    "DEADLINE_EXCEEDED": "timeout_error",
}
"""google.rpc.Code's names."""

_KEY_REASONS = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED", "ACCESS_TOKEN_EXPIRED"})
"""Google answers 400 INVALID_ARGUMENT to a wrong API key; the reason stands in `details` (google.rpc.ErrorInfo)."""

_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_LIMIT_CHARS = 4000


def decode_error(status: int, body: bytes) -> tuple[str, str]:
    """(Anthropic error type, message) of an error reply. `body` may be anything, HTML included."""
    try:
        found = msgspec.json.decode(body)
    except UNREADABLE:
        return classify(status, "", "", plain(body) or f"The provider answered with status {status}.")
    return read_error(found, status)


def read_error(found: object, status: int = 0) -> tuple[str, str]:
    """The same for JSON that is read already. `status` 0: it came inside a 200."""
    error = _error(found)
    message = error.get("message")
    text = message[:_LIMIT_CHARS] if isinstance(message, str) and message else _fallback(error, status)
    if any(detail.get("reason") in _KEY_REASONS for detail in _details(error)):
        return "authentication_error", text
    code = error.get("code")
    if not status and isinstance(code, int) and 400 <= code <= 599:
        status = code
    kind, text = classify(status or 400, "", "", text)
    if text.startswith(("prompt is too long", "input length and")):
        return kind, text
    return _BY_STATUS.get(str(error.get("status")), kind if status else "api_error"), text


def retry_after_s(body: bytes) -> float | None:
    """The pause that a RetryInfo among the details asks for."""
    try:
        found = msgspec.json.decode(body)
    except UNREADABLE:
        return None
    for detail in _details(_error(found)):
        delay = detail.get("retryDelay")
        match = _DELAY.fullmatch(delay) if isinstance(delay, str) else None
        if match is not None:
            return float(match[1])
    return None


def _error(found: object) -> dict[str, object]:
    if isinstance(found, list) and found:
        found = found[0]
    inner = found.get("error") if isinstance(found, dict) else None
    if isinstance(inner, dict):
        return inner
    if isinstance(inner, str):
        return {"message": inner}
    return found if isinstance(found, dict) else {"message": str(found) if found else ""}


def _details(error: Mapping[str, object]) -> Iterator[dict[str, object]]:
    details = error.get("details")
    if isinstance(details, list):
        yield from (detail for detail in details if isinstance(detail, dict))


def _fallback(error: Mapping[str, object], status: int) -> str:
    return (
        msgspec.json.encode(error).decode()[:_LIMIT_CHARS] if error else f"The provider answered with status {status}."
    )
