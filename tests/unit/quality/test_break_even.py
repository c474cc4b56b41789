"""The closed forms against counting, and what the records are taken to say."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from claude_code_router.core.score import Pair
from claude_code_router.quality.break_even import (
    Chances,
    Costs,
    Joint,
    Judge,
    corrected,
    finding,
    joint,
    needed_accuracy,
    outcome,
)
from claude_code_router.quality.break_even_table import rows
from claude_code_router.quality.judge_error import JudgeError

share = st.floats(0.01, 0.99)


def test_by_counting() -> None:
    """200,000 requests played out, one by one."""
    dice = random.Random(1)
    chances, judge, costs = Chances(0.7, 0.9, 0.4), Judge(0.8, 0.3), Costs(0.2, 0.05, 1.5)
    good = spent = escalated = 0.0
    n = 200_000
    for _ in range(n):
        light = dice.random() < chances.p
        strong = dice.random() < (chances.s1 if light else chances.s0)
        accepted = dice.random() < (judge.t if light else judge.f)
        good += light if accepted else strong
        escalated += not accepted
        spent += costs.r + costs.k + (0 if accepted else costs.again)
    found = outcome(chances, judge, costs)
    assert found.quality == pytest.approx(good / n, abs=0.004)
    assert found.escalated == pytest.approx(escalated / n, abs=0.004)
    assert found.cost == pytest.approx(spent / n, abs=0.006)


@given(p=share, s0=share, t=share, f=share, r=share, k=st.floats(0, 0.5))
def test_the_published_condition(p: float, s0: float, t: float, f: float, r: float, k: float) -> None:
    """Where the stronger tier is right whenever the lighter is: better than random mixing if and only if
    p (t - f) > k + r (1 - f)."""
    margin = p * (t - f) - k - r * (1 - f)
    assume(abs(margin) > 1e-6)
    found = outcome(Chances(p, 1.0, s0), Judge(t, f), Costs(r, k))
    assert (found.gain > 0) == (margin > 0)


@given(p=share, s1=share, s0=share, r=share, k=st.floats(0, 0.5), again=st.floats(1, 5))
def test_the_needed_accuracy_is_the_edge(p: float, s1: float, s0: float, r: float, k: float, again: float) -> None:
    """With a little more there is a gain, with a little less there is none; where there is none at all, not even a perfect
    judge has one."""
    chances, costs = Chances(p, s1, s0), Costs(r, k, again)
    assume(chances.strong > p + 0.01)
    needed = needed_accuracy(chances, costs)

    def gain(accuracy: float) -> float:
        return outcome(chances, Judge(accuracy, 1 - accuracy), costs).gain

    if needed is None:
        assert gain(1.0) <= 1e-9
        return
    assert gain(min(1.0, needed + 0.01)) >= -1e-9
    assert needed == 0.0 or gain(needed - 0.01) <= 1e-9


def test_a_stronger_tier_that_is_no_better_is_not_mixed_in() -> None:
    """Escalation to it is held against the lighter tier alone, which is as good for less."""
    found = outcome(Chances(0.8, 0.7, 0.7), Judge(0.7, 0.5), Costs(0.2, 0.05))
    assert found.quality < 0.8
    assert found.mixed == 0.8
    assert found.gain < 0


def test_the_table() -> None:
    """The figures of the published table, and the line where no judge is good enough."""
    found = {row[0]: row[1:] for row in rows()}
    assert found["0.025"] == ("0.56", "0.55", "0.55", "0.54", "0.54")
    assert found["0.2"] == ("0.69", "0.65", "0.63", "0.61", "0.59")
    assert found["0.6"] == ("-", "-", "0.94", "0.85", "0.79")


def pair(
    served: float, other: float, *, tiers: str = "mid heavy", probability: float = 0.1, escalated: bool = False
) -> Pair:
    served_tier, other_tier = tiers.split()
    return Pair(
        request_id="r", other_id="o", at=0.0, probability=probability, escalated=escalated,
        served_tier=served_tier, other_tier=other_tier, served_target="p,a", other_target="p,b",
        served_value=served, other_value=other,
    )  # fmt: skip


def test_pairs_are_read_from_both_sides() -> None:
    """Whichever tier served; weighted; without escalated ones, other tiers, and pairs that lack a score."""
    pairs = [
        pair(0.9, 0.9),
        pair(0.2, 0.9, probability=0.05),
        pair(0.9, 0.1, tiers="heavy mid"),
        pair(0.9, 0.2, tiers="heavy mid", escalated=True, probability=1.0),
        pair(0.9, 0.9, tiers="light mid"),
    ]
    seen = joint(pairs, "mid", "heavy", 0.6)
    assert (seen.both, seen.only_light, seen.only_strong, seen.neither) == (10, 0, 30, 0)
    assert seen.n == pytest.approx(40**2 / (100 + 400 + 100))
    assert seen.chances == Chances(0.25, 1.0, 1.0)


GOOD_JUDGE = JudgeError(sensitivity=0.95, specificity=0.95, bad=200, good=200)
POOR_JUDGE = JudgeError(sensitivity=0.55, specificity=0.55, bad=200, good=200)
SEEN = Joint(both=600, only_light=10, only_strong=350, neither=40, n=1000)


@pytest.mark.parametrize(
    ("seen", "error", "costs", "pays", "said"),
    [
        (SEEN, GOOD_JUDGE, Costs(0.1, 0.02), True, "it pays: "),
        (SEEN, POOR_JUDGE, Costs(0.6, 0.05), False, "it does not pay: "),
        (
            SEEN,
            JudgeError(sensitivity=0.75, specificity=0.7, bad=22, good=22),
            Costs(0.3, 0.05),
            None,
            "too close to tell",
        ),
        (SEEN, None, Costs(0.1, 0.02), None, "insufficient: 0 good and 0 bad replies"),
        (SEEN, GOOD_JUDGE, None, None, "insufficient: prices"),
        (Joint(both=5, n=5), GOOD_JUDGE, Costs(0.1, 0.02), None, "insufficient: 5 of 30 pairs"),
    ],
)
def test_what_is_said(seen: Joint, error: JudgeError | None, costs: Costs | None, pays: bool | None, said: str) -> None:
    """A verdict only where the records carry one; its interval holds the figure."""
    found = finding(seen, error, costs, random.Random(3))
    assert found.pays is pays
    assert said in found.because
    if found.gain is not None and found.outcome is not None:
        assert found.gain.low <= found.outcome.gain <= found.gain.high


@given(p=share, s1=share, s0=share, se=st.floats(0.6, 1.0), sp=st.floats(0.65, 1.0))
def test_the_judges_error_is_undone(p: float, s1: float, s0: float, se: float, sp: float) -> None:
    """Verdicts in exactly the numbers that such a judge gives lead back to the truth."""
    true = {
        (True, True): p * s1,
        (True, False): p * (1 - s1),
        (False, True): (1 - p) * s0,
        (False, False): (1 - p) * (1 - s0),
    }
    accepted = {True: sp, False: 1 - se}

    cells = {
        (a, b): sum(
            chance * (accepted[x] if a else 1 - accepted[x]) * (accepted[y] if b else 1 - accepted[y])
            for (x, y), chance in true.items()
        )
        for a, b in true
    }
    both, only_light, only_strong, neither = cells.values()
    seen = Joint(both=both, only_light=only_light, only_strong=only_strong, neither=neither, n=100)
    found = corrected(seen, JudgeError(sensitivity=se, specificity=sp, bad=100, good=100))
    assert (found.p, found.s1, found.s0) == pytest.approx((p, s1, s0), abs=1e-6)
    assert corrected(seen, None) == seen.chances


def test_without_a_fit_calibration_set_it_is_as_judged() -> None:
    """And that is said; with one the chances are others."""
    few = JudgeError(sensitivity=0.8, specificity=0.8, bad=3, good=3)
    enough = JudgeError(sensitivity=0.8, specificity=0.9, bad=100, good=100)
    as_judged = finding(SEEN, GOOD_JUDGE, Costs(0.1, 0.02), random.Random(1), of_pairs=few)
    assert as_judged.chances == SEEN.chances
    assert "only 3 of the judged replies bad" in as_judged.uncorrected
    seen = Joint(both=500, only_light=110, only_strong=250, neither=140, n=1000)
    better = finding(seen, GOOD_JUDGE, Costs(0.1, 0.02), random.Random(1), of_pairs=enough)
    assert better.uncorrected == ""
    assert better.chances is not None
    assert better.chances.p == pytest.approx((0.61 - 0.2) / 0.7)


def test_pairs_of_two_judges_are_not_pooled() -> None:
    """The newest with enough pairs; of the newest, where none has."""
    old = [msgspec.structs.replace(pair(0.9, 0.9), at=float(n), epoch="old") for n in range(40)]
    new = [msgspec.structs.replace(pair(0.1, 0.9), at=100.0 + n, epoch="new") for n in range(40)]
    assert joint([*old, *new[:29]], "mid", "heavy", 0.6).epoch == "old"
    found = joint([*old, *new], "mid", "heavy", 0.6)
    assert (found.epoch, found.chances.p) == ("new", 0.0)
    assert joint([*old[:5], *new[:4]], "mid", "heavy", 0.6).epoch == "new"


@pytest.mark.parametrize("errs", [False, True])
def test_the_interval_covers(errs: bool) -> None:
    """Drawn from a known truth, the 95 % interval holds the true gain nearly always, with and without a judge that errs on
    the pairs, too."""
    dice = random.Random(11)
    truth, judge, costs = Chances(0.7, 0.95, 0.6), Judge(0.85, 0.25), Costs(0.3, 0.05)
    true_gain, held, times = outcome(truth, judge, costs).gain, 0, 60

    def verdict(good: bool) -> bool:
        return dice.random() < (judge.t if good else judge.f) if errs else good

    for _ in range(times):
        cells = dict.fromkeys([(True, True), (True, False), (False, True), (False, False)], 0)
        for _ in range(200):
            light = dice.random() < truth.p
            cells[verdict(light), verdict(dice.random() < (truth.s1 if light else truth.s0))] += 1
        seen = Joint(
            both=cells[True, True], only_light=cells[True, False], only_strong=cells[False, True],
            neither=cells[False, False], n=200,
        )  # fmt: skip
        accepted = [sum(dice.random() < rate for _ in range(100)) / 100 for rate in (judge.t, judge.f)]
        error = JudgeError(sensitivity=1 - accepted[1], specificity=accepted[0], bad=100, good=100)
        gain = finding(seen, error, costs, dice, of_pairs=error if errs else None).gain
        assert gain is not None
        held += gain.low <= true_gain <= gain.high
    assert held >= 52  # 95 % of 60 less three standard deviations
