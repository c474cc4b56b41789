"""The owner's own rules, as values: a condition, and what to do when it holds."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from claude_code_router.core.decision import Choose, Pass, Refuse, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.routing.conditions import Condition


class Use(msgspec.Struct, frozen=True):
    """Where requests go: the whole chain, resolved when the config was read."""

    targets: tuple[Target, ...]
    named: str
    """As the owner wrote it: a tier, a task type, a target, a chain."""
    scenario: str = "default"


class Share(msgspec.Struct, frozen=True):
    percent: float
    use: Use


class DeclaredRule(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of `shares` and `refuse` is set. Shares of less than 100 in all leave the rest to the rules behind."""

    name: str
    when: Condition
    shares: tuple[Share, ...] = ()
    refuse: str = ""
    before: str = ""
    """The classic rule that it is asked before; empty: before all of them."""
    firm: bool = False
    """It is followed at any price: no warm cache keeps a session elsewhere."""

    def verdict(self, signals: Signals) -> Verdict:
        holds, reason = self.when.look(signals)
        if not holds:
            return Pass(self.name, reason)
        if self.refuse:
            return Refuse(self.name, self.refuse, f"It is the rule {self.name} in config.json: {reason}.")
        if len(self.shares) == 1 and self.shares[0].percent >= 100:
            return self._choose(self.shares[0].use, reason)
        return self._split(signals, reason)

    def _split(self, signals: Signals, reason: str) -> Verdict:
        point = lot(self.name, signals.session or signals.prompt_hash)
        reached = 0.0
        for share in self.shares:
            reached += share.percent
            if point < reached:
                because = f"{reason}; the session's lot {point:.2f} of 100 is in the {share.percent:g} % for {share.use.named}"
                return self._choose(share.use, because)
        return Pass(
            self.name, f"{reason}, but the session's lot {point:.2f} of 100 is behind the {reached:g} % of this trial"
        )

    def _choose(self, use: Use, because: str) -> Choose:
        return Choose(self.name, Route(use.targets), because, use.scenario)


def lot(rule: str, session: str) -> float:
    """From 0 to below 100, the same for a session as long as the rule keeps its name."""
    digest = sha256(f"{rule}\0{session}".encode(errors="replace")).digest()
    return int.from_bytes(digest[:4], "big") % 10_000 / 100


class Tier(msgspec.Struct, frozen=True):
    """A rank of targets. Its place among the tiers is its strength."""

    name: str
    rank: int
    targets: tuple[Target, ...]


def tier_of(target: Target, tiers: Mapping[str, Tier]) -> Tier | None:
    """The strongest tier that lists it."""
    found = [tier for tier in tiers.values() if target in tier.targets]
    return max(found, key=lambda tier: tier.rank) if found else None


def alias_of(model: str, aliases: Mapping[str, Use]) -> str:
    """The alias that a model asked for means: the name itself, or one of its parts (`claude-opus-5-5` is `opus`)."""
    lowered = model.lower()
    if lowered in aliases:
        return lowered
    parts = frozenset(lowered.replace("[", "-").split("-"))
    return next((name for name in aliases if name in parts), "")
