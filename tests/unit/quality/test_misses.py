from typing import Any

import msgspec
import pytest
from tests.unit.quality.pairs import RANKS, pair

from claude_code_router.core.score import Pair
from claude_code_router.quality.judge_error import JudgeError
from claude_code_router.quality.misses import Comparison, MissSettings, compared, misses

EASY = MissSettings(threshold=0.7, minimum=4, group_minimum=4)
GOOD, BAD = 0.9, 0.2


def read(**said: Any) -> Comparison:
    found = compared(pair(**said), RANKS, 0.7)
    assert found is not None
    return found


def test_a_served_light_answer_is_compared_upwards() -> None:
    found = read(served_value=BAD, other_value=GOOD, probability=0.02)
    assert (found.routed, found.direction, found.lighter_bad, found.heavier_bad) == ("light", "heavier", True, False)
    assert found.weight == pytest.approx(50)


def test_a_served_heavy_answer_is_compared_downwards() -> None:
    found = read(served_tier="heavy", other_tier="light", served_value=BAD, other_value=GOOD)
    assert (found.routed, found.direction, found.lighter_bad, found.heavier_bad) == ("heavy", "lighter", False, True)


def test_an_escalated_request_counts_for_the_tier_that_it_was_routed_to_with_weight_one() -> None:
    found = read(
        served_tier="heavy", other_tier="mid", served_value=GOOD, other_value=BAD, escalated=True, probability=0.5
    )
    assert (found.routed, found.direction, found.lighter_bad, found.weight) == ("mid", "heavier", True, 1.0)


def test_a_score_on_the_threshold_is_good() -> None:
    assert not read(served_value=0.7).lighter_bad


@pytest.mark.parametrize(
    "said",
    [
        {"served_value": None},
        {"other_value": None},
        {"other_tier": "light"},
        {"other_tier": "unheard-of"},
        {"served_tier": ""},
    ],
)
def test_what_cannot_be_compared_is_counted_as_unread(said: dict[str, Any]) -> None:
    assert compared(pair(**said), RANKS, 0.7) is None
    assert misses([pair(**said)], RANKS).unread == 1


def upwards(bad_light: int, bad_both: int, good: int, **said: Any) -> list[Pair]:
    values = [(BAD, GOOD)] * bad_light + [(BAD, BAD)] * bad_both + [(GOOD, GOOD)] * good
    return [
        pair(number, served_value=served, other_value=other, **said) for number, (served, other) in enumerate(values)
    ]


def test_the_four_shares_are_those_of_their_definition() -> None:
    down = [
        pair(number, served_tier="heavy", other_tier="light", other_value=GOOD if number < 6 else BAD)
        for number in range(10)
    ]
    found = misses([*upwards(2, 3, 5), *down], RANKS, EASY).all
    values = [
        rate.estimate.value for rate in (found.under, found.over, found.light_bad, found.both_bad) if rate.estimate
    ]
    assert values == [pytest.approx(0.2), pytest.approx(0.6), pytest.approx(0.5), pytest.approx(0.3)]


def test_below_the_minimum_there_is_no_figure_but_a_reason() -> None:
    found = misses(upwards(5, 5, 19), RANKS).all
    assert found.under.estimate is None
    assert found.under.insufficient == "29 of 30 pairs"
    assert misses(upwards(5, 5, 20), RANKS).all.under.estimate is not None


def test_groups_need_twice_as_many() -> None:
    pairs = [*upwards(5, 5, 49, category="edit"), *upwards(5, 5, 50, category="explain")]
    groups = {group.key: group for group in misses(pairs, RANKS).by["category"]}
    assert groups["edit"].under.insufficient == "59 of 60 pairs"
    assert groups["explain"].under.estimate is not None


def test_scores_of_two_judges_are_never_pooled() -> None:
    """The newest epoch with enough pairs is reported: not the old one, and not the two together."""
    old = [msgspec.structs.replace(one, epoch="old") for one in upwards(10, 0, 0)]
    new = [msgspec.structs.replace(one, at=one.at + 1000, epoch="new") for one in upwards(1, 0, 9)]
    found = misses([*old, *new], RANKS, EASY)
    assert found.used == {"heavier": "new"}
    assert found.all.under.estimate is not None
    assert found.all.under.estimate.value == pytest.approx(0.1)
    assert [(epoch.label, epoch.pairs) for epoch in found.epochs] == [("new", 10), ("old", 10)]
    few = misses([*old, *new[:3]], RANKS, EASY)
    assert few.used == {"heavier": "old"}
    assert few.all.under.n == 10


def test_models_that_were_replaced_open_an_epoch() -> None:
    before = upwards(10, 0, 0, served_target="p,light-1")
    after = [msgspec.structs.replace(one, at=one.at + 1000, served_target="p,light-2") for one in upwards(1, 0, 9)]
    found = misses([*before, *after], RANKS, EASY)
    assert [epoch.label for epoch in found.epochs] == ["e1", "e1/1"]
    assert found.all.under.n == 10
    assert found.all.under.estimate is not None
    assert found.all.under.estimate.value == pytest.approx(0.1)


def test_models_that_take_turns_are_one_epoch() -> None:
    pairs = [pair(number, served_target=f"p,light-{number % 2}") for number in range(10)]
    assert [epoch.label for epoch in misses(pairs, RANKS, EASY).epochs] == ["e1"]


def test_another_namespaces_new_model_opens_no_epoch_here() -> None:
    there = [pair(number, namespace="b", served_target=f"p,light-{number > 5}") for number in range(10)]
    here = [pair(number, namespace="a") for number in range(10)]
    labels = {epoch.label: epoch.pairs for epoch in misses([*here, *there], RANKS, EASY).epochs}
    assert labels == {"e1": 14, "e1/1": 6}


def test_rates_are_corrected_by_a_judge_that_people_have_checked() -> None:
    error = JudgeError(sensitivity=0.9, specificity=0.9, bad=100, good=100)
    found = misses(upwards(10, 10, 80), RANKS, EASY, errors={"e1": error})
    under = found.all.light_bad
    assert found.uncorrected == ""
    assert under.as_judged is not None
    assert under.as_judged.value == pytest.approx(0.2)
    assert under.estimate is not None
    assert under.estimate.value == pytest.approx((0.2 - 0.1) / 0.8)


def test_an_unchecked_or_unfit_judge_is_said_and_corrects_nothing() -> None:
    unfit = JudgeError(sensitivity=0.5, specificity=0.5, bad=100, good=100)
    assert "ccr review" in misses(upwards(10, 10, 80), RANKS, EASY).uncorrected
    found = misses(upwards(10, 10, 80), RANKS, EASY, errors={"e1": unfit})
    assert "chance" in found.uncorrected
    assert found.all.under.as_judged is None


def test_misses_in_money_are_the_formula() -> None:
    """100 requests to light, a tenth under-routed at 0.60; 50 to heavy, half over-routed at 0.04 each."""
    up = upwards(1, 0, 9)
    down = [
        pair(
            number,
            served_tier="heavy",
            other_tier="light",
            other_value=GOOD if number % 2 else BAD,
            served_cost_usd=0.05,
            other_cost_usd=0.01,
        )
        for number in range(10)
    ]
    money = misses([*up, *down], RANKS, EASY, routed={"light": 100, "heavy": 50}).money
    assert money.under_usd is not None
    assert money.over_usd is not None
    assert money.total_usd is not None
    assert money.under_usd.value == pytest.approx(100 * 0.1 * 0.60)
    assert money.over_usd.value == pytest.approx(50 * 0.5 * 0.04)
    assert money.total_usd.value == pytest.approx(7.0)
    assert money.total_usd.low < 7 < money.total_usd.high


def test_what_a_heavier_answer_costs_more_is_weighed_as_the_rates_are() -> None:
    """Ten dear ones, each of which stands for ten requests, and ten that stand for themselves and cost the same in both."""
    down = [
        pair(
            number,
            served_tier="heavy",
            other_tier="light",
            other_value=GOOD,
            served_cost_usd=0.12 if number < 10 else 0.01,
            other_cost_usd=0.01,
            probability=0.1 if number < 10 else 1.0,
        )
        for number in range(20)
    ]
    money = misses(down, RANKS, EASY, routed={"heavy": 110}).money
    assert money.over_usd is not None
    assert money.over_usd.value == pytest.approx(100 * 0.11)


def test_pairs_of_two_epochs_do_not_add_up_to_enough() -> None:
    """Three and three are no six: what is missing is counted in the newest."""
    old = upwards(1, 1, 1, epoch="old", at=1.0)
    new = upwards(1, 1, 1, epoch="new", at=2.0)
    found = misses([*old, *new], RANKS, EASY)
    assert found.all.under.n == 3
    assert found.all.under.insufficient == "3 of 4 pairs"


def test_escalated_requests_alone_are_no_epoch_to_report() -> None:
    """Another judge holds replies than scores pairs: what it has found fault with says nothing of what it let pass."""
    drawn = upwards(1, 0, 5, epoch="of pairs", at=1.0)
    short = [
        pair(n, served_tier="heavy", other_tier="light", other_value=BAD, escalated=True, epoch="of holds", at=2.0)
        for n in range(6)
    ]
    found = misses([*drawn, *short], RANKS, EASY)
    assert found.used == {"heavier": "of pairs"}
    assert found.all.under.estimate is not None
    assert found.all.under.estimate.value == pytest.approx(1 / 6)
    alone = misses(short, RANKS, EASY)
    assert alone.used == {}
    assert alone.all.under.insufficient == "none of the newest judge's 6 pairs was drawn by chance"
