"""`ccr replay`."""

from __future__ import annotations

import contextlib
import functools
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from claude_code_router.cli import replay_live, replay_text
from claude_code_router.cli.improving import Study, progress, study
from claude_code_router.cli.records import NoRecordsYet, moment, opened
from claude_code_router.cli.served_lots import ServedLots
from claude_code_router.cli.terminal import complain, say
from claude_code_router.config.home import Home
from claude_code_router.core.replay_condition import read
from claude_code_router.improve import fail_on
from claude_code_router.improve.forecast import forecast
from claude_code_router.improve.kept import said_by
from claude_code_router.improve.replay import Draw, Walk, walked
from claude_code_router.improve.replayed import Replay
from claude_code_router.improve.shares import Progress, how_many, shared
from claude_code_router.improve.tally import Tally, merged, replay_of
from claude_code_router.store import period as records
from claude_code_router.store.db import Database
from claude_code_router.store.period import Period, Share

EXIT_CONDITION_FAILED = 3
EXIT_CONDITION_NOT_KNOWN = 4


_DRAWN_FOR_ONE = 10
"""Not every drawn request has its body kept."""


class Format(StrEnum):
    TERMINAL = "terminal"
    JSON = "json"
    JUNIT = "junit"


def command(
    config: Annotated[
        Path | None, typer.Option("--config", help="The config to try; without it the one in use.")
    ] = None,
    since: Annotated[
        str, typer.Option(help="From here on: 2h, 7d, or an ISO date or time; `all` for everything.")
    ] = "7d",
    until: Annotated[str, typer.Option(help="Up to here, in the same way.")] = "",
    namespace: Annotated[str, typer.Option(help="One namespace's requests.")] = "",
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.TERMINAL,
    fail: Annotated[
        list[str] | None, typer.Option("--fail-on", help="A condition such as 'heavy_share>0.4'. Repeatable.")
    ] = None,
    before: Annotated[
        list[Path] | None,
        typer.Option("--before", help="An earlier config, for what its rules listened for. Repeatable."),
    ] = None,
    live: Annotated[
        int, typer.Option(help="Answer so many of the requests that go elsewhere anew, by both targets.", min=0)
    ] = 0,
    budget_usd: Annotated[float, typer.Option(help="With --live: what it may cost.", min=0.0)] = 1.0,
    yes: Annotated[bool, typer.Option("--yes", help="With --live: spend without asking.")] = False,
) -> None:
    """Decide the recorded requests again by another config: what would change, and what it costs.

    Nothing is sent without --live. Exit code 3 when a --fail-on condition is true, 4 when one cannot be told, 1 for errors.
    """
    home = Home()
    conditions = [read(text) for text in fail or []]
    now = time.time()
    wanted = Period(since=None if since == "all" else moment(since, now), until=moment(until, now), namespace=namespace)
    tried = study(home, config, before or [])
    draw, found, samples = Draw(live * _DRAWN_FOR_ONE), Replay(), []
    try:
        with contextlib.closing(opened(home)) as database:
            found = replayed(database, tried, wanted, draw)
            samples = replay_live.samples_of(database, draw.kept)[:live] if live else []
    except NoRecordsYet as none:
        complain(str(none))
    asked = replay_live.run(home, tried, samples, budget_usd, yes=yes) if live else None
    findings = [fail_on.look(one, found, tried.tiers(namespace)) for one in conditions]
    _print(found, findings, asked, format, tried.config.hash)


def _print(
    found: Replay, findings: list[fail_on.Finding], asked: replay_live.Live | None, format: Format, config_hash: str
) -> None:
    match format:
        case Format.JSON:
            whole = {"config_hash": config_hash, **replay_text.as_object(found, findings), "live": asked}
            say(msgspec.json.encode(whole).decode())
        case Format.JUNIT:
            say(replay_text.as_junit(found, findings))
        case _:
            say("\n".join([*replay_text.as_lines(found, findings), *(replay_live.as_lines(asked) if asked else ())]))
    _exit(findings)


def replayed(database: Database, tried: Study, wanted: Period, draw: Draw | None = None) -> Replay:
    """In as many processes as are worth starting. What is drawn is shown to `draw`."""
    total = records.at_most(database, wanted)
    draw = draw or Draw(0)
    pairs = records.pairs(database, wanted)
    ids = frozenset(pair.request_id for pair in pairs)
    work = functools.partial(_walked, database.url, tried, wanted, ids, draw.count)
    show = progress("deciding again", total)
    tally = merged(shared(work, how_many(total), show))
    show(total)
    for one in tally.drawn:
        draw.show(*one)
    found = replay_of(tally)
    ranks = {name: tier.rank for name, tier in tried.tiers(wanted.namespace).items()}
    misses = forecast(pairs, tally.tiers, ranks, flipped=found.flipped, good_from=tried.good_from)
    lots = ServedLots(database, tried, wanted).forecast(tried.config, tried.lanes())
    return msgspec.structs.replace(found, misses=misses, lots=lots)


def _walked(
    url: str, tried: Study, wanted: Period, ids: frozenset[str], draw: int, share: Share, progress: Progress
) -> Tally:
    with contextlib.closing(Database(url)) as database:
        said = said_by(database) if records.any_bodies(database) else _nothing_kept
        walk = Walk(tried.lanes(), tried.rates_of, said, wanted=ids, draw=draw)
        walked(records.decided(database, wanted, share), walk, progress)
        return walk.tally()


def _nothing_kept(_: str) -> None:
    return None


def _exit(findings: list[fail_on.Finding]) -> None:
    verdicts = {finding.verdict for finding in findings}
    if "failed" in verdicts:
        raise typer.Exit(EXIT_CONDITION_FAILED)
    if "not known" in verdicts:
        raise typer.Exit(EXIT_CONDITION_NOT_KNOWN)
