import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.quality.judge_error import JudgeError, corrected, measured

FAIR = JudgeError(sensitivity=0.7, specificity=0.9, bad=200, good=200)


def test_the_error_is_read_off_replies_that_both_have_judged() -> None:
    judged = [(0.2, 0.1), (0.2, 0.9), (0.9, 0.8), (0.9, 0.9), (0.9, 0.1), (0.7, 0.7)]
    found = measured(judged, 0.7)
    assert found == JudgeError(sensitivity=0.5, specificity=0.75, bad=2, good=4)
    assert measured([], 0.7) is None


def test_what_a_judge_shows_is_corrected_to_what_is_true() -> None:
    """routing-quality: at a true rate of 5 % a judge with .7 and .9 shows 13 %."""
    assert corrected(0.13, 10_000, FAIR).value == pytest.approx(0.05)


@given(st.floats(0, 1), st.integers(1, 10_000), st.floats(0.3, 1), st.floats(0.8, 1), st.integers(1, 500))
def test_a_corrected_share_is_a_share_inside_its_interval(
    flagged: float, n: int, sensitivity: float, specificity: float, calibrated: int
) -> None:
    error = JudgeError(sensitivity=sensitivity, specificity=specificity, bad=calibrated, good=calibrated)
    if error.youden <= 0:
        return
    found = corrected(flagged, n, error)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_the_calibration_set_limits_what_more_replies_can_tell() -> None:
    few, many = corrected(0.4, 100, FAIR), corrected(0.4, 1_000_000, FAIR)
    exact = corrected(0.4, 1_000_000, JudgeError(sensitivity=0.7, specificity=0.9, bad=10**6, good=10**6))
    assert few.high - few.low > many.high - many.low > 10 * (exact.high - exact.low)


def test_corrected_intervals_hold_the_true_share() -> None:
    """A judge with .7 and .9, calibrated on 100 and 100, 160 replies of which 30 % are bad."""
    dice = random.Random(11)
    inside = 0
    for _ in range(300):
        se = sum(dice.random() < 0.7 for _ in range(100)) / 100
        sp = sum(dice.random() < 0.9 for _ in range(100)) / 100
        flagged = sum(dice.random() < (0.7 if dice.random() < 0.3 else 0.1) for _ in range(160)) / 160
        found = corrected(flagged, 160, JudgeError(sensitivity=se, specificity=sp, bad=100, good=100))
        inside += found.low <= 0.3 <= found.high
    assert inside / 300 >= 0.93


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (JudgeError(sensitivity=1, specificity=1, bad=9, good=50), "only 9 of the judged replies bad"),
        (JudgeError(sensitivity=0.5, specificity=0.6, bad=50, good=50), "hardly does better than chance"),
        (FAIR, ""),
    ],
)
def test_a_judge_that_cannot_correct_says_why(error: JudgeError, said: str) -> None:
    assert said in error.unfit
    assert bool(said) == bool(error.unfit)
