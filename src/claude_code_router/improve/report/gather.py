"""What a report needs of the records, and of prices. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context

import msgspec

from claude_code_router.improve.report.compute import compute
from claude_code_router.improve.report.examples import with_rows
from claude_code_router.improve.report.figures import Report
from claude_code_router.improve.report.gathered import Gathered, Period, RatesOf, ScoreSums
from claude_code_router.improve.report.sums import Sums
from claude_code_router.quality.bands import Band
from claude_code_router.quality.misses import MissSettings
from claude_code_router.routing.declared import Tier
from claude_code_router.store.db import Database
from claude_code_router.store.kpis import Span, explained, how_many, judged_twice, pairs_in, scored, traffic


def report(
    database: Database,
    span: Span,
    *,
    tiers: Mapping[str, Tier],
    rates_of: RatesOf,
    settings: MissSettings,
    heavy_band: Band | None = None,
    by: str = "category",
) -> Report:
    now, before = _periods(database, span)
    gathered = Gathered(
        now=now,
        before=before,
        namespace=span.namespace,
        by=by,
        judged=judged_twice(database, span.until),
        tiers=tiers,
        rates_of=rates_of,
        settings=settings,
        heavy_band=heavy_band,
    )
    found = compute(gathered)
    ids = [id for example in found.examples for id in (example.id, example.other_id)]
    return msgspec.structs.replace(found, examples=with_rows(found.examples, explained(database, ids)))


MANY = 100_000
"""Requests from which on the period before is read in a process of its own, while this one reads the other."""


def _periods(database: Database, span: Span, many: int = MANY) -> tuple[Period, Period]:
    """The period, and the one before."""
    if how_many(database, span.before) < many:
        return _period(database, span), _period(database, span.before, briefly=True)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        before = processes.submit(_elsewhere, database.url, span.before)
        return _period(database, span), before.result()


def _elsewhere(url: str, span: Span) -> Period:
    with closing(Database(url)) as database:
        period = _period(database, span, briefly=True)
        period.sums.finished()
        return period


def _period(database: Database, span: Span, *, briefly: bool = False) -> Period:
    sums = Sums(span.since)
    sums.add(traffic(database, span, briefly=briefly))
    scores: dict[str, ScoreSums] = {}
    for epoch, tier, category, value, probability, at in scored(database, span):
        if (epoch or "") not in scores:
            scores[epoch or ""] = ScoreSums()
        scores[epoch or ""].add(tier or "", category or "", value, probability, at)
    return Period(since=span.since, until=span.until, sums=sums, pairs=pairs_in(database, span), scores=scores)
