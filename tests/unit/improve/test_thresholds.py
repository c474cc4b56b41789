"""Thresholds from scores of rows that were not seen."""

from __future__ import annotations

import random

import pytest

from claude_code_router.improve.apgr import Outcome, midranks
from claude_code_router.improve.thresholds import cheapest, curve, quantiles


def test_shares_are_kept() -> None:
    """The quantile for a share sends that share up."""
    dice = random.Random(1)
    scores = [dice.random() for _ in range(1000)]
    found = quantiles(scores)
    assert len(found) == 101
    assert sum(one > found[60] for one in scores) / 1000 == pytest.approx(0.4, abs=0.01)


def test_cheapest_that_keeps_the_quality() -> None:
    """Where the upper half of the scores needs the strong tier and the rest does not, half is sent up."""
    scores = [place / 1000 for place in range(1000)]
    outcomes = [
        Outcome(
            heavy=bool(place % 2), quality=1.0 if place % 2 or place < 500 else 0.0, cost_usd=1.0 if place % 2 else 0.1
        )
        for place in range(1000)
    ]
    points = curve(outcomes, scores, midranks(scores))
    best = cheapest(points, 0.95)
    assert best.heavy_share == pytest.approx(0.45, abs=0.02)
    assert best.quality >= 0.95
    assert best.cost_usd == pytest.approx(0.45 + 0.55 * 0.1, abs=0.02)
    assert best.threshold == pytest.approx(0.55, abs=0.02)


def test_equal_scores_go_together() -> None:
    """A constant score leaves two thresholds: all up, or nobody."""
    outcomes = [Outcome(heavy=bool(place % 2), quality=1.0, cost_usd=float(place % 2)) for place in range(10)]
    points = curve(outcomes, [0.5] * 10, midranks([0.5] * 10))
    assert {point.heavy_share for point in points} == {0.0, 1.0}
    assert cheapest(points).heavy_share == 0.0


def test_equal_prices_are_no_reason_to_go_up() -> None:
    """Where both tiers cost the same, no more goes up than the quality needs."""
    scores = [place / 1000 for place in range(1000)]
    outcomes = [
        Outcome(heavy=bool(place % 2), quality=1.0 if place % 2 or place < 500 else 0.0, cost_usd=0.01)
        for place in range(1000)
    ]
    assert cheapest(curve(outcomes, scores, midranks(scores)), 0.95).heavy_share == pytest.approx(0.45, abs=0.02)
