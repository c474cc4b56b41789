"""What a report is computed from, and the arithmetic that its parts share. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
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
from claude_code_router.store.kpis import Scored

FAILED = frozenset((Outcome.REFUSED.value, Outcome.EXHAUSTED.value, Outcome.BROKEN_OFF.value))
RatesOf = Callable[[Target], Rates | None]


class ScoreSums:
    """Of one judge's epoch, in one period."""

    def __init__(self) -> None:
        self.by_tier: dict[str, WeightedSums] = {}
        self.by_category: dict[str, WeightedSums] = {}
        self.newest = 0.0

    def add(self, scored: Scored) -> None:
        self.newest = max(self.newest, scored.newest)
        for sums, key in ((self.by_tier, scored.tier), (self.by_category, scored.category)):
            sums.setdefault(key, WeightedSums()).merge(WeightedSums(scored.n, scored.weighted))

    @property
    def n(self) -> int:
        return sum(one.n for one in self.by_tier.values())

    @property
    def mean(self) -> Estimate:
        whole = WeightedSums()
        for one in self.by_tier.values():
            whole.merge(one)
        return whole.mean()


def by_epoch(scored: Iterable[Scored]) -> dict[str, ScoreSums]:
    found: dict[str, ScoreSums] = {}
    for one in scored:
        found.setdefault(one.epoch, ScoreSums()).add(one)
    return found


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


def cost_of(sums: Iterable[Sum]) -> float | None:
    """None: there was usage, and no price is known."""
    some = list(sums)
    if any(one.used for one in some) and not any(one.paid for one in some):
        return None
    return math.fsum(one.cost_usd for one in some)


def share_of(hits: int, n: int) -> Estimate | None:
    if not n:
        return None
    interval = wilson(hits / n, n)
    return Estimate(value=hits / n, low=interval.low, high=interval.high, n=n)


def percentiles(pieces: Sequence[Sequence[float]]) -> Percentiles | None:
    """Of values that come as ascending pieces."""
    n = sum(len(piece) for piece in pieces)
    if not n:
        return None

    def at(share: float) -> float:
        return at_rank(pieces, max(0, math.ceil(share * n) - 1))

    half = Z95 * math.sqrt(n) / 2  # of the rank of the median, by the binomial distribution
    low, high = max(0, math.floor(n / 2 - half) - 1), min(n - 1, math.ceil(n / 2 + half))
    middle = at(0.5)
    median = Estimate(value=middle, low=min(at_rank(pieces, low), middle), high=max(at_rank(pieces, high), middle), n=n)
    return Percentiles(p50=median, p95=at(0.95), p99=at(0.99))


def at_rank(pieces: Sequence[Sequence[float]], rank: int) -> float:
    """What would stand at this place, counted from 0, if the ascending pieces were one. They are never put together: a
    million values are slow to."""
    lows, highs = [0] * len(pieces), [len(piece) for piece in pieces]
    while True:
        widest = max(range(len(pieces)), key=lambda number: highs[number] - lows[number])
        pivot = pieces[widest][(lows[widest] + highs[widest]) // 2]
        below, upto = ([cut(piece, pivot) for piece in pieces] for cut in (bisect_left, bisect_right))
        if rank < sum(below):
            highs = below
        elif rank >= sum(upto):
            lows = upto
        else:
            return pivot


def newest_scores(scores: Mapping[str, ScoreSums], minimum: int) -> ScoreSums | None:
    enough = [one for one in scores.values() if one.n >= minimum]
    return max(enough, key=lambda one: one.newest, default=None)


def fell_back(key: Key) -> bool:
    return bool(key.answered) and key.outcome not in FAILED
