"""Which requests are looked at: drawn before the reply begins, so that what is not drawn costs nothing. Pure: the dice are
an argument.

Every draw carries its probability, for figures that weigh by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from claude_code_router.core.signals import Signals
from claude_code_router.quality.settings import PairSettings, QualitySettings, Shares
from claude_code_router.routing.declared import Tier
from claude_code_router.routing.marks import is_search

_ERRANDS = frozenset({"title", "web_fetch", "web_search", "suggestion", "classifier"})
"""The client's own: scored only where their task type is named, never paired."""


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    score_probability: float
    """With which this request's reply was to be scored, for whatever reason; in (0, 1]."""
    pair_probability: float = 0.0
    """With which it was to be paired with `pair_tier`; 0: it is not paired."""
    pair_tier: str = ""


def draw(
    settings: QualitySettings,
    signals: Signals,
    *,
    rule: str,
    scenario: str,
    tier: Tier | None,
    tiers: Mapping[str, Tier],
    dice: Callable[[], float],
) -> Draw | None:
    """None: this request is left alone. `tier`: of the planned target. `dice` gives numbers in [0, 1)."""
    share = _share(settings.shares, signals, rule, scenario, tier.name if tier else "")
    up, down = _pair_shares(settings, signals)
    above, below = _neighbours(tier, tiers)
    up, down = up if above else 0.0, down if below else 0.0
    if not share and not up and not down:
        return None
    scored = dice() < share
    lot = dice() if up or down else 1.0
    paired = up if lot < up else down if lot < up + down else 0.0
    if not scored and not paired:
        return None
    return Draw(
        score_probability=1 - (1 - share) * (1 - up - down),
        pair_probability=paired,
        pair_tier="" if not paired else above if lot < up else below,
    )


def _share(shares: Shares, signals: Signals, rule: str, scenario: str, tier: str) -> float:
    if rule in shares.by_rule:
        return shares.by_rule[rule]
    if scenario in shares.by_scenario:
        return shares.by_scenario[scenario]
    if signals.kind in _ERRANDS:
        return 0.0
    return shares.by_tier.get(tier, shares.default)


def _pair_shares(settings: QualitySettings, signals: Signals) -> tuple[float, float]:
    """Only where a second answer does nothing: a person's turn, without tools that the provider itself would run; a web search
    that the client offers with every request is left out of the second one. The client's tools may be offered: nothing carries
    out what the second answer calls. No pictures: they may have been put into words for the one tier and not for the other."""
    pairs: PairSettings = settings.pairs
    fit = (
        signals.kind == "user"
        and (not signals.server_tools or (signals.search_aside and all(map(is_search, signals.server_tools))))
        and not signals.images
        and signals.tokens <= pairs.max_tokens
    )
    return (pairs.up, pairs.down) if fit and settings.judge is not None else (0.0, 0.0)


def _neighbours(tier: Tier | None, tiers: Mapping[str, Tier]) -> tuple[str, str]:
    """The names of the next tier up and the next tier down; empty where there is none."""
    if tier is None:
        return "", ""
    by_rank = {one.rank: one.name for one in tiers.values()}
    return by_rank.get(tier.rank + 1, ""), by_rank.get(tier.rank - 1, "")
