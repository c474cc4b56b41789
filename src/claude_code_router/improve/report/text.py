"""A page for the terminal, and as Markdown. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from claude_code_router.improve.report.page import Bars, Page, Ranges, Table

_WIDTH = 118
_MARKUP = re.compile(r"([\\`*_\[\]<>|#])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def as_terminal(page: Page) -> str:
    return "\n".join(_terminal(page))


def as_markdown(page: Page) -> str:
    return "\n".join(_markdown(page))


def plain(text: str) -> str:
    """What was recorded came from outside: nothing of it may steer a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\n", " "))


def _terminal(page: Page) -> Iterator[str]:
    yield page.title
    yield from textwrap.wrap(page.lead, _WIDTH)
    for section in page.sections:
        yield ""
        yield section.title
        yield "─" * len(section.title)
        for part in section.parts:
            if isinstance(part, str):
                yield from textwrap.wrap(plain(part), _WIDTH)
            elif isinstance(part, Table):
                yield from _aligned(part)


def _aligned(table: Table) -> Iterator[str]:
    rows = [table.head, *(tuple(plain(cell) for cell in row) for row in table.rows)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(table.head))]
    for row in rows:
        cells = [
            cell.ljust(width) if at < table.right else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _markdown(page: Page) -> Iterator[str]:
    yield f"# {_escaped(page.title)}"
    yield ""
    yield _escaped(page.lead)
    for section in page.sections:
        yield ""
        yield f"## {_escaped(section.title)}"
        for part in section.parts:
            if isinstance(part, Bars | Ranges):
                continue  # drawn in HTML only; the tables hold the same figures
            yield ""
            if isinstance(part, str):
                yield _escaped(part)
            else:
                yield f"| {' | '.join(_escaped(cell) for cell in part.head)} |"
                yield "|" + "|".join("---" if at < part.right else "---:" for at in range(len(part.head))) + "|"
                yield from (f"| {' | '.join(_escaped(cell) for cell in row)} |" for row in part.rows)


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", plain(text))
