"""Secrets leave, the rest stays."""

from __future__ import annotations

import json

import pytest

from claude_code_router.store.redact import GONE, MAX_BODY_BYTES, redact_body, redact_text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Incorrect API key provided: sk-proj-AbCd1234_efgh", "AbCd1234"),
        ("key sk-ant-api03-AAAAbbbbCCCC is wrong", "AAAAbbbb"),
        ("Authorization: Bearer abcdef123456.xyz", "abcdef123456"),
        ("authorization: basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ('{"api_key": "0123456789"}', "0123456789"),
        ('{"apiKey":"0123456789"}', "0123456789"),
        ('{"x-api-key":"short1"}', "short1"),
        ('{"password": "hunter2 with spaces"}', "hunter2"),
        (r"{\"token\": \"abcd1234\"}", "abcd1234"),
        ("export OPENAI_API_KEY=abcdefghijkl", "abcdefghijkl"),
        ("DB_PASSWORD='p4ss word'", "p4ss"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "0123456789abc"),
        ("github_pat_11ABCDEFG0123456789_abcdefgh", "11ABCDEFG"),
        ("AIzaSyA-0123456789abcdefghijklmnopqrstuv", "SyA-0123"),
        ("xoxb-1234567890-abcdef", "1234567890"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "eyJzdWIi"),
        ("postgresql://me:hunter2@host/db", "hunter2"),
        ("-----BEGIN RSA PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA\\n-----END", "MIIEpAIB"),
    ],
)
def test_a_secret_leaves(text: str, secret: str) -> None:
    """Of every well-known shape, in prose, JSON, JSON inside JSON, and shell."""
    redacted = redact_text(text)
    assert secret not in redacted
    assert GONE in redacted
    assert redact_text(redacted) == redacted


@pytest.mark.parametrize(
    "text",
    [
        '{"max_tokens": 32000, "input_tokens": 12345678}',
        "prompt is too long: 210000 tokens > 200000 maximum",
        "the task-skeleton of a risk-averse desk-bound clerk",
        '{"type": "token_count", "tokens": 12}',
        "https://example.com/path?a=b",
        "def tokenize(text): return text.split()",
    ],
)
def test_prose_and_figures_stay(text: str) -> None:
    """What only looks a little like a secret is not one."""
    assert redact_text(text) == text


def test_an_image_is_shortened() -> None:
    """Its beginning and its length stay, and the body is still JSON."""
    image = "iVBORw0KGgo" + "A" * 5000
    body = json.dumps({"source": {"type": "base64", "data": image}, "text": "look"}).encode()
    redacted = json.loads(redact_body(body))
    assert redacted["source"]["data"].startswith("iVBORw0KGgo")
    assert len(redacted["source"]["data"]) < 100
    assert redacted["text"] == "look"


def test_a_huge_body_is_cut() -> None:
    """At the cap, with the number of missing characters; bytes that are no text do no harm."""
    redacted = redact_body(b"ab \xff" * MAX_BODY_BYTES)
    assert len(redacted) < MAX_BODY_BYTES + 100
    assert "more bytes" in redacted
