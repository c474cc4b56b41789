"""`ccr advise`."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from claude_code_router.cli import advise_text
from claude_code_router.cli.advise_text import Report
from claude_code_router.cli.changing import apply
from claude_code_router.cli.explain_escalation import doubts
from claude_code_router.cli.improving import Study, progress, study
from claude_code_router.cli.records import NoRecordsYet, moment, opened
from claude_code_router.cli.served_lots import ServedLots
from claude_code_router.cli.terminal import complain, say
from claude_code_router.config import json5_file
from claude_code_router.config.edit import edited
from claude_code_router.config.home import Home
from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import ConfigError, Misuse
from claude_code_router.core.score import Pair
from claude_code_router.improve import candidates as possible
from claude_code_router.improve.advise import Advice, Advised, advise, cases_of
from claude_code_router.improve.again import Lanes
from claude_code_router.improve.candidates import Candidate, Seen
from claude_code_router.improve.fan import Fan, FanTally
from claude_code_router.improve.kept import said_by
from claude_code_router.improve.loss import simultaneous_z
from claude_code_router.improve.replayed import LotForecast
from claude_code_router.improve.shares import Progress, how_many, shared, undisturbed
from claude_code_router.quality.misses import TASK_VALUE_USD
from claude_code_router.store import period as records
from claude_code_router.store.db import Database
from claude_code_router.store.period import Period, Share

_BILLS_MOST = 6


class Format(StrEnum):
    TERMINAL = "terminal"
    JSON = "json"


def command(
    since: Annotated[str, typer.Option(help="From here on: 7d, 28d, or an ISO date; `all` for everything.")] = "28d",
    namespace: Annotated[str, typer.Option(help="One namespace's requests.")] = "",
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.TERMINAL,
    task_value_usd: Annotated[
        float, typer.Option(help="What a solved task is worth: bad answers cost it.")
    ] = TASK_VALUE_USD,
    precision: Annotated[float, typer.Option(help="How exactly miss rates shall be known: ± this share.")] = 0.05,
    apply_it: Annotated[
        bool, typer.Option("--apply", help="Show the change of the config, ask, and write it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --apply: do not ask.")] = False,
) -> None:
    """Propose changes of the config that the records show to be worth making.

    Chosen on the older pairs of the period and shown on the newer, with intervals; a change that may do harm is not advised.
    """
    home = Home()
    wanted = Period(since=None if since == "all" else moment(since, time.time()), namespace=namespace)
    studied = study(home, None)
    advised = Advised(pairs=0, insufficient="no requests are recorded yet")
    report = Report(advised=advised, precision=precision, task_value_usd=task_value_usd)
    try:
        with contextlib.closing(opened(home)) as database, undisturbed():
            report = _Advising(home, studied, database, wanted, task_value_usd).report(precision)
    except NoRecordsYet as none:
        complain(str(none))
    if format is Format.JSON:
        say(msgspec.json.encode(report).decode())
    else:
        say("\n".join(advise_text.as_lines(report)))
    if apply_it:
        _apply(home.config, report, yes=yes)


def _apply(path: Path, report: Report, *, yes: bool) -> None:
    chosen = report.advised.together
    if chosen is None:
        complain("there is nothing to apply.")
        return
    apply(path, chosen.changes, yes=yes)


class _Advising:
    def __init__(self, home: Home, studied: Study, database: Database, wanted: Period, task_value_usd: float) -> None:
        self._home = home
        self._path = home.config
        self._studied = studied
        self._database = database
        self._wanted = wanted
        self._value = task_value_usd
        self._text = home.config.read_text(encoding="utf-8") if home.config.exists() else "{}"
        data = json5_file.parse(self._text, str(home.config)).data
        self._data: Mapping[str, Any] = data if isinstance(data, dict) else {}
        self._scope, self._at = possible.scope(self._data, wanted.namespace)

    def report(self, precision: float) -> Report:
        config = self._studied.config
        lane = config.namespaces.get(self._wanted.namespace)
        tiers = (lane.config if lane else config).table.tiers
        ranks = {name: tier.rank for name, tier in tiers.items()}
        pairs = [pair for pair in records.pairs(self._database, self._wanted) if self._ours(pair.namespace)]
        rows = {row[0]: row for row in records.by_ids(self._database, [pair.request_id for pair in pairs]) if row[5]}
        cases = cases_of(pairs, rows, ranks, self._studied.good_from)
        base = self._studied.lanes()

        def proposed(seen: Seen) -> Sequence[Candidate]:
            return possible.candidates(self._scope, sorted(ranks, key=ranks.__getitem__), seen, self._at)

        show = progress("trying changes", 100)
        advised = advise(
            cases,
            base,
            self._made,
            proposed,
            self._studied.rates_of,
            self._value,
            lambda done, total: show(done * 100 // max(1, total)),
        )
        show(100)
        return self._with_bills(advised, pairs, ranks, precision)

    def _with_bills(
        self, advised: Advised, pairs: Sequence[Pair], ranks: Mapping[str, int], precision: float
    ) -> Report:
        """What the advised changes do to the bill, over all requests of the newer part."""
        chosen = list(advised.advice[:_BILLS_MOST]) + ([advised.together] if advised.together else [])
        made = [(one, lanes) for one in chosen if (lanes := self._made(one.changes)) is not None]
        period = self._wanted
        if advised.split_at is not None:
            period = msgspec.structs.replace(period, since=advised.split_at)
        texts = [self._edited(one.changes) for one, _ in made]
        total = records.at_most(self._database, period)
        ours = functools.partial(_is_ours, self._data, self._wanted.namespace)
        work = functools.partial(_fanned, self._database.url, self._studied, self._path, texts, period, ours)
        show = progress("adding up the bills", total)
        fan, *others = shared(work, how_many(total), show)
        for other in others:
            fan.merge(other)
        show(total)
        return Report(
            advised=advised,
            lots=self._by_lots(made, period, advised.looked_at + 1),
            bills={one.change: bill for (one, _), bill in zip(made, fan.bills(), strict=True)},
            requests=fan.requests,
            cost_usd=fan.cost_usd,
            bills_since=period.since,
            told=(told := sum(requests for rule, requests in fan.rules.items() if rule)),
            never_hit=self._never_hit(fan.rules) if told else (),
            sampling=advise_text.sampling(pairs, ranks, precision, self._studied.good_from),
            escalation=doubts(self._home, self._studied, self._wanted.namespace),
            precision=precision,
            task_value_usd=self._value,
        )

    def _by_lots(self, made: Sequence[tuple[Advice, Lanes]], period: Period, looks: int) -> Mapping[str, LotForecast]:
        """What the answers that clients got say of the same changes, where requests were sent by lot."""
        lots = ServedLots(self._database, self._studied, period)
        found: dict[str, LotForecast] = {}
        for one, lanes in made:
            config = self._changed(one.changes)
            lane = config.namespaces.get(self._wanted.namespace)
            forecast = lots.forecast(lane.config if lane else config, lanes, simultaneous_z(looks))
            if forecast is not None:
                found[one.change] = forecast
        return found

    def _never_hit(self, rules: Mapping[str, int]) -> tuple[str, ...]:
        lane = self._studied.config.namespaces.get(self._wanted.namespace)
        table = (lane.config if lane else self._studied.config).table
        return tuple(rule.name for rule in table.declared if rule.name not in rules and not rule.refuse)

    def _ours(self, namespace: str) -> bool:
        return _is_ours(self._data, self._wanted.namespace, namespace)

    def _made(self, changes: Mapping[str, Any]) -> Lanes | None:
        try:
            return self._studied.lanes(self._changed(changes))
        except (ConfigError, Misuse):
            return None

    def _changed(self, changes: Mapping[str, Any]) -> Config:
        return load_text(self._edited(changes), str(self._path), os.environ)

    def _edited(self, changes: Mapping[str, Any]) -> str:
        return edited(self._text, changes, str(self._path))


def _is_ours(data: Mapping[str, Any], wanted: str, namespace: str) -> bool:
    """Whether the namespace's requests are decided by what is changed here."""
    return namespace == wanted if wanted else not possible.scope(data, namespace)[1]


def _fanned(
    url: str,
    studied: Study,
    path: Path,
    texts: Sequence[str],
    period: Period,
    ours: Callable[[str], bool],
    share: Share,
    progress: Progress,
) -> FanTally:
    """`texts`: of the config with each change."""
    lanes = [studied.lanes(), *(studied.lanes(load_text(text, str(path), os.environ)) for text in texts)]
    its = functools.cache(ours)
    with contextlib.closing(Database(url)) as database:
        said = said_by(database) if records.any_bodies(database) else _nothing_kept
        fan = Fan(lanes, studied.rates_of, said)
        fan.look((row for row in records.decided(database, period, share) if its(row[3] or "")), progress)
        fan.walk(lambda sessions: (row for row in records.of_sessions(database, period, sessions) if its(row[3] or "")))
    return fan.tally()


def _nothing_kept(_: str) -> None:
    return None
