"""Whether a tier has moved, and what old answers count then."""

from __future__ import annotations

import random

import pytest

from claude_code_router.core.signals import Signals
from claude_code_router.improve.learning import fit_table, prepared
from claude_code_router.improve.recency import HALF_LIFE_S, Judged, drifts, weight
from claude_code_router.improve.recorded import JudgedTurn, examples_from, moved

DAY = 86_400.0


def rows(seed: int, *, drop: float = 0.0, harder: float = 0.0, each: int = 150, tier: str = "light") -> list[Judged]:
    """Four weeks; in the last two the tier is worse by `drop`, and hard tasks are more frequent by `harder`."""
    dice = random.Random(seed)
    found = []
    for late in (False, True):
        for _ in range(each):
            kind = "design" if dice.random() < 0.3 + harder * late else "summary"
            good = (0.5 if kind == "design" else 0.9) - drop * late
            at = (14 + dice.random() * 14 if late else dice.random() * 13.9) * DAY
            found.append(Judged(at=at, tier=tier, kind=kind, quality=float(dice.random() < good)))
    found.append(Judged(at=28 * DAY, tier=tier, kind="summary", quality=1.0))
    return found


def test_what_stays_the_same_seldom_looks_moved() -> None:
    """Two standard errors are passed by chance in one of twenty."""
    alarms = sum(bool(drifts(rows(seed))) for seed in range(300))
    assert 3 <= alarms <= 30


def test_a_tier_that_became_worse_is_seen() -> None:
    """Under its own name, with how much; the other tier is not blamed."""
    found = [drifts([*rows(seed, drop=0.25), *rows(seed + 1000, tier="heavy")]) for seed in range(50)]
    assert sum(any(one.tier == "light" and one.change < 0 for one in some) for some in found) >= 47
    assert sum(any(one.tier == "heavy" for one in some) for some in found) <= 8
    mean = sum(one.change for some in found for one in some if one.tier == "light") / 50
    assert mean == pytest.approx(-0.25, abs=0.03)


def test_harder_tasks_are_not_a_worse_tier() -> None:
    """The share of good answers falls by a sixth here, and no answer has become worse."""
    alarms = sum(bool(drifts(rows(seed, harder=0.4))) for seed in range(100))
    assert alarms <= 12


def test_few_rows_say_nothing() -> None:
    """However far apart they are."""
    assert drifts(rows(1, drop=0.5, each=20)) == ()
    assert drifts([]) == ()


def test_half_in_two_weeks() -> None:
    """And never more than one."""
    assert weight(0.0, HALF_LIFE_S) == pytest.approx(0.5)
    assert weight(0.0, 2 * HALF_LIFE_S) == pytest.approx(0.25)
    assert weight(10.0, 5.0) == 1.0


def test_the_table_follows_a_tier_that_has_moved() -> None:
    """Only of that tier old answers fade, and the table of task types lies nearer to what the tier is now."""
    light = [(one.at, "light", one.quality) for one in rows(5, drop=0.5)]
    heavy = [(one.at, "heavy", one.quality) for one in rows(6)]
    turns = [
        JudgedTurn(
            request_id=f"{tier}{number}", at=at, tier=tier, target=f"p,{tier}", quality=quality, judged_by="model",
            epoch="e", cost_usd=None, signals=Signals(model="m", category="review"), text=None,
        )
        for number, (at, tier, quality) in enumerate([*light, *heavy])
    ]  # fmt: skip
    found = moved(turns)
    assert [one.tier for one in found] == ["light"]
    assert "light's answers have become worse by 0." in str(found[0])
    gains = []
    for fading in ((), ("light",)):
        examples = examples_from(turns, "light", "heavy", fading)
        assert {one.counts == 1.0 for one in examples if one.outcome.heavy} == {True}
        table = fit_table(prepared(examples, "facts"), range(len(examples))).table
        assert table is not None
        gains.append(table.otherwise)
    assert gains[1] > gains[0] + 0.03
