"""Errors of chat/completions servers, in Anthropic's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.dialects.openai_chat.errors import decode_error

OVERFLOWS: list[tuple[str, str]] = [
    (
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130012 tokens. Please reduce "
        "the length of the messages.",
        "prompt is too long: 130012 tokens > 128000 maximum",
    ),
    (
        "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens (39000 in the messages, 1000 "
        "in the completion).",
        "prompt is too long: 39000 tokens > 32768 maximum",
    ),
    (
        "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens (30000 in the messages, "
        "10000 in the completion).",
        "input length and `max_tokens` exceed context limit: 30000 + 10000 > 32768",
    ),
    (
        "'max_tokens' or 'max_completion_tokens' is too large: 10000. This model's maximum context length is 32768 tokens and "
        "your request has 30000 input tokens (10000 > 32768 - 30000).",
        "input length and `max_tokens` exceed context limit: 30000 + 10000 > 32768",
    ),
    (
        "This endpoint's maximum context length is 131,072 tokens. However, you requested about 200,345 tokens (200,000 of "
        "text input, 345 in the output).",
        "prompt is too long: 200000 tokens > 131072 maximum",
    ),
    (
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        "prompt is too long: 40000 tokens > 32768 maximum",
    ),
    (
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "prompt is too long: 1200000 tokens > 1048576 maximum",
    ),
    ("prompt is too long: 5 tokens > 4 maximum", "prompt is too long: 5 tokens > 4 maximum"),
    (
        "the request exceeds the available context size. try increasing the context size",
        "prompt is too long: the request exceeds the available context size. try increasing the context size",
    ),
    ("Range of input length should be [1, 129024]", "prompt is too long: Range of input length should be [1, 129024]"),
]


@pytest.mark.parametrize(("said", "told"), OVERFLOWS)
def test_overflow(said: str, told: str) -> None:
    """A context overflow comes out in the words by which the client heals itself."""
    body = json.dumps({"error": {"message": said, "type": "invalid_request_error", "code": 400}}).encode()
    assert decode_error(400, body) == ("invalid_request_error", told)


BODIES: list[tuple[int, Any, tuple[str, str]]] = [
    (400, {"error": {"message": "m", "type": "invalid_request_error"}}, ("invalid_request_error", "m")),
    (401, {"error": {"message": "m"}}, ("authentication_error", "m")),
    (402, {"error": {"message": "m"}}, ("billing_error", "m")),
    (403, {"error": "m"}, ("permission_error", "m")),
    (404, {"message": "m"}, ("not_found_error", "m")),
    (413, {"error": {"message": "m"}}, ("request_too_large", "m")),
    (422, {"detail": [{"loc": ["body"], "msg": "m"}]}, ("invalid_request_error", '[{"loc":["body"],"msg":"m"}]')),
    (429, {"error": {"message": "m"}}, ("rate_limit_error", "m")),
    (429, {"error": {"message": "m", "code": "insufficient_quota"}}, ("billing_error", "m")),
    (500, {"error": {"message": "m"}}, ("api_error", "m")),
    (503, {"error": {"message": "m"}}, ("overloaded_error", "m")),
    (529, {}, ("overloaded_error", "{}")),
    (418, {"error": {"message": "m"}}, ("invalid_request_error", "m")),
    (502, None, ("api_error", "The provider answered with status 502.")),
    (400, [{"error": {"code": 400, "message": "m"}}], ("invalid_request_error", "m")),
    (
        400,
        {"error": {"code": "1261", "message": "Prompt exceeds max length"}},
        ("invalid_request_error", "prompt is too long: Prompt exceeds max length"),
    ),
    (
        502,
        {"error": {"message": "Provider returned error", "metadata": {"raw": "boom"}}},
        ("api_error", "Provider returned error: boom"),
    ),
]


@pytest.mark.parametrize(("status", "body", "expected"), BODIES)
def test_bodies(status: int, body: Any, expected: tuple[str, str]) -> None:
    """Type from the status, or from a word that says more; the message as it came."""
    assert decode_error(status, json.dumps(body).encode()) == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b"<html><head><style>a{}</style><title>502 Bad&nbsp;Gateway</title></head><body><hr>nginx</body></html>",
            "502 Bad Gateway nginx",
        ),
        (b"plain words", "plain words"),
        (b"", "The provider answered with status 502."),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[" * 100_000, "[" * 500),
    ],
)
def test_bodies_that_are_no_json(body: bytes, message: str) -> None:
    """A page, plain text or nothing at all gives one short line."""
    assert decode_error(502, body) == ("api_error", message)
