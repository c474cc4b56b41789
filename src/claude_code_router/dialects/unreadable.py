"""Bodies that are not the JSON that was expected: JSON that msgspec does not read, and pages made for people."""

from __future__ import annotations

import html
import re

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on bytes that cannot be read as what was asked for. Not only its own error: text that is not UTF-8 and
bottomless nesting come out as Python's (0.22)."""

_SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}", re.DOTALL
)


def mend(text: bytes) -> bytes:
    """With U+FFFD for what is no character: bytes that are not UTF-8 (tokenizers that cut a character in two), and half
    surrogate pairs (JavaScript that cut a string in two; JSON.stringify writes them as escapes). For use after a failure."""
    try:
        text.decode()
    except UnicodeDecodeError:
        text = text.decode("utf-8", "replace").encode()
    return _SURROGATES.sub(lambda match: match[0] if len(match[0]) in (2, 12) else b"\\ufffd", text)


_TAGS = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.IGNORECASE | re.DOTALL)


def plain(body: bytes) -> str:
    """An HTML page or plain text, as one short line."""
    text = html.unescape(_TAGS.sub(" ", body[:20_000].decode("utf-8", "replace")))
    return " ".join(text.split())[:500]
