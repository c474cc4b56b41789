"""What a report needs of the records, and of prices. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing

import msgspec

from claude_code_router.improve.report.compute import compute
from claude_code_router.improve.report.examples import with_rows
from claude_code_router.improve.report.figures import Report
from claude_code_router.improve.report.gathered import Gathered, Period, RatesOf, by_epoch
from claude_code_router.improve.report.sums import TTL_1H_S, Sums, summed
from claude_code_router.improve.shares import Progress, shared
from claude_code_router.improve.shares import how_many as shares_for
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
from claude_code_router.store.period import Share


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


class _Part(msgspec.Struct, frozen=True):
    """What one share of the reading has summed up."""

    now: Sums
    before: Sums


class _Reading(msgspec.Struct, frozen=True):
    """Of the period and the one before, cut into as many parts as there are shares."""

    url: str
    span: Span
    cuts: tuple[float, ...]

    def __call__(self, share: Share, _: Progress, /) -> _Part:
        since, until = self.cuts[share.number : share.number + 2]
        with closing(Database(self.url)) as database:
            before = _within(self.span.before, since, until)
            return _Part(
                now=_sums(database, self.span, _within(self.span, since, until)),
                before=summed(traffic(database, before, briefly=True), self.span.before.since),
            )


def _periods(database: Database, span: Span, shares: int | None = None) -> tuple[Period, Period]:
    """The period, and the one before. `shares`: of as many processes; by default as many as it is worth."""
    whole = Span(since=span.before.since, until=span.until)
    total = how_many(database, whole)
    count = shares or shares_for(total)
    cuts = [arrival(database, whole, total * number // count) for number in range(1, count)]
    parts = shared(_Reading(database.url, span, (whole.since, *cuts, whole.until)), count, lambda _: None)
    return (
        _period(database, span, [part.now for part in parts]),
        _period(database, span.before, [part.before for part in parts]),
    )


def _period(database: Database, span: Span, parts: Sequence[Sums]) -> Period:
    sums = Sums()
    for part in parts:
        sums.merge(part)
    return Period(
        since=span.since,
        until=span.until,
        sums=sums,
        pairs=pairs_in(database, span),
        scores=by_epoch(scored(database, span)),
    )


def _sums(database: Database, span: Span, part: Span) -> Sums:
    """Of a part of the span, as one pass over the whole would sum it up: sessions come from where they were before the part,
    within the life of a cache."""
    earlier = _within(span, part.since - TTL_1H_S, part.since)
    return summed(traffic(database, part), span.since, traffic(database, earlier))


def _within(span: Span, since: float, until: float) -> Span:
    """Empty where they do not meet."""
    start = min(max(span.since, since), span.until)
    return Span(since=start, until=max(start, min(span.until, until)), namespace=span.namespace)
