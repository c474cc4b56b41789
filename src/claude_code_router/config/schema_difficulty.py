"""`Difficulty`: the judge of turns that the rules leave open."""
# ruff: noqa: N815 (the names are the file's)

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from claude_code_router.config.section import Section


class DifficultySection(Section, frozen=True, kw_only=True):
    """A judge model that rates how hard a turn is, and the tiers that its scores stand for."""

    judge: str
    """Who is asked: `provider,model`, or a tier, whose first target it is. Best a small and quick one."""
    when: dict[str, Any] = {}
    """Which turns are asked about, in the conditions of `Rules`. When not said: those that no rule takes, and those near
    the boundary of what was learnt (`near`)."""
    near: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05
    """With `Learned` in force: turns whose expected gain from the stronger tier is within this of the gain that pays are asked
    about too. 0: only exact ties."""
    bands: dict[str, Annotated[float, msgspec.Meta(ge=0, le=1)]] = {}
    """Tiers and the scores up to which they are good enough: `{"light": 0.3, "mid": 0.7, "heavy": 1}`. When not said: all
    `Tiers`, in equal parts."""
    default: str = ""
    """The tier when there is no score: the judge failed, was too slow, or its budget is spent. When not said the other rules go
    on."""
    timeoutMs: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 2_000
    """How long a request waits for the judge."""
    dailyBudgetUsd: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    """What judging may cost in a day, as far as the judge's price is known."""
    cache: Annotated[int, msgspec.Meta(ge=0)] = 1_000
    """How many scores are remembered for the same words."""
