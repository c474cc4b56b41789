"""What becomes of Google's errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.dialects.gemini.errors import decode_error, retry_after_s

RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}
BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


def body(status: str, message: str, *details: Any, code: int = 0) -> dict[str, Any]:
    return {"error": {"code": code, "status": status, "message": message, "details": list(details)}}


@pytest.mark.parametrize(
    ("status", "found", "expected"),
    [
        (429, body("RESOURCE_EXHAUSTED", "Quota.", RETRY), ("rate_limit_error", "Quota.")),
        (503, body("UNAVAILABLE", "The model is overloaded."), ("overloaded_error", "The model is overloaded.")),
        (400, body("INVALID_ARGUMENT", "Bad."), ("invalid_request_error", "Bad.")),
        (400, body("INVALID_ARGUMENT", "API key not valid.", BAD_KEY), ("authentication_error", "API key not valid.")),
        (401, body("UNAUTHENTICATED", "No."), ("authentication_error", "No.")),
        (403, body("PERMISSION_DENIED", "No."), ("permission_error", "No.")),
        (404, body("NOT_FOUND", "models/x is not found"), ("not_found_error", "models/x is not found")),
        (500, body("INTERNAL", "Oops."), ("api_error", "Oops.")),
        (504, body("DEADLINE_EXCEEDED", "Late."), ("timeout_error", "Late.")),
        (418, {"error": {"message": "tea"}}, ("invalid_request_error", "tea")),
        (502, {"error": "plain"}, ("api_error", "plain")),
        (
            400,
            body(
                "INVALID_ARGUMENT",
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            ),
            ("invalid_request_error", "prompt is too long: 1200000 tokens > 1048576 maximum"),
        ),
    ],
)
def test_errors_in_anthropics_words(status: int, found: dict[str, Any], expected: tuple[str, str]) -> None:
    """As an object, and in the array that a stream without `alt=sse` is."""
    assert decode_error(status, json.dumps(found).encode()) == expected
    assert decode_error(status, json.dumps([found]).encode()) == expected


@pytest.mark.parametrize(
    "raw", [b"", b"<html><b>502</b></html>", b"null", b"[]", b"[[]]", b"5", b'{"error": []}', b"\xff"]
)
def test_anything_else_is_told_as_it_is(raw: bytes) -> None:
    """Never an exception, never an empty message."""
    kind, message = decode_error(502, raw)
    assert kind == "api_error"
    assert message
    assert retry_after_s(raw) is None


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [("34.07s", 34.07), ("0s", 0.0), ("1.5", None), (5, None), ("-1s", None), ("9" * 99 + "s", None)],
)
def test_the_pause_that_is_asked_for(delay: Any, seconds: float | None) -> None:
    """RetryInfo's duration; nonsense counts as none."""
    assert retry_after_s(json.dumps(body("RESOURCE_EXHAUSTED", "m", {"retryDelay": delay})).encode()) == seconds
