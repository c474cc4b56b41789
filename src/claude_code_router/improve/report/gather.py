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
from claude_code_router.improve.report.gathered import Gathered, Period, RatesOf, by_epoch
from claude_code_router.improve.report.sums import TTL_1H_S, Sums, summed
from claude_code_router.quality.bands import Band
from claude_code_router.quality.misses import MissSettings
from claude_code_router.routing.declared import Tier
from claude_code_router.store.db import Database
from claude_code_router.store.kpis import (
    Span,
    arrival,
    explained,
    how_many,
    judged_twice,
    pairs_in,
    scored,
    traffic,
)


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
"""Requests from which on half of them are read in a process of its own, while this one reads the others."""


def _periods(database: Database, span: Span, many: int = MANY) -> tuple[Period, Period]:
    """The period, and the one before."""
    now, before = how_many(database, span), how_many(database, span.before)
    if now + before < many:
        return _period(database, span, _sums(database, span)), _before(database, span.before)
    cut = arrival(database, span, max(0, (now - before) // 2))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        elsewhere = processes.submit(_elsewhere, database.url, span, cut)
        later = _sums(database, span, since=cut)
        period = _period(database, span, later)
        old, earlier = elsewhere.result()
    later.merge(earlier)
    return period, old


def _elsewhere(url: str, span: Span, cut: float) -> tuple[Period, Sums]:
    """The period before, and the part of this one that lies before the cut."""
    with closing(Database(url)) as database:
        return _before(database, span.before), _sums(database, span, until=cut)


def _before(database: Database, span: Span) -> Period:
    return _period(database, span, summed(traffic(database, span, briefly=True), span.since))


def _period(database: Database, span: Span, sums: Sums) -> Period:
    return Period(
        since=span.since,
        until=span.until,
        sums=sums,
        pairs=pairs_in(database, span),
        scores=by_epoch(scored(database, span)),
    )


def _sums(database: Database, span: Span, *, since: float | None = None, until: float | None = None) -> Sums:
    """Of the span, or of a part of it. As one pass over the whole span would sum it up: sessions come from where they were
    before the part, within the life of a cache."""
    start, end = span.since if since is None else since, span.until if until is None else until
    earlier = Span(since=max(span.since, start - TTL_1H_S), until=start, namespace=span.namespace)
    part = Span(since=start, until=end, namespace=span.namespace)
    return summed(traffic(database, part), span.since, traffic(database, earlier))
