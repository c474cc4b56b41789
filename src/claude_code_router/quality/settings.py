"""What the owner wants judged, by whom, and for how much money."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from claude_code_router.core.target import Target


class JudgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who judges. Not empty."""

    targets: tuple[Target, ...]
    """Asked in this order until one gives a judgement; a judgement's epoch says which one it was."""
    tier: str = ""
    """Of the judge, for its rows on the records; empty when it was named as a target."""
    timeout_s: float = 60.0
    """For one judgement, all targets together."""
    max_tokens: int = 1_000
    """Room for its answer. The answer itself is short, but some models think first."""
    a_day_usd: float | None = None
    """What judging may cost in a calendar day and namespace; None: without a bound."""


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """Which share of the requests is scored, in [0, 1]. The most exact one counts: rule, then task type, then tier."""

    default: float = 0.0
    by_rule: Mapping[str, float] = {}
    by_scenario: Mapping[str, float] = {}
    by_tier: Mapping[str, float] = {}


class PairSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which share of the requests is answered by a neighbouring tier too, in the background."""

    up: float = 0.0
    """In [0, 1]: also asked of the next tier up."""
    down: float = 0.0
    """Also asked of the next tier down. `up` and `down` are at most 1 together."""
    max_tokens: int = 60_000
    """Longer prompts are never paired: the other tier has none of the session's cache, and reads them at full price."""
    timeout_s: float = 300.0
    a_day_usd: float | None = None
    """What the other tier's answers may cost in a calendar day and namespace; judging them is in the judge's budget."""


class QualitySettings(msgspec.Struct, frozen=True, kw_only=True):
    judge: JudgeSettings | None = None
    """None: only what can be told without a model."""
    threshold: float = 0.7
    """From this value on a reply counts as good. Values are stored, so that it can be moved later."""
    shares: Shares = Shares()
    pairs: PairSettings = PairSettings()

    @property
    def spends(self) -> bool:
        """The router asks models of its own accord."""
        return self.judge is not None
