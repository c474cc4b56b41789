"""How much of what the strong tier gains a score finds first: APGR, and what it saves. Exact definitions in docs/learning.md.

Two kinds of evidence: *both* answers to each prompt (published tables), or *one* tier's answer (an owner's own records).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from math import sqrt

import msgspec

_Z = 1.96


class Estimate(msgspec.Struct, frozen=True):
    """With its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, deviation: float) -> Estimate:
        return cls(value, value - _Z * deviation, value + _Z * deviation)


class Outcome(msgspec.Struct, frozen=True):
    """What became of one prompt with the one tier that answered it."""

    heavy: bool
    quality: float
    cost_usd: float | None = None
    weight: float = 1.0
    """1 / the probability that this tier was the one to answer, up to a factor."""


def midranks(scores: Sequence[float]) -> list[float]:
    """Ranks scaled to (0, 1); equal scores share the middle of their places."""
    order = sorted(range(len(scores)), key=scores.__getitem__)
    ranks = [0.0] * len(scores)
    done = 0
    for _, tied in groupby(order, key=scores.__getitem__):
        places = list(tied)
        middle = (done + len(places) / 2) / len(scores)
        for place in places:
            ranks[place] = middle
        done += len(places)
    return ranks


def ranks_in_folds(scores: Sequence[float], folds: Sequence[int]) -> list[float]:
    """Scores of different folds come from different models and are not comparable: pooled raw, a constant would be at 0.44."""
    ranks = [0.0] * len(scores)
    for fold in set(folds):
        places = [place for place, one in enumerate(folds) if one == fold]
        for place, rank in zip(places, midranks([scores[place] for place in places]), strict=True):
            ranks[place] = rank
    return ranks


def apgr(gains: Sequence[float], ranks: Sequence[float]) -> Estimate:
    """Both answers known: mean(gain · rank) / mean(gain). 0.5 is chance; nan when the tiers are equally good."""
    n, total = len(gains), sum(gains)
    if not total:
        return Estimate(float("nan"), float("-inf"), float("inf"))
    value = sum(g * u for g, u in zip(gains, ranks, strict=True)) / total
    spread = sum((g * (u - value)) ** 2 for g, u in zip(gains, ranks, strict=True)) / n
    return Estimate.of(value, sqrt(spread / n) / abs(total / n))


def gap(outcomes: Sequence[Outcome]) -> Estimate:
    """How much better the strong tier's answers are."""
    heavy, light = mean_quality(outcomes, heavy=True), mean_quality(outcomes, heavy=False)
    sums = _sums(outcomes)
    parts = [
        one.weight * (one.quality - (heavy if one.heavy else light)) / sums[one.heavy] for one in outcomes
    ]  # fmt: skip
    return Estimate.of(heavy - light, sqrt(sum(part * part for part in parts)))


def apgr_of_one(outcomes: Sequence[Outcome], ranks: Sequence[float]) -> Estimate:
    """One answer known: 1/2 + (covariance of quality and rank in the strong tier's rows - in the light tier's) / gap, the
    same number as `apgr` when who answered was left to chance (or `weight` says with which probability)."""
    value, _ = _with_influence(outcomes, ranks)
    return value


def apgr_difference(outcomes: Sequence[Outcome], ranks: Sequence[float], other: Sequence[float]) -> Estimate:
    """Of two scores of the same rows: paired, so that what both owe to the rows cancels."""
    one, influence = _with_influence(outcomes, ranks)
    two, beside = _with_influence(outcomes, other)
    return Estimate.of(one.value - two.value, sqrt(sum((a - b) ** 2 for a, b in zip(influence, beside, strict=True))))


def _with_influence(outcomes: Sequence[Outcome], ranks: Sequence[float]) -> tuple[Estimate, list[float]]:
    """The linear part of what each row adds to the estimate; the root of the sum of its squares is the deviation."""
    sums = _sums(outcomes)
    quality = {tier: mean_quality(outcomes, heavy=tier) for tier in (True, False)}
    middle = {
        tier: sum(one.weight * rank for one, rank in zip(outcomes, ranks, strict=True) if one.heavy is tier)
        / sums[tier]
        for tier in (True, False)
    }
    products = [
        (one.quality - quality[one.heavy]) * (rank - middle[one.heavy])
        for one, rank in zip(outcomes, ranks, strict=True)
    ]
    covariance = {
        tier: sum(one.weight * p for one, p in zip(outcomes, products, strict=True) if one.heavy is tier) / sums[tier]
        for tier in (True, False)
    }
    between = quality[True] - quality[False]
    if not between:
        return Estimate(float("nan"), float("-inf"), float("inf")), [0.0] * len(outcomes)
    lift = (covariance[True] - covariance[False]) / between
    influence = [
        (1 if one.heavy else -1)
        * one.weight
        / sums[one.heavy]
        * (product - covariance[one.heavy] - lift * (one.quality - quality[one.heavy]))
        / between
        for one, product in zip(outcomes, products, strict=True)
    ]
    return Estimate.of(0.5 + lift, sqrt(sum(part * part for part in influence))), influence


def _sums(outcomes: Sequence[Outcome]) -> dict[bool, float]:
    return {tier: sum(one.weight for one in outcomes if one.heavy is tier) or 1.0 for tier in (True, False)}


def mean_quality(outcomes: Sequence[Outcome], *, heavy: bool) -> float:
    rows = [one for one in outcomes if one.heavy is heavy]
    return sum(one.weight * one.quality for one in rows) / (sum(one.weight for one in rows) or 1.0)


class Both(msgspec.Struct, frozen=True):
    """Both answers to one prompt."""

    light: float
    heavy: float
    light_usd: float = 0.0
    heavy_usd: float = 1.0


def first_share(rows: Sequence[Both], ranks: Sequence[float], recovered: float) -> float:
    """CPT: the smallest share of prompts, those of the highest rank first, that the strong tier must answer to recover this
    part of the gap; equal ranks are mixed at random."""
    total = sum(row.heavy - row.light for row in rows)
    return _crossing(rows, ranks, recovered * total, lambda row: row.heavy - row.light, lambda _: 1 / len(rows))


def saved(rows: Sequence[Both], ranks: Sequence[float], kept: float = 0.95) -> float:
    """The part of the strong tier's bill that is saved at the first point that keeps `kept` of its quality."""
    target = kept * sum(row.heavy for row in rows) - sum(row.light for row in rows)
    bill = sum(row.heavy_usd for row in rows)
    base = sum(row.light_usd for row in rows)
    more = _crossing(rows, ranks, target, lambda row: row.heavy - row.light, lambda row: row.heavy_usd - row.light_usd)
    return 1 - (base + more) / bill


def _crossing(
    rows: Sequence[Both],
    ranks: Sequence[float],
    target: float,
    worth: Callable[[Both], float],
    price: Callable[[Both], float],
) -> float:
    """What has been paid when the sum of worth first reaches `target`, linear within a group of equal ranks."""
    reached = paid = 0.0
    order = sorted(range(len(rows)), key=lambda place: -ranks[place])
    for _, tied in groupby(order, key=lambda place: ranks[place]):
        if reached >= target:
            break
        group = [rows[place] for place in tied]
        more, cost = sum(map(worth, group)), sum(map(price, group))
        part = (target - reached) / more if reached + more >= target and more > 0 else 1.0
        reached += part * more
        paid += part * cost
    return paid
