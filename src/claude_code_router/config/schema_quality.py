"""`Quality`: which replies are judged, by whom, and for how much."""
# ruff: noqa: N815 (the names are the file's)

from __future__ import annotations

from typing import Annotated

import msgspec

from claude_code_router.config.section import Section

Part = Annotated[float, msgspec.Meta(ge=0, le=1)]


class PairsSection(Section, frozen=True, kw_only=True):
    """Requests that a neighbouring tier answers too, in the background: what routing misses are found by."""

    up: Part = 0.0
    """The share of requests that the next tier up answers too, from 0 to 1."""
    down: Part = 0.0
    """The share that the next tier down answers too. Both together at most 1."""
    maxTokens: Annotated[int, msgspec.Meta(ge=1)] = 60_000
    """Requests with longer prompts are never paired: the other tier has none of the session's cache."""
    timeoutMs: Annotated[int, msgspec.Meta(ge=1, le=3_600_000)] = 300_000
    """How long the other tier's answer may take."""
    dailyBudgetUsd: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    """What these answers may cost in a day, without judging them."""


class QualitySection(Section, frozen=True, kw_only=True):
    """Replies are judged in the background. Without a share nothing is."""

    judge: list[str] = []
    """Who judges: `provider,model`, a tier, or a list of these, asked in turn until one has an answer. When not said: only
    checks that need no model."""
    timeoutMs: Annotated[int, msgspec.Meta(ge=1, le=3_600_000)] = 60_000
    """How long one judgement may take."""
    dailyBudgetUsd: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    """What judging may cost in a day, as far as the judge's price is known."""
    threshold: Part = 0.7
    """From this score on a reply counts as good."""
    share: Part = 0.0
    """The share of replies that are scored, from 0 to 1."""
    shareByTier: dict[str, Part] = {}
    """In place of `share` for the answers of these tiers."""
    shareByScenario: dict[str, Part] = {}
    """The same for task types (the keys of `Router`); wins over `shareByTier`."""
    shareByRule: dict[str, Part] = {}
    """The same for the requests that these rules decide; wins over both."""
    pairs: PairsSection = msgspec.field(default_factory=PairsSection)
    """Which requests a neighbouring tier answers too."""
