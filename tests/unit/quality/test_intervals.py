import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.quality.intervals import (
    Estimate,
    Interval,
    Part,
    WeightedSums,
    combined,
    difference,
    effective_size,
    mean,
    student,
    wilson,
)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (81, 263, 0.2553, 0.3662), (10, 10, 0.7225, 1.0)],
)
def test_wilson_gives_the_published_values(hits: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, table I (method 3), and the rule for none of ten."""
    found = wilson(hits / n, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_without_observations_everything_is_possible() -> None:
    assert wilson(0.0, 0) == Interval(0.0, 1.0)


@given(st.integers(1, 5000), st.data())
def test_an_interval_holds_its_own_share_and_stays_a_share(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    found = wilson(hits / n, n)
    assert 0 <= found.low <= hits / n <= found.high <= 1


def test_the_effective_size_of_equal_weights_is_their_number() -> None:
    assert effective_size(5 * 20.0, 5 * 400.0) == pytest.approx(5)


def test_the_difference_of_two_shares_is_newcombes() -> None:
    """Newcombe 1998, method 10, example a: 56/70 against 48/80 is 0.2, from 0.0524 to 0.3339."""

    def share(hits: int, n: int) -> Estimate:
        found = wilson(hits / n, n)
        return Estimate(value=hits / n, low=found.low, high=found.high, n=n)

    found = difference(share(56, 70), share(48, 80))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_a_sum_of_parts_adds_their_distances_in_squares() -> None:
    part = Part(factor=2.0, value=1.0, interval=Interval(0.5, 3.0))
    minus = Part(factor=-1.0, value=1.0, interval=Interval(0.0, 4.0))
    found = combined([part, minus])
    assert (found.value, found.low, found.high) == (1.0, 1 - math.hypot(1, 3), 1 + math.hypot(4, 1))


def test_of_one_value_nothing_more_is_known() -> None:
    assert mean([3.0]).value == 3.0
    assert mean([3.0]).high == math.inf
    assert mean([]).n == 0


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50), st.floats(1, 20))
def test_a_weighted_mean_with_equal_weights_is_the_plain_one(values: list[float], weight: float) -> None:
    sums = WeightedSums()
    for value in values:
        sums.add(value, weight)
    plain, found = mean(values), sums.mean()
    assert (found.value, found.low, found.high) == pytest.approx((plain.value, plain.low, plain.high), abs=1e-6)


def test_weighted_means_hold_the_mean_of_all_replies() -> None:
    """Bad replies are drawn ten times as often as good ones."""
    dice = random.Random(5)
    inside = 0
    for _ in range(200):
        sums = WeightedSums()
        for _ in range(1000):
            good = dice.random() < 0.8
            if dice.random() < (0.05 if good else 0.5):
                sums.add(0.9 if good else 0.2, 20.0 if good else 2.0)
        found = sums.mean()
        inside += found.low <= 0.8 * 0.9 + 0.2 * 0.2 <= found.high
    assert inside >= 184


@pytest.mark.parametrize(("freedom", "wanted"), [(4, 2.776), (9, 2.262), (19, 2.093), (199, 1.972)])
def test_students_quantiles_are_the_tables(freedom: int, wanted: float) -> None:
    assert student(freedom) == pytest.approx(wanted, abs=0.01)
