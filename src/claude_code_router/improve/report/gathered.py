"""What a report is computed from, and the arithmetic that its parts share. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from claude_code_router.catalog.prices import Rates
from claude_code_router.core.record import Outcome
from claude_code_router.core.score import Pair
from claude_code_router.core.target import Target
from claude_code_router.improve.report.figures import (
    Percentiles,
)
from claude_code_router.improve.report.sums import Key, Sum, Sums
from claude_code_router.quality.bands import Band
from claude_code_router.quality.intervals import Z95, Estimate, WeightedSums, wilson
from claude_code_router.quality.misses import MissSettings
from claude_code_router.routing.declared import Tier

FAILED = frozenset((Outcome.REFUSED.value, Outcome.EXHAUSTED.value, Outcome.BROKEN_OFF.value))
RatesOf = Callable[[Target], Rates | None]


class ScoreSums:
    """Of one judge's epoch, in one period."""

    def __init__(self) -> None:
        self.by_tier: dict[str, WeightedSums] = {}
        self.by_category: dict[str, WeightedSums] = {}
        self.newest = 0.0

    def add(self, tier: str, category: str, value: float, probability: float | None, at: float) -> None:
        """`probability`: with which the reply was drawn; None: it was not left to chance."""
        self.newest = max(self.newest, at)
        for sums, key in ((self.by_tier, tier), (self.by_category, category)):
            if key not in sums:
                sums[key] = WeightedSums()
            sums[key].add(value, 1 / probability if probability else 1.0)

    @property
    def n(self) -> int:
        return sum(one.n for one in self.by_tier.values())

    @property
    def mean(self) -> Estimate:
        whole = WeightedSums()
        for one in self.by_tier.values():
            whole.merge(one)
        return whole.mean()


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """All that is read of one span of time."""

    since: float
    until: float
    sums: Sums
    pairs: Sequence[Pair]
    scores: Mapping[str, ScoreSums]
    """By the judge's epoch."""


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    now: Period
    before: Period
    namespace: str | None
    by: str
    judged: Sequence[tuple[str, float, float]]
    """(epoch, a person's value, the judge's value) of the same replies."""
    tiers: Mapping[str, Tier]
    rates_of: RatesOf
    settings: MissSettings
    heavy_band: Band | None = None


def count(groups: Iterable[tuple[Key, Sum]], name: Callable[[Key], str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for key, one in groups:
        counts[name(key)] = counts.get(name(key), 0) + one.requests
    return counts


def share_of(hits: int, n: int) -> Estimate | None:
    if not n:
        return None
    interval = wilson(hits / n, n)
    return Estimate(value=hits / n, low=interval.low, high=interval.high, n=n)


def percentiles(ordered: Sequence[float]) -> Percentiles | None:
    """Of ascending values."""
    n = len(ordered)
    if not n:
        return None

    def at(share: float) -> float:
        return ordered[max(0, math.ceil(share * n) - 1)]

    half = Z95 * math.sqrt(n) / 2  # of the rank of the median, by the binomial distribution
    low, high = max(0, math.floor(n / 2 - half) - 1), min(n - 1, math.ceil(n / 2 + half))
    median = Estimate(value=at(0.5), low=min(ordered[low], at(0.5)), high=max(ordered[high], at(0.5)), n=n)
    return Percentiles(p50=median, p95=at(0.95), p99=at(0.99))


def newest_scores(scores: Mapping[str, ScoreSums], minimum: int) -> ScoreSums | None:
    enough = [one for one in scores.values() if one.n >= minimum]
    return max(enough, key=lambda one: one.newest, default=None)


def fell_back(key: Key) -> bool:
    return key.target is not None and key.provider is not None and key.outcome not in FAILED
