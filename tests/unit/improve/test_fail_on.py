"""Conditions for CI."""

from __future__ import annotations

import pytest

from claude_code_router.core.errors import BadRequest
from claude_code_router.core.replay_condition import read
from claude_code_router.improve.fail_on import look
from claude_code_router.improve.replayed import Change, MissForecast, Replay, Side

TIERS = {"light": 0, "heavy": 1}
REPLAY = Replay(
    records=110,
    told=100,
    untold={"words": 10},
    flipped=25,
    before={"light": Side(requests=80, cost_usd=20.0), "heavy": Side(requests=20, cost_usd=30.0)},
    after={"light": Side(requests=55, cost_usd=15.0), "heavy": Side(requests=45, cost_usd=45.0)},
    misses=MissForecast(under_routed=Change(before=0.2, after=0.1, change=-0.1, low=-0.15, high=-0.05), pairs=50),
)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("heavy_share>0.4", "failed"),
        ("heavy_share > 45%", "ok"),
        ("heavy_share>=45%", "failed"),
        ("heavy_cost_share > 0.7", "failed"),
        ("cost_change>15%", "failed"),
        ("cost_change_usd > 10", "ok"),
        ("cost_usd<60", "ok"),
        ("flipped_share>0.2", "failed"),
        ("untold_share > 10%", "ok"),
        ("refused_share>0", "ok"),
        ("under_routed_change_high > 0", "ok"),
        ("under_routed > 5%", "failed"),
        ("over_routed > 5%", "not known"),
    ],
)
def test_conditions(text: str, verdict: str) -> None:
    """A condition that is true fails the run; what cannot be told is neither."""
    assert look(read(text), REPLAY, TIERS).verdict == verdict


def test_a_tier_that_there_is_not() -> None:
    """Is named, with those that there are."""
    with pytest.raises(BadRequest, match="no tier 'huge'"):
        look(read("huge_share>1"), REPLAY, TIERS)


def test_no_records_tell_nothing() -> None:
    """An empty period is not a pass."""
    assert look(read("cost_change>1"), Replay(), TIERS).verdict == "not known"


@pytest.mark.parametrize("text", ["cost_usd > 1", "cost_change > 1", "cost_change_usd > 1", "light_cost_share > 0.5"])
def test_without_a_known_price_a_cost_cannot_be_told(text: str) -> None:
    """Zero would pass every bound."""
    sides = {"light": Side(requests=80, cost_usd=None)}
    unpriced = Replay(records=80, told=80, unpriced=80, before=sides, after=sides)
    assert look(read(text), unpriced, TIERS).verdict == "not known"
