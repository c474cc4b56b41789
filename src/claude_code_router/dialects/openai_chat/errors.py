"""What a chat/completions server says when it fails, in Anthropic's words.

Claude Code heals itself by matching wordings (2.1.330): the message is kept as it came, save for a context overflow,
which is worded as Claude's so that the client compacts the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from claude_code_router.dialects.unreadable import UNREADABLE, plain

_BY_STATUS: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}

_BY_CODE: Mapping[str, str] = {
    "insufficient_quota": "billing_error",
    "billing_hard_limit_reached": "billing_error",
    "rate_limit_exceeded": "rate_limit_error",
    "rate_limit_error": "rate_limit_error",
    "server_overloaded": "overloaded_error",
    "overloaded_error": "overloaded_error",
    "invalid_api_key": "authentication_error",
    "authentication_error": "authentication_error",
    "permission_error": "permission_error",
    "model_not_found": "not_found_error",
    "not_found_error": "not_found_error",
    "invalid_request_error": "invalid_request_error",
    "context_length_exceeded": "invalid_request_error",
    "server_error": "api_error",
    "api_error": "api_error",
    "timeout_error": "timeout_error",
}
"""The names that servers put into `code` or `type`."""

_OVERFLOW = re.compile(
    r"context_length_exceeded|maximum context length|context (?:window|length|size)[^.]{0,60}(?:exceed|limit|too)"
    r"|exceed\w*[^.]{0,60}context (?:window|length|size|limit)|prompt is too long|prompt contains too many tokens"
    r"|input is too long"
    r"|too many (?:input )?tokens|range of input length|reduce the length of the (?:messages|prompt)"
    r"|token count[^.]{0,40}exceeds the maximum",
    re.IGNORECASE,
)
"""OpenAI, vLLM, llama.cpp, OpenRouter, Mistral, DashScope, Groq, Gemini's compatible layer, Z.ai (seen in 2026-11)."""

_MAXIMUM = (
    re.compile(
        r"max\w*(?: input| allowed| context| model)* (?:length|tokens?|window|size)\D{0,24}(\d[\d,]{2,})", re.IGNORECASE
    ),
    re.compile(r"context (?:window|length|size|limit)\D{0,24}(\d[\d,]{2,})", re.I),
)
_ACTUAL = (
    re.compile(r"\(?(\d[\d,]*) (?:tokens )?(?:in|of) (?:the )?(?:messages|text input|prompt|input)", re.I),
    re.compile(
        r"(?:requested|resulted in|contains|has|have|provided|count)\D{0,40}?(\d[\d,]{2,}) ?(?:input )?tokens", re.I
    ),
)
_OUTPUT = (
    re.compile(r"(\d[\d,]*) (?:tokens )?(?:in|of) (?:the )?(?:completion|output)", re.I),
    re.compile(r"max_(?:completion_)?tokens\W+is too large: (\d[\d,]*)", re.I),
)
_FIGURE = re.compile(r"\d{4,}")


def decode_error(status: int, body: bytes) -> tuple[str, str]:
    """(Anthropic error type, message) of an error reply. `body` may be anything, HTML included."""
    try:
        found = msgspec.json.decode(body)
    except UNREADABLE:
        return classify(status, "", "", plain(body) or f"The provider answered with status {status}.")
    return read_error(found, status)


def read_error(found: object, status: int = 0) -> tuple[str, str]:
    """The same for JSON that is read already: a body, or the `error` of a chunk inside a 200 (then `status` is 0)."""
    if isinstance(found, list) and found:
        found = found[0]  # Google's compatible layer wraps it in an array
    if not isinstance(found, dict):
        return classify(status, "", "", str(found) if found else f"The provider answered with status {status}.")
    inner = found.get("error")
    if isinstance(inner, dict):
        found = {**inner, "message": inner.get("message") or found.get("message")}
    elif isinstance(inner, str) and inner:
        found = {**found, "message": found.get("message") or inner}
    code = found.get("code")
    if not status:
        status = _as_status(code) or _as_status(found.get("status")) or _as_status(found.get("http_code"))
    return classify(status, _word(code), _word(found.get("type")), _message(found))


def classify(status: int, code: str, kind: str, message: str) -> tuple[str, str]:
    if (status in (0, 400, 413, 422, 500) and _OVERFLOW.search(f"{code} {message}")) or code == "1261":
        # 1261: Z.ai's number for the same.
        return "invalid_request_error", _overflow(message)
    if status in (0, 429, 500) and (code in _BY_CODE or kind in _BY_CODE):
        # The words say more than these statuses: OpenAI sends a spent quota as 429.
        return _BY_CODE.get(code) or _BY_CODE[kind], message
    if status in _BY_STATUS:
        return _BY_STATUS[status], message
    return ("invalid_request_error" if 400 <= status < 500 else "api_error"), message


def _overflow(message: str) -> str:
    """In the two wordings that make Claude Code 2.1.330 compact, or ask for less output; the provider's own words when the
    figures are not in them."""
    if message.lower().startswith("prompt is too long"):
        return message
    maximum, actual, output = _first(_MAXIMUM, message), _first(_ACTUAL, message), _first(_OUTPUT, message)
    if output and actual and actual <= maximum < actual + output:
        return f"input length and `max_tokens` exceed context limit: {actual} + {output} > {maximum}"
    if not (maximum and actual > maximum):
        figures = sorted({int(number) for number in _FIGURE.findall(message.replace(",", ""))})
        if len(figures) != 2:
            return f"prompt is too long: {message}"
        maximum, actual = figures
    return f"prompt is too long: {actual} tokens > {maximum} maximum"


def _first(patterns: tuple[re.Pattern[str], ...], message: str) -> int:
    for pattern in patterns:
        match = pattern.search(message)
        if match is not None:
            return int(match[1].replace(",", ""))
    return 0


def _as_status(value: object) -> int:
    number = int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else 0
    return number if 400 <= number <= 599 else 0


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, str | int) else ""


def _message(found: dict[str, object]) -> str:
    for name in ("message", "detail", "msg", "error_msg", "title"):
        value = found.get(name)
        if isinstance(value, str) and value:
            return _with_raw(value, found.get("metadata"))
        if value:
            return msgspec.json.encode(value).decode()[:2000]
    return msgspec.json.encode(found).decode()[:2000]


def _with_raw(message: str, metadata: object) -> str:
    """OpenRouter says "Provider returned error" and keeps the provider's own words in `metadata.raw`."""
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not isinstance(raw, str) or not raw:
        return message
    try:
        inner = msgspec.json.decode(raw)
    except UNREADABLE:
        inner = None
    if isinstance(inner, dict):
        return f"{message}: {read_error(inner)[1]}"
    return f"{message}: {raw[:2000]}"
