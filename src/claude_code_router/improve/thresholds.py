"""From out-of-fold scores to a threshold: what each would send to the strong tier, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from claude_code_router.improve.apgr import Outcome

STEPS = 100
EVERYBODY = 1e9
"""Against it as a threshold everything is above."""


class Point(msgspec.Struct, frozen=True):
    """What a threshold would have done to the rows that it is judged by."""

    threshold: float
    heavy_share: float
    quality: float
    cost_usd: float | None
    """A prompt; None when costs are not known."""


def quantiles(scores: Sequence[float], steps: int = STEPS) -> tuple[float, ...]:
    ranked = sorted(scores)
    return tuple(ranked[round(step / steps * (len(ranked) - 1))] for step in range(steps + 1))


def curve(outcomes: Sequence[Outcome], scores: Sequence[float], ranks: Sequence[float]) -> list[Point]:
    """From all heavy to all light. Rows are told apart by their ranks (within their fold), and the thresholds are the scores
    at the same place among all."""
    known = all(one.cost_usd is not None for one in outcomes)
    pooled = quantiles(scores)
    candidates = [(-1.0, -EVERYBODY), *((step / STEPS, pooled[step]) for step in range(STEPS)), (1.0, pooled[STEPS])]
    points: list[Point] = []
    for place, threshold in candidates:
        if points and points[-1].threshold == threshold:
            points.pop()
        points.append(_point(outcomes, ranks, place, threshold, priced=known))
    return points


def _point(
    outcomes: Sequence[Outcome], ranks: Sequence[float], place: float, threshold: float, *, priced: bool
) -> Point:
    above = [one for one, rank in zip(outcomes, ranks, strict=True) if rank > place]
    below = [one for one, rank in zip(outcomes, ranks, strict=True) if rank <= place]
    share = len(above) / len(outcomes)
    quality = share * _mean(above, "quality", heavy=True) + (1 - share) * _mean(below, "quality", heavy=False)
    cost = share * _mean(above, "cost_usd", heavy=True) + (1 - share) * _mean(below, "cost_usd", heavy=False)
    return Point(threshold, share, quality, cost if priced else None)


def _mean(rows: Sequence[Outcome], field: str, *, heavy: bool) -> float:
    kept = [row for row in rows if row.heavy is heavy]
    weight = sum(row.weight for row in kept)
    return sum(row.weight * float(getattr(row, field) or 0.0) for row in kept) / weight if weight else 0.0


def cheapest(points: Sequence[Point], kept: float = 0.95) -> Point:
    """The cheapest that keeps this part of the quality of all heavy (by the share of heavy calls when no costs are known).
    `points` begin with all heavy."""
    target = kept * points[0].quality
    good = [point for point in points if point.quality >= target]
    return min(good, key=lambda point: (round(point.cost_usd or 0.0, 12), point.heavy_share))
