"""Takes secrets out of what is about to be written, and shortens what is only bulk.

A net, not a proof: a secret that looks like prose passes. Therefore bodies are kept only when the owner asks for them.
Every pattern is linear: no nested or adjacent unbounded repeats.
"""

from __future__ import annotations

import re

MAX_BODY_CHARS = 1_000_000
"""Per body. A conversation of 250,000 tokens; whoever replays longer ones needs the client's own transcript."""

GONE = "[redacted]"

# Secrets with a shape of their own; each alternative starts with a literal, so that the scan is fast.
_SHAPES = re.compile(
    r"""
      \bsk-[A-Za-z0-9_-]{8,}                            # Anthropic, OpenAI, OpenRouter, DeepSeek, Moonshot …
    | \b(?:gsk|hf|xai|nvapi|r8|pplx|tvly|fw)[_-][A-Za-z0-9_-]{20,}
    | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_[A-Za-z0-9_]{20,} | \bglpat-[A-Za-z0-9_-]{20,}
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b
    | \bAIza[0-9A-Za-z_-]{30,} | \bya29\.[0-9A-Za-z_-]{20,}
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}     # JSON web token
    | -----BEGIN\ [A-Z ]{0,24}PRIVATE\ KEY-----[A-Za-z0-9+/=\\\s]{0,10000}
    """,
    re.VERBOSE,
)
_BEARER = re.compile(r"\b(Bearer|Basic)(\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_IN_URL = re.compile(r"(://[^\s:/@\"\\]{1,200}:)[^\s/@\"\\]{1,200}@")
# "api_key": "…", \"token\": \"…\" inside a string, PASSWORD=…; a number behind "max_tokens" is no secret.
_NAMED = re.compile(
    r"""((?:api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|apikey|token|password|passwd|secret|authorization)
        (?:\\?["'])?\s{0,4}[:=]\s{0,4})
        (?: (\\?["'])[^"'\\\n]{4,4096} | (?![\[{(<$\d]) [A-Za-z0-9._~+/=-]{8,4096} )""",
    re.IGNORECASE | re.VERBOSE,
)
_BULK = re.compile(r"[A-Za-z0-9+/=_-]{600,}")
_KEPT_OF_BULK = 32


def redact_text(text: str) -> str:
    """A message for people: secrets out."""
    if not text:
        return text
    text = _SHAPES.sub(GONE, text)
    text = _BEARER.sub(rf"\1\2{GONE}", text)
    text = _IN_URL.sub(rf"\1{GONE}@", text)
    return _NAMED.sub(lambda found: f"{found[1]}{found[2] or ''}{GONE}", text)


def redact_body(body: bytes) -> str:
    """A request's or reply's body as text: base64 (images) shortened, secrets out, at most MAX_BODY_CHARS."""
    text = _BULK.sub(_shortened, body.decode("utf-8", "replace"))
    if len(text) > MAX_BODY_CHARS:
        text = f"{text[:MAX_BODY_CHARS]}…[{len(text) - MAX_BODY_CHARS} more characters]"
    return redact_text(text)


def _shortened(found: re.Match[str]) -> str:
    run = found[0]
    return f"{run[:_KEPT_OF_BULK]}…[{len(run) - _KEPT_OF_BULK} more characters]"
