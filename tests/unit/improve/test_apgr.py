"""The measures of a score, against what brute force says."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.improve.apgr import (
    Both,
    Outcome,
    apgr,
    apgr_difference,
    apgr_of_one,
    first_share,
    gap,
    midranks,
    ranks_in_folds,
    saved,
)

ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=30
)


def curve_area(gains: list[float], scores: list[float]) -> float:
    """The area under "part of the gap recovered by sending up the k with the highest scores": the mean over many random
    orders of equal scores, by the trapezoid rule."""
    dice, total, rounds = random.Random(1), 0.0, 3000
    for _ in range(rounds):
        order = sorted(range(len(gains)), key=lambda i: (-scores[i], dice.random()))
        reached, area = 0.0, 0.0
        for place in order:
            area += (reached + gains[place] / 2) / len(gains)
            reached += gains[place]
        total += area / sum(gains)
    return total / rounds


@pytest.mark.parametrize("seed", range(5))
def test_apgr_is_the_area_under_the_curve(seed: int) -> None:
    """The closed form is the area that it stands for, with equal scores mixed."""
    dice = random.Random(seed)
    gains = [dice.choice([-1.0, 0.0, 1.0]) for _ in range(8)] + [1.0] * 9
    scores = [float(dice.randrange(5)) for _ in gains]
    assert apgr(gains, midranks(scores)).value == pytest.approx(curve_area(gains, scores), abs=0.02)


@given(ROWS)
def test_ranks_are_a_distribution(rows: list[tuple[int, float, float]]) -> None:
    """Whatever is equal, the mean rank is a half; equal scores have equal ranks, higher ones higher."""
    scores = [float(one) for one, _, _ in rows]
    ranks = midranks(scores)
    assert math.isclose(sum(ranks) / len(ranks), 0.5)
    assert all(
        (a < b) == (r < s) for a, r in zip(scores, ranks, strict=True) for b, s in zip(scores, ranks, strict=True)
    )


def test_constant_score_is_chance() -> None:
    """Nothing known is exactly a half, pooled over folds of different levels too."""
    gains = [1.0, 0.0, -1.0, 1.0, 1.0, 0.0]
    folds = [0, 0, 0, 1, 1, 1]
    assert apgr(gains, midranks([0.3] * 6)).value == pytest.approx(0.5)
    assert apgr(gains, ranks_in_folds([0.1] * 3 + [0.9] * 3, folds)).value == pytest.approx(0.5)


def test_one_outcome_a_prompt_estimates_the_same() -> None:
    """From one tier's answers by lot comes what both would have said; the interval covers it as often as it says."""
    dice = random.Random(7)
    covered = 0
    for _ in range(200):
        rows = []
        for _ in range(800):
            score = dice.random()
            light = float(dice.random() < 0.7 - 0.3 * score)
            heavy = float(dice.random() < 0.8)
            rows.append((score, light, heavy))
        ranks = midranks([score for score, _, _ in rows])
        outcomes = [
            Outcome(heavy=up, quality=heavy if up else light)
            for (_, light, heavy), up in zip(rows, (dice.random() < 0.5 for _ in rows), strict=True)
        ]
        # E[gain | score] = 0.1 + 0.3 score: the area is (0.1 / 2 + 0.3 / 3) / 0.25
        found = apgr_of_one(outcomes, ranks)
        covered += found.low <= (0.1 / 2 + 0.3 / 3) / 0.25 <= found.high
    assert covered >= 180


def test_deviation_is_that_of_a_bootstrap() -> None:
    """The interval of one estimate, and of the difference of two, is what drawing the rows again gives."""
    dice = random.Random(3)
    scores = [dice.random() for _ in range(600)]
    other = [score + dice.random() for score in scores]
    outcomes = [
        Outcome(heavy=dice.random() < 0.4, quality=float(dice.random() < 0.5 + 0.3 * score), weight=1 + dice.random())
        for score in scores
    ]
    outcomes = [
        one if one.heavy else Outcome(heavy=False, quality=one.quality * 0.5, weight=one.weight) for one in outcomes
    ]
    ranks, beside = midranks(scores), midranks(other)
    drawn: list[float] = []
    differences: list[float] = []
    for _ in range(300):
        places = dice.choices(range(600), k=600)
        sample = [outcomes[place] for place in places]
        one = apgr_of_one(sample, [ranks[place] for place in places]).value
        drawn.append(one)
        differences.append(one - apgr_of_one(sample, [beside[place] for place in places]).value)
    found, difference = apgr_of_one(outcomes, ranks), apgr_difference(outcomes, ranks, beside)
    assert (found.high - found.low) / 3.92 == pytest.approx(deviation(drawn), rel=0.25)
    assert (difference.high - difference.low) / 3.92 == pytest.approx(deviation(differences), rel=0.25)


def deviation(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((one - mean) ** 2 for one in values) / len(values))


def test_lots_with_known_odds_are_weighed() -> None:
    """Where hard prompts went up more often, the odds with which they did put the estimate right."""
    dice = random.Random(11)
    outcomes, scores = [], []
    for _ in range(20_000):
        score = dice.random()
        up = dice.random() < (odds := 0.2 + 0.6 * score)
        quality = float(dice.random() < (0.8 if up else 0.7 - 0.3 * score))
        outcomes.append(Outcome(heavy=up, quality=quality, weight=1 / (odds if up else 1 - odds)))
        scores.append(score)
    assert apgr_of_one(outcomes, midranks(scores)).value == pytest.approx(0.6, abs=0.03)
    assert gap(outcomes).value == pytest.approx(0.25, abs=0.03)


@given(ROWS)
def test_savings_are_within_bounds(rows: list[tuple[int, float, float]]) -> None:
    """With a light tier that costs nothing nobody saves less than nothing, or more than everything."""
    both = [Both(light, heavy) for _, light, heavy in rows]
    ranks = midranks([float(one) for one, _, _ in rows])
    assert -1e-9 <= saved(both, ranks) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("scores", "part", "share"),
    [
        ([4, 3, 2, 1], 0.5, 0.25),  # the two that gain are found first: one of them is half of the gap
        ([4, 3, 2, 1], 1.0, 0.5),
        ([1, 2, 3, 4], 1.0, 1.0),  # they are found last
        ([0, 0, 0, 0], 0.5, 0.5),  # chance
    ],
)
def test_first_share(scores: list[int], part: float, share: float) -> None:
    """How many must go up to recover part of the gap."""
    rows = [Both(0, 1), Both(0, 1), Both(1, 1), Both(0, 0)]
    assert first_share(rows, midranks([float(one) for one in scores]), part) == pytest.approx(share)


def test_saved_of_a_known_order() -> None:
    """Two of four need the strong model; a score that knows them saves the other two's price, chance saves less."""
    rows = [Both(0, 1, 0.1), Both(0, 1, 0.1), Both(1, 1, 0.1), Both(1, 1, 0.1)]
    assert saved(rows, midranks([4, 3, 2, 1]), 1.0) == pytest.approx(1 - (0.4 + 2 * 0.9) / 4)
    assert saved(rows, midranks([1, 1, 1, 1]), 1.0) == pytest.approx(0.0)
