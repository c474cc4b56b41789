"""What `logs`, `stats` and `explain` share: finding the records, reading a point in time, writing figures."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime

import typer

from claude_code_router.config.home import Home
from claude_code_router.config.load import load
from claude_code_router.core.errors import ConfigError
from claude_code_router.core.span import span_s
from claude_code_router.store.db import Database
from claude_code_router.store.errors import StoreFailed
from claude_code_router.store.location import location, sqlite_path


class NoRecordsYet(StoreFailed):
    """Nothing was ever recorded here."""


def opened(home: Home, *, make: bool = False) -> Database:
    """The records of the configured place, whether the router runs or not.

    Raises NoRecordsYet, unless they shall be made. A broken config is no reason not to show what happened: then the default
    place is read.
    """
    try:
        database_url = load(home.config, os.environ).settings.database_url
    except ConfigError:
        database_url = ""
    url = location(database_url, home.records)
    file = sqlite_path(url)
    if file and not make and not file.exists():
        hint = "They begin with the first request through the router."
        raise NoRecordsYet(f"There are no records yet at {file}.", hint=hint)
    return Database(url)


def moment(text: str, now: float) -> float | None:
    """`2h`, `7d`, `30m` (ago) or an ISO date or time (local unless it says otherwise), as Unix seconds; None when empty."""
    if not text:
        return None
    if (ago_s := span_s(text)) is not None:
        return now - ago_s
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a span such as 2h or 7d nor an ISO date.") from None


def tokens(count: int | None) -> str:
    if count is None:
        return "-"
    if count < 10_000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 999_950 else f"{count / 1e6:.2f}M"


def seconds(ms: float | None) -> str:
    if ms is None:
        return "-"
    return f"{ms:.0f}ms" if ms < 1000 else f"{ms / 1000:.1f}s"


def dollars(usd: float | None) -> str:
    if usd is None:
        return "-"
    return f"${usd:.2f}" if usd >= 10 else f"${usd:.4f}"


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool], widths: Sequence[int]) -> list[str]:
    """Columns of at least `widths`, wide enough for all rows; the last column runs free."""
    fitting = [max([width, *(len(row[at]) for row in rows)]) for at, width in enumerate(widths)]
    place: list[Callable[[str, int], str]] = [str.rjust if to_right else str.ljust for to_right in right]
    return [
        "  ".join(put(cell, width) for put, cell, width in zip(place, row, fitting, strict=True)).rstrip()
        for row in rows
    ]
