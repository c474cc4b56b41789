"""docs/providers.md cannot lie."""

from __future__ import annotations

from pathlib import Path

from claude_code_router.providers.document import render

DOCS = Path(__file__).parents[3] / "docs" / "providers.md"


def test_the_tables_are_current() -> None:
    """Run `python -m claude_code_router.providers.document docs/providers.md` when this fails."""
    text = DOCS.read_text(encoding="utf-8")
    assert render(text) == text
