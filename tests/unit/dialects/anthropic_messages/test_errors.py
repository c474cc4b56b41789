"""Anthropic's error envelope."""

from __future__ import annotations

import json

import pytest

from claude_code_router.dialects.anthropic_messages.errors import decode_error, encode_error, encode_error_event


def test_round_trip() -> None:
    """What is written is read."""
    body = encode_error("api_error", 'broke "here"', "req_1")
    assert json.loads(body) == {
        "type": "error",
        "error": {"type": "api_error", "message": 'broke "here"'},
        "request_id": "req_1",
    }
    assert decode_error(body) == ("api_error", 'broke "here"')


def test_the_event() -> None:
    """The event that ends a stream names itself."""
    assert encode_error_event("api_error", "m") == (
        b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"m"}}\n\n'
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ("", "")),
        (b"<html>\n bad  gateway</html>", ("", "bad gateway")),
        (b'{"error":"words"}', ("", "words")),
        (b'{"message":"words"}', ("", "words")),
        (b'{"error":{"type":"api_error"}}', ("api_error", '{"error":{"type":"api_error"}}')),
        (b"[1]", ("", "[1]")),
        (b'{"error":' + b"[" * 100_000, ("", '{"error":' + "[" * 491)),
    ],
)
def test_other_bodies(body: bytes, expected: tuple[str, str]) -> None:
    """What is no envelope still gives its words."""
    assert decode_error(body) == expected
