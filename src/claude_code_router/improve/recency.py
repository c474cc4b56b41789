"""Has a tier become better or worse under the same name, and how much do older answers count then? Pure; docs/learning.md.

Epochs part what is known to have changed: another model, another judge. This is for what nobody announces: a provider that
changes a model behind its name, prompts that have become harder.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

HALF_LIFE_S = 14 * 86_400.0
"""A row that is two weeks older counts half."""
_ROWS_MIN = 30
"""On either side of the half-life; with less nothing is said."""
_SURE = 2.0
"""Standard errors."""


class Judged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One answer of one tier, of one epoch."""

    at: float
    """Unix seconds."""
    tier: str
    kind: str
    """Of task: a change in what is asked for is not taken for a change of the tier."""
    quality: float


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    tier: str
    change: float
    """Of the mean quality: the last half-life less the time before, kinds of task as in the last one."""
    error: float
    """Its standard error."""

    def __str__(self) -> str:
        return (
            f"{self.tier}'s answers have become {'better' if self.change > 0 else 'worse'} by {abs(self.change):.2f} "
            f"(± {1.96 * self.error:.2f}) in the last two weeks: what is two weeks older counts half"
        )


def drifts(rows: Sequence[Judged]) -> tuple[Drift, ...]:
    """Of the tiers that have moved by more than two standard errors."""
    newest = max((row.at for row in rows), default=0.0)
    found = []
    for tier in sorted({row.tier for row in rows}):
        own = [row for row in rows if row.tier == tier]
        drift = _drift(tier, own, newest - HALF_LIFE_S)
        if drift is not None and abs(drift.change) > _SURE * drift.error:
            found.append(drift)
    return tuple(found)


def weight(at: float, newest: float) -> float:
    return math.exp2(-max(0.0, newest - at) / HALF_LIFE_S)


def _drift(tier: str, rows: Sequence[Judged], since: float) -> Drift | None:
    kinds: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        kinds.setdefault(row.kind, ([], []))[row.at > since].append(row.quality)
    both = [(earlier, recent) for earlier, recent in kinds.values() if earlier and recent]
    counts = sum(len(earlier) for earlier, _ in both), sum(len(recent) for _, recent in both)
    freedom = sum(counts) - 2 * len(both)
    if min(counts) < _ROWS_MIN or freedom < _ROWS_MIN:
        return None
    spread = math.fsum(_squares(side) for pair in both for side in pair) / freedom
    shares = [len(recent) / counts[1] for _, recent in both]
    change = math.fsum(
        share * (_mean(recent) - _mean(earlier)) for share, (earlier, recent) in zip(shares, both, strict=True)
    )
    variance = spread * math.fsum(
        share**2 * (1 / len(earlier) + 1 / len(recent)) for share, (earlier, recent) in zip(shares, both, strict=True)
    )
    return Drift(tier=tier, change=change, error=math.sqrt(variance))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _squares(values: Iterable[float]) -> float:
    kept = list(values)
    middle = _mean(kept)
    return math.fsum((value - middle) ** 2 for value in kept)
