"""Paired tests of scores, and thresholds that keep their meaning."""

from __future__ import annotations

import random

import pytest

from claude_code_router.improve.shift import accepted, matched_threshold, shifted


def test_a_shift_is_seen_and_none_is_not() -> None:
    """Of the size that a judge's upgrade had on real answers (-0.06 of 1), from 30 pairs."""
    dice = random.Random(2)
    old = [dice.random() for _ in range(30)]
    moved = shifted([(value, value - 0.06 + dice.gauss(0, 0.08)) for value in old])
    still = shifted([(value, value + dice.gauss(0, 0.08)) for value in old])
    assert moved is not None
    assert still is not None
    assert moved.p < 0.01 < 0.05 < still.p
    assert moved.difference.high < 0


def test_few_pairs_are_counted_out_exactly() -> None:
    """Five losses of five: two of 32 ways are as extreme. One pair tells nothing."""
    found = shifted([(0.8, 0.4)] * 5)
    assert found is not None
    assert found.p == 2 / 32
    assert shifted([(0.8, 0.4)]) is None


def test_the_interval_of_few_holds_the_truth() -> None:
    """Of six pairs, in 95 of 100 runs: by the normal distribution it were 89."""
    dice = random.Random(2)
    held = 0
    for _ in range(400):
        found = shifted([(0.5, 0.5 + dice.gauss(0.1, 0.1)) for _ in range(6)])
        assert found is not None
        held += found.difference.low <= 0.1 <= found.difference.high
    assert held >= 372


def test_the_test_errs_as_often_as_it_says() -> None:
    """Without a difference p is below 0.05 in about 5 of 100 runs."""
    dice = random.Random(4)
    below = 0
    for run in range(200):
        found = shifted([(dice.random(), dice.random()) for _ in range(20)], seed=run)
        assert found is not None
        below += found.p < 0.05
    assert below <= 18


@pytest.mark.parametrize(
    ("new", "wanted"),
    [([v / 10 for v in range(10)], 0.7), ([v / 20 for v in range(10)], 0.35), ([1.0] * 10, 0.7)],
)
def test_the_matched_threshold_accepts_as_many(new: list[float], wanted: float) -> None:
    """Same scores, halved ones, and a judge that finds everything perfect, for whom no threshold can."""
    old = [v / 10 for v in range(10)]
    assert matched_threshold(old, new, 0.7) == wanted
    assert accepted(old, 0.7) == 0.3


def test_no_answers_move_nothing() -> None:
    """The threshold stays."""
    assert matched_threshold([], [], 0.6) == 0.6
