import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.quality.crosstab import (
    BOTH_BAD,
    LIGHTER_BAD,
    LIGHTER_GOOD,
    ONLY_LIGHTER_BAD,
    Cells,
    Crosstab,
)
from claude_code_router.quality.judge_error import JudgeError

TRUTH = (0.10, 0.15, 0.05, 0.70)
"""Both bad, only the lighter, only the heavier, none."""

rows = st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(1, 50), st.booleans()), min_size=1, max_size=200)


def filled(observed: list[tuple[bool, bool, float, bool]]) -> Crosstab:
    table = Crosstab()
    for lighter, heavier, weight, escalated in observed:
        table.add(lighter_bad=lighter, heavier_bad=heavier, weight=1.0 if escalated else weight, escalated=escalated)
    return table


@given(rows)
def test_the_shares_of_bad_and_good_lighter_answers_are_the_whole(
    observed: list[tuple[bool, bool, float, bool]],
) -> None:
    table = filled(observed)
    assert table.share(LIGHTER_BAD).value + table.share(LIGHTER_GOOD).value == pytest.approx(1)
    assert table.share(BOTH_BAD).value + table.share(ONLY_LIGHTER_BAD).value == pytest.approx(
        table.share(LIGHTER_BAD).value
    )


@given(rows, st.floats(0.5, 1), st.floats(0.75, 1), st.sampled_from((BOTH_BAD, ONLY_LIGHTER_BAD, LIGHTER_GOOD)))
def test_every_estimate_is_a_share_inside_its_interval(
    observed: list[tuple[bool, bool, float, bool]], sensitivity: float, specificity: float, wanted: Cells
) -> None:
    error = JudgeError(sensitivity=sensitivity, specificity=specificity, bad=30, good=30)
    for found in (filled(observed).share(wanted), filled(observed).share(wanted, error)):
        assert 0 <= found.low <= found.value <= found.high <= 1


@given(rows)
def test_a_perfect_judge_corrects_nothing(observed: list[tuple[bool, bool, float, bool]]) -> None:
    perfect = JudgeError(sensitivity=1.0, specificity=1.0, bad=10**6, good=10**6)
    table = filled(observed)
    assert table.share(ONLY_LIGHTER_BAD, perfect).value == pytest.approx(table.share(ONLY_LIGHTER_BAD).value)


def test_both_verdicts_are_corrected() -> None:
    """What a judge with .8 and .9 makes of TRUTH is turned back into TRUTH."""
    table = Crosstab()
    flags = {True: 0.8, False: 0.1}
    for cell, share in enumerate(TRUTH):
        lighter, heavier = flags[cell < 2], flags[cell in (0, 2)]
        for said_lighter in (True, False):
            for said_heavier in (True, False):
                chance = (lighter if said_lighter else 1 - lighter) * (heavier if said_heavier else 1 - heavier)
                for _ in range(round(100_000 * share * chance)):
                    table.add(lighter_bad=said_lighter, heavier_bad=said_heavier, weight=1.0)
    error = JudgeError(sensitivity=0.8, specificity=0.9, bad=10**6, good=10**6)
    assert table.share(ONLY_LIGHTER_BAD).value > 0.18
    assert table.share(ONLY_LIGHTER_BAD, error).value == pytest.approx(0.15, abs=1e-3)
    assert table.share(BOTH_BAD, error).value == pytest.approx(0.10, abs=1e-3)
    assert table.share(LIGHTER_GOOD, error).value == pytest.approx(0.75, abs=1e-3)


def test_what_is_known_of_escalated_requests_narrows_the_interval() -> None:
    """The same sampled pairs, with and without a thousand escalated ones of which nearly all are misses."""
    sampled = [(number < 5, False, 50.0, False) for number in range(180)]
    escalated = [(True, number < 50, 1.0, True) for number in range(1000)]
    mixed = filled(sampled + escalated).share(ONLY_LIGHTER_BAD)
    assert mixed.value == pytest.approx(0.9 * 5 / 180 + 0.1 * 0.95)
    # As one weighted sample of the same effective size it would be twice as wide.
    assert mixed.high - mixed.low < 0.06


@pytest.mark.parametrize("calibrated", [0, 100])
def test_intervals_hold_the_truth_with_escalation_and_sampling(calibrated: int) -> None:
    """Requests of which the bad are mostly escalated, the others sampled at 5 %; judged without error, and with."""
    dice = random.Random(calibrated)
    se, sp = (0.8, 0.95) if calibrated else (1.0, 1.0)

    def flagged(bad: bool) -> bool:
        return dice.random() < (se if bad else 1 - sp)

    inside = 0
    for _ in range(200):
        table = Crosstab()
        for cell in dice.choices(range(4), TRUTH, k=1500):
            lighter, heavier = flagged(cell < 2), flagged(cell in (0, 2))
            if dice.random() < (0.6 if cell < 2 else 0.05):
                table.add(lighter_bad=lighter, heavier_bad=heavier, weight=1.0, escalated=True)
            elif dice.random() < 0.05:
                table.add(lighter_bad=lighter, heavier_bad=heavier, weight=20.0)
        error = None
        if calibrated:
            right = [sum(dice.random() < chance for _ in range(calibrated)) / calibrated for chance in (se, sp)]
            error = JudgeError(sensitivity=right[0], specificity=right[1], bad=calibrated, good=calibrated)
        found = table.share(ONLY_LIGHTER_BAD, error)
        inside += found.low <= 0.15 <= found.high
    assert inside >= 184


def test_nothing_is_known_of_no_pairs() -> None:
    found = Crosstab().share(LIGHTER_BAD)
    assert (found.low, found.high, found.n) == (0.0, 1.0, 0)
