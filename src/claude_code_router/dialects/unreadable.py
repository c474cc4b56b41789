"""Bodies that are not the JSON that was expected: JSON that msgspec does not read, and pages made for people."""

from __future__ import annotations

import html
import re

import msgspec

from claude_code_router.core.surrogates import without_half_pairs

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on bytes that cannot be read as what was asked for. Not only its own error: text that is not UTF-8 and
bottomless nesting come out as Python's (0.22)."""


def mend(text: bytes) -> bytes:
    """With U+FFFD for what is no character: bytes that are not UTF-8 (tokenizers that cut a character in two), and half
    surrogate pairs. For use after a failure."""
    try:
        text.decode()
    except UnicodeDecodeError:
        text = text.decode("utf-8", "replace").encode()
    return without_half_pairs(text)


_TAGS = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.IGNORECASE | re.DOTALL)


def plain(body: bytes) -> str:
    """An HTML page or plain text, as one short line."""
    text = html.unescape(_TAGS.sub(" ", body[:20_000].decode("utf-8", "replace")))
    return " ".join(text.split())[:500]
