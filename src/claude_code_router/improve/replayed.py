"""What a replay found, as values: the terminal, JSON, JUnit, CI's conditions and the gate all read these."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

NO_TIER = "(no tier)"


class Example(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    because: str
    """The new rule's reason; its figures are those of the first request with such facts."""


def known_usd(usd: float, unpriced: int) -> float | None:
    """A sum of the known prices. None: some requests have no known price, and nothing else was paid."""
    return None if unpriced and not usd else usd


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that one rule sent there, and another one sends elsewhere."""

    rule_before: str
    target_before: str
    rule_after: str
    target_after: str
    requests: int
    before_usd: float | None
    after_usd: float | None
    """None here and below: no price is known."""
    examples: tuple[Example, ...] = ()


class Side(msgspec.Struct, frozen=True, kw_only=True):
    requests: int = 0
    cost_usd: float | None = 0.0


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace."""

    requests: int = 0
    flipped: int = 0
    before_usd: float | None = 0.0
    after_usd: float | None = 0.0


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Of a rate, from pairs, with its 95 % interval."""

    before: float
    after: float
    change: float
    low: float
    high: float


class MissForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What the pairs of the period say of the misses under the new rules. Without figures: `insufficient` says why."""

    under_routed: Change | None = None
    over_routed: Change | None = None
    pairs: int = 0
    """Those whose request was told and whose new tier is one of the two that answered."""
    changed: int = 0
    """Those of them that get the other tier."""
    by: str = ""
    """How it was found: `pairs`."""
    insufficient: str = ""


class LotForecast(msgspec.Struct, frozen=True, kw_only=True):
    """The change in the share of good answers, by answers that were served where routing drew lots (`improve.off_policy`).
    Without figures `insufficient` says why."""

    judged: int = 0
    """Served answers with a judge's score."""
    moved: int = 0
    """Of them, those that the new rules treat otherwise."""
    effective: float = 0.0
    """So many equally weighted sessions say as much, on the side of the lot that has fewer."""
    doubly_robust: Change | None = None
    snips: Change | None = None
    insufficient: str = ""


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    since: float = 0.0
    """Unix seconds, of the first record."""
    until: float = 0.0
    records: int = 0
    told: int = 0
    """Decided again by what the records tell. All other figures are about these."""
    untold: Mapping[str, int] = {}
    """By reason: words, facts, custom router."""
    unreadable: int = 0
    """Without signals: the body was not JSON, or another version wrote them."""
    flipped: int = 0
    """They go elsewhere."""
    other_rule: int = 0
    """They go where they went, by another rule."""
    unpriced: int = 0
    """With usage whose price is not known; they are missing in all costs."""
    rewritten_tokens: int = 0
    """Written to caches because sessions change models where they did not."""
    before: Mapping[str, Side] = {}
    """By tier."""
    after: Mapping[str, Side] = {}
    flips: tuple[Flip, ...] = ()
    """The most frequent first."""
    rule_changes: tuple[Flip, ...] = ()
    namespaces: Mapping[str, Lane] = {}
    misses: MissForecast = MissForecast(insufficient="no pairs were looked at")
    lots: LotForecast | None = None
    """None: no rule drew lots, as far as the configs are known."""

    @property
    def before_usd(self) -> float | None:
        return known_usd(sum(side.cost_usd or 0.0 for side in self.before.values()), self.unpriced)

    @property
    def after_usd(self) -> float | None:
        return known_usd(sum(side.cost_usd or 0.0 for side in self.after.values()), self.unpriced)

    @property
    def change_usd(self) -> float | None:
        before, after = self.before_usd, self.after_usd
        return None if before is None or after is None else after - before

    @property
    def untold_count(self) -> int:
        return sum(self.untold.values())
