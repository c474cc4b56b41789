"""Spans of time as people write them: `30m`, `2h`, `7d`."""

from __future__ import annotations

import re

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def span_s(text: str) -> float | None:
    """In seconds; None when it is no span."""
    found = _SPAN.fullmatch(text.strip())
    return float(found[1]) * _UNIT_S[found[2]] if found else None
