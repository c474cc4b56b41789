"""`ccr stats`."""

from __future__ import annotations

import contextlib
import time
from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from claude_code_router.cli.records import NoRecordsYet, aligned, dollars, moment, opened, seconds, tokens
from claude_code_router.cli.terminal import complain, say
from claude_code_router.config.home import Home
from claude_code_router.store import queries
from claude_code_router.store.queries import Filter, Group

_HEAD = ("requests", "errors", "in", "cached", "written", "out", "cost", "first p50", "p95", "total p50", "p95")


class Axis(StrEnum):
    DAY = "day"
    MODEL = "model"
    SCENARIO = "scenario"
    NAMESPACE = "namespace"


class Stats(msgspec.Struct, frozen=True):
    """What `ccr stats --json` prints."""

    by: str
    since: float | None
    """Unix seconds."""
    groups: list[Group]
    total: Group


def command(
    by: Annotated[Axis, typer.Option(help="What a line stands for.")] = Axis.DAY,
    since: Annotated[
        str, typer.Option(help="From here on: 2h, 7d, or an ISO date or time; `all` for everything.")
    ] = "7d",
    model: Annotated[str, typer.Option(help="Part of a model's or a target's name.")] = "",
    scenario: Annotated[str, typer.Option(help="One scenario's requests.")] = "",
    namespace: Annotated[str, typer.Option(help="One namespace's requests.")] = "",
    session: Annotated[str, typer.Option(help="How the session's id begins.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Sum up the recorded requests by day, model, scenario or namespace.

    in = input tokens outside any cache, cached = read from a cache, written = written to one; first = time to the first
    content. Percentiles are values that were measured (nearest rank).
    """
    start = None if since == "all" else moment(since, time.time())
    wanted = Filter(since=start, model=model, scenario=scenario, namespace=namespace, session=session)
    try:
        with contextlib.closing(opened(Home())) as database:
            groups, total = queries.stats(database, wanted, by.value)
    except NoRecordsYet as none:
        complain(str(none))
        return
    stats = Stats(by.value, start, groups, total)
    if as_json:
        say(msgspec.json.encode(stats).decode())
    elif not groups:
        complain("no recorded request fits.")
    else:
        say(as_text(stats))


def as_text(stats: Stats) -> str:
    cells = [(stats.by, *_HEAD), *map(_cells, [*stats.groups, stats.total])]
    lines = aligned(cells, (False, *[True] * len(_HEAD)), [0] * (1 + len(_HEAD)))
    if stats.total.unpriced:
        lines.append(f"The price of {stats.total.unpriced} requests is not known; they are missing in the cost.")
    return "\n".join(lines)


def _cells(group: Group) -> tuple[str, ...]:
    return (
        group.key or "(none)",
        str(group.requests),
        str(group.errors),
        tokens(group.input_tokens),
        tokens(group.cache_read_tokens),
        tokens(group.cache_write_tokens),
        tokens(group.output_tokens),
        dollars(None if group.requests and group.unpriced == group.requests else group.cost_usd),
        seconds(group.first_event_p50_ms),
        seconds(group.first_event_p95_ms),
        seconds(group.total_p50_ms),
        seconds(group.total_p95_ms),
    )
