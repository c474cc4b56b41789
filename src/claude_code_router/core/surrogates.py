"""Half surrogate pairs in JSON: JavaScript that cut a string in two leaves them, and JSON.stringify writes them as escapes.
They are no characters, so most readers refuse the whole text for one of them."""

from __future__ import annotations

import re

_SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}", re.DOTALL
)


def without_half_pairs(text: bytes) -> bytes:
    """With U+FFFD in their place. For use after a failure."""
    return _SURROGATES.sub(lambda match: match[0] if len(match[0]) in (2, 12) else b"\\ufffd", text)
