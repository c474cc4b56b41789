"""The change in misses, from pairs."""

from __future__ import annotations

import random

import msgspec

from claude_code_router.core.score import Pair
from claude_code_router.improve.forecast import change, forecast

RANKS = {"light": 0, "heavy": 1}


def pair(
    number: int, light: float, heavy: float, *, served: str = "light", probability: float = 0.1, epoch: str = "e"
) -> Pair:
    other = "heavy" if served == "light" else "light"
    values = {"light": light, "heavy": heavy}
    return Pair(
        request_id=f"r{number}",
        other_id=f"o{number}",
        at=float(number),
        probability=probability,
        served_tier=served,
        other_tier=other,
        served_target="p,a",
        other_target="p,b",
        served_value=values[served],
        other_value=values[other],
        epoch=epoch,
    )


def test_moving_up_mends_what_the_heavier_tier_can() -> None:
    """Of 40 light answers 10 are bad and would be good: moved up, they are no misses; the 30 others become over-routed."""
    pairs = [pair(n, 0.2 if n < 10 else 0.9, 0.9) for n in range(40)]
    found = forecast(pairs, {f"r{n}": "heavy" for n in range(40)}, RANKS, flipped=40)
    assert found.under_routed is not None
    assert found.over_routed is not None
    assert (found.under_routed.before, found.under_routed.after) == (0.25, 0.0)
    assert (found.over_routed.before, found.over_routed.after) == (0.0, 0.75)
    assert found.under_routed.high < 0 < found.over_routed.low


def test_what_both_tiers_fail_is_no_miss() -> None:
    """It is the prompt's or the context's trouble, wherever it goes."""
    pairs = [pair(n, 0.1, 0.1) for n in range(40)]
    found = forecast(pairs, {f"r{n}": "heavy" for n in range(40)}, RANKS, flipped=40)
    assert found.under_routed is not None
    assert found.under_routed.change == 0.0


def test_too_little_is_said_to_be_too_little() -> None:
    """Fewer than 30 pairs; pairs that nothing moves; pairs of an older epoch, which do not count."""
    few = forecast([pair(n, 0.2, 0.9) for n in range(29)], {f"r{n}": "heavy" for n in range(29)}, RANKS, flipped=29)
    assert few.insufficient == "29 pairs, 1 more are needed"
    still = forecast([pair(n, 0.2, 0.9) for n in range(40)], {f"r{n}": "light" for n in range(40)}, RANKS, flipped=5)
    assert "none of the 40 pairs" in still.insufficient
    mixed = [pair(n, 0.2, 0.9, epoch="old" if n < 20 else "new") for n in range(40)]
    assert forecast(mixed, {f"r{n}": "heavy" for n in range(40)}, RANKS, flipped=40).pairs == 20


def test_the_owner_says_what_is_good() -> None:
    """From another threshold on, other answers are bad: 0.65 is a miss at 0.7 and none at 0.6."""
    pairs = [pair(n, 0.65, 0.9) for n in range(40)]
    after = {f"r{n}": "heavy" for n in range(40)}
    strict, lax = (forecast(pairs, after, RANKS, flipped=40, good_from=good) for good in (0.7, 0.6))
    assert strict.under_routed is not None
    assert lax.under_routed is not None
    assert (strict.under_routed.before, lax.under_routed.before) == (1.0, 0.0)


def test_pairs_count_by_how_seldom_they_were_drawn() -> None:
    """One that was drawn at 1 % stands for a hundred requests."""
    pairs = [pair(n, 0.2, 0.9, probability=0.01) for n in range(30)]
    pairs += [pair(n, 0.9, 0.9, probability=0.1) for n in range(30, 60)]
    found = forecast(pairs, {f"r{n}": "heavy" for n in range(60)}, RANKS, flipped=60)
    assert found.under_routed is not None
    assert found.under_routed.before == 10 / 11


def test_the_interval_covers_the_truth() -> None:
    """Whatever the rates: in 300 runs with 60 pairs each, the true change is inside at least 93 times in 100."""
    dice = random.Random(7)
    for worse, better in ((0.1, 0.05), (0.02, 0.3), (0.0, 0.0)):
        inside = 0
        for _ in range(300):
            draws = [dice.random() for _ in range(60)]
            found = change([(1.0, worse <= draw < worse + better, draw < worse) for draw in draws])
            inside += found.low <= worse - better <= found.high
        assert inside >= 0.93 * 300


def test_escalated_requests_of_another_judge_do_not_stand_for_all() -> None:
    """They are newer, but what a judge has found fault with is no sample of what it let pass."""
    drawn = [pair(n, 0.2 if n < 10 else 0.9, 0.9, epoch="of pairs") for n in range(40)]
    short = [
        msgspec.structs.replace(pair(100 + n, 0.1, 0.9, served="heavy", epoch="of holds"), escalated=True)
        for n in range(40)
    ]
    after = {one.request_id: "heavy" for one in (*drawn, *short)}
    found = forecast([*drawn, *short], after, RANKS, flipped=80)
    assert found.pairs == 40
    assert found.under_routed is not None
    assert found.under_routed.before == 0.25
