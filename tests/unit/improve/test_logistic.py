"""The regression finds the minimum that it is defined by."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_router.improve.logistic import Sparse, fit
from claude_code_router.routing.learned import sigmoid


def rows_of(seed: int, count: int = 60, size: int = 8) -> tuple[list[Sparse], list[float]]:
    dice = random.Random(seed)
    rows, labels = [], []
    for _ in range(count):
        places = tuple(sorted(dice.sample(range(size), 3)))
        rows.append(Sparse(places, tuple(dice.gauss(0, 1) for _ in places)))
        labels.append(dice.choice([0.0, 0.25, 1.0]))
    return rows, labels


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.5, 2.0]))
def test_gradient_is_nought(seed: int, c: float) -> None:
    """At the minimum every weight is C times the sum of what is left over, times its value and what the row counts."""
    rows, labels = rows_of(seed)
    counts = [random.Random(seed + place).choice([1.0, 1.0, 0.25]) for place in range(len(rows))]
    made = fit(rows, labels, 8, c=c, passes=60, counts=counts)
    left = [0.0] * 8
    for row, label, much in zip(rows, labels, counts, strict=True):
        z = made.offset + sum(made.weights[place] * value for place, value in zip(row.places, row.values, strict=True))
        for place, value in zip(row.places, row.values, strict=True):
            left[place] += c * much * (label - sigmoid(z)) * value
    assert made.weights == pytest.approx(left, abs=2e-3)


def test_what_tells_is_found() -> None:
    """A place that goes with the label has weight of its sign, one that does not has hardly any."""
    dice = random.Random(1)
    labels = [float(dice.random() < 0.5) for _ in range(400)]
    rows = [Sparse((0, 1), (label, dice.random() - 0.5)) for label in labels]
    made = fit(rows, labels, 2, c=1.0)
    assert made.weights[0] > 2
    assert abs(made.weights[1]) < 1
