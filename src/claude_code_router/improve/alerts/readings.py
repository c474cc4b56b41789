"""The figures that are watched, read from the records. Blocks: for a thread."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from claude_code_router.improve.alerts.watched import Watched
from claude_code_router.improve.report.gathered import by_epoch
from claude_code_router.quality.alarms import Reading
from claude_code_router.quality.bands import Kpi
from claude_code_router.quality.intervals import Estimate, wilson
from claude_code_router.quality.judge_error import JudgeError, measured
from claude_code_router.quality.misses import Misses, MissSettings, misses
from claude_code_router.store.db import Database
from claude_code_router.store.kpis import Counted, Span, counted, judged_twice, pairs_in, scored

HOUR_S, DAY_S, WEEK_S = 3600.0, 86_400.0, 604_800.0


def readings(url: str, watched: Watched, now: float, midnight: float) -> list[Reading]:
    """Only of figures that have a band. Raises StoreFailed. Unix seconds."""
    with contextlib.closing(Database(url)) as database:
        return list(_Looking(database, watched, now, midnight).all())


class _Looking:
    def __init__(self, database: Database, watched: Watched, now: float, midnight: float) -> None:
        self._database = database
        self._watched = watched
        self._now = now
        self._midnight = midnight

    def all(self) -> Iterator[Reading]:
        wanted = self._watched.settings.bands
        if wanted.keys() & {"error_rate", "fallback_rate", "slow_share"}:
            yield from self._last_hour()
        if "cost_per_day_usd" in wanted:
            spent = math.fsum(one.cost_usd for one in self._counted(self._midnight, self._now))
            yield self._reading("cost_per_day_usd", _exactly(spent), exact=True)
        if "heavy_share" in wanted:
            yield self._weekly("heavy_share", self._heavy_share)
        if "score_mean" in wanted:
            yield from self._scores()
        if wanted.keys() & {"under_routed", "over_routed"}:
            yield from self._misses()

    def _last_hour(self) -> Iterator[Reading]:
        found = self._counted(self._now - HOUR_S, self._now)
        every = sum(one.requests for one in found)
        yield self._reading("error_rate", _share(sum(one.failed for one in found), every))
        yield self._reading("fallback_rate", _share(sum(one.fallbacks for one in found), every))
        started = sum(one.started for one in found)
        yield self._reading("slow_share", _share(sum(one.slow for one in found), started))

    def _heavy_share(self, span: Span) -> Estimate | None:
        tiers = self._watched.tiers
        if not tiers:
            return None
        top = max(tiers.values(), key=lambda tier: tier.rank).name
        found = [one for one in self._counted(span.since, span.until) if one.tier]
        return _share(sum(one.requests for one in found if one.tier == top), sum(one.requests for one in found))

    def _scores(self) -> Iterator[Reading]:
        """Of one judge in both weeks."""
        now, before = (by_epoch(scored(self._database, span)) for span in (self._week, self._week.before))
        newest = max(now, key=lambda epoch: now[epoch].newest, default=None)
        if newest is not None:
            old = before.get(newest)
            mean, was = now[newest].mean, old.mean if old else None
            yield self._reading("score_mean", mean, before=was, weekly=True)

    def _misses(self) -> Iterator[Reading]:
        errors = self._judge_errors()
        now, before = (self._miss_rates(span, errors) for span in (self._week, self._week.before))
        for kpi, direction in (("under_routed", "heavier"), ("over_routed", "lighter")):
            same = now.used.get(direction) == before.used.get(direction)  # type: ignore[call-overload]
            rate, was = ((one.all.under if kpi == "under_routed" else one.all.over) for one in (now, before))
            yield self._reading(
                "under_routed" if kpi == "under_routed" else "over_routed",
                rate.estimate,
                before=was.estimate if same else None,
                weekly=True,
            )

    def _miss_rates(self, span: Span, errors: Mapping[str, JudgeError]) -> Misses:
        ranks = {name: tier.rank for name, tier in self._watched.tiers.items()}
        settings = MissSettings(threshold=self._watched.threshold, minimum=self._watched.settings.minimum)
        return misses(pairs_in(self._database, span), ranks, settings, errors=errors, axes=())

    def _judge_errors(self) -> dict[str, JudgeError]:
        by_epoch: dict[str, list[tuple[float, float]]] = {}
        for epoch, person, judge in judged_twice(self._database, self._now):
            by_epoch.setdefault(epoch, []).append((person, judge))
        found = {epoch: measured(values, self._watched.threshold) for epoch, values in by_epoch.items()}
        return {epoch: error for epoch, error in found.items() if error is not None}

    def _weekly(self, kpi: Kpi, figure: Callable[[Span], Estimate | None]) -> Reading:
        return self._reading(kpi, figure(self._week), before=figure(self._week.before), weekly=True)

    @property
    def _week(self) -> Span:
        return Span(since=self._now - WEEK_S, until=self._now, namespace=self._watched.namespace)

    def _counted(self, since: float, until: float) -> Sequence[Counted]:
        span = Span(since=since, until=until, namespace=self._watched.namespace)
        return counted(self._database, span, self._watched.settings.slow_ms)

    def _reading(
        self,
        kpi: Kpi,
        estimate: Estimate | None,
        *,
        before: Estimate | None = None,
        weekly: bool = False,
        exact: bool = False,
    ) -> Reading:
        return Reading(
            kpi=kpi,
            namespace=self._watched.namespace,
            estimate=estimate,
            before=before,
            weekly=weekly,
            exact=exact,
        )


def _share(hits: int, n: int) -> Estimate | None:
    if not n:
        return None
    interval = wilson(hits / n, n)
    return Estimate(value=hits / n, low=interval.low, high=interval.high, n=n)


def _exactly(value: float) -> Estimate:
    return Estimate(value=value, low=value, high=value, n=1)
