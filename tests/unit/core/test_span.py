"""Spans of time."""

from __future__ import annotations

import pytest

from claude_code_router.core.span import span_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30), ("5m", 300), ("2h", 7200), ("1.5d", 129_600), (" 1 w ", 604_800), ("0d", 0),
        ("", None), ("d", None), ("2", None), ("2y", None), ("-2d", None), ("2d3h", None), ("2026-01-01", None),
    ],
)  # fmt: skip
def test_spans(text: str, seconds: float | None) -> None:
    """A number and a unit; anything else is no span."""
    assert span_s(text) == seconds
