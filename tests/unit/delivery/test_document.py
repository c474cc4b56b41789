"""docs/reliability.md cannot lie."""

from __future__ import annotations

from pathlib import Path

from claude_code_router.core.failure import FailureKind
from claude_code_router.delivery.document import render

DOCS = Path(__file__).parents[3] / "docs" / "reliability.md"


def test_the_failure_table_is_current() -> None:
    """Run `python -m claude_code_router.delivery.document docs/reliability.md` when this fails."""
    text = DOCS.read_text(encoding="utf-8")
    assert render(text) == text
    assert all(f"| `{kind.value}` |" in text for kind in FailureKind)
