"""Misses in words."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.quality.pairs import RANKS, pair

from claude_code_router.improve.report.examples import instructive
from claude_code_router.quality.misses import DEFAULTS


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"preferred": "tie"}, "blind, found neither better."),
        ({"preferred": "served"}, "blind, preferred the one served."),
        ({"preferred": "other"}, "blind, preferred the other."),
        ({"served_cost_usd": 0.01, "other_cost_usd": 0.03}, "The heavier answer cost $0.0200 more."),
        ({"served_cost_usd": 0.03, "other_cost_usd": 0.01}, "The heavier answer cost $0.0200 less."),
    ],
)
def test_what_the_judge_and_the_bill_say(said: dict[str, Any], told: str) -> None:
    [example] = instructive([pair(served_value=0.1, **said)], RANKS, DEFAULTS)
    assert told in example.told
