"""docs/records.md says what the schema says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from claude_code_router.core.record import Outcome
from claude_code_router.store.schema import TABLES, Field

DOC = Path(__file__).parents[3] / "docs" / "records.md"


def as_markdown(fields: Sequence[Field]) -> str:
    lines = ["| field | type | unit | meaning |", "|---|---|---|---|"]
    lines += [f"| `{field.name}` | {field.type} | {field.unit} | {field.meaning} |" for field in fields]
    return "\n".join(lines)


@pytest.mark.parametrize("table", TABLES)
def test_every_field_is_described(table: str) -> None:
    """The table in the docs is the schema's own, word for word."""
    assert f"### `{table}`\n\n{as_markdown(TABLES[table])}\n" in DOC.read_text()


def test_every_outcome_is_described() -> None:
    """How a request can end is listed completely."""
    for outcome in Outcome:
        assert f"- `{outcome.value}`: " in DOC.read_text()
