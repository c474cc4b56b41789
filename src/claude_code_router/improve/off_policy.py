"""What other rules would have done to the share of good answers, from answers that were served where routing drew lots. Pure;
formulas in docs/advice.md.

SNIPS weighs what happened by how much likelier it would be under the new rules; DR (doubly robust) starts from a table of
how good each tier is at each kind of task, and mends it by the same weights: it is right when either the chances or the table
are. Sessions are the unit: a session keeps its lot, and its requests are alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar
from zlib import crc32

import msgspec

from claude_code_router.improve.replayed import Change, LotForecast
from claude_code_router.quality.intervals import Z95, effective_size

EFFECTIVE_MIN = 30
"""Sessions (by their effective number) on either side of a lot, below which nothing is said."""
OUTSIDE_MOST = 0.1
"""Of what changes, the share that would go where no lot has ever sent it, at most."""
_SHRUNK_TO_MEAN = 20.0
"""As in `improve.learning`: a kind of task's own answers count against so many of the tier's mean."""
_FOLDS = 5

Chances = Mapping[str, float]
"""By tier; together 1."""


class Served(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One served answer that was judged."""

    kind: str
    """Of task: what the table is by."""
    tier: str
    """That was asked."""
    good: bool
    weight: float = 1.0
    """1 / the probability with which it was chosen to be judged."""
    session: str
    before: Chances
    """Of the tiers, under the rules that decided."""
    after: Chances
    """Under the new ones."""

    @property
    def moved(self) -> bool:
        tiers = {*self.before, *self.after}
        return any(abs(self.before.get(tier, 0.0) - self.after.get(tier, 0.0)) > 1e-9 for tier in tiers)

    @property
    def outside(self) -> bool:
        """The new rules may send it to a tier that the old ones never did."""
        return any(chance > 0 and not self.before.get(tier) for tier, chance in self.after.items())

    @property
    def ratio(self) -> float:
        return self.after.get(self.tier, 0.0) / self.before[self.tier]


def estimated(rows: Sequence[Served], z: float = Z95) -> LotForecast:
    moved = [row for row in rows if row.moved]
    inside = [row for row in rows if not row.outside]
    outside = math.fsum(row.weight for row in moved if row.outside)
    changing = math.fsum(row.weight for row in moved)
    effective = _effective(inside)
    found = LotForecast(judged=len(rows), moved=len(moved), effective=effective)
    if not moved:
        return msgspec.structs.replace(found, insufficient=f"none of {len(rows)} judged answers is among what changes")
    if outside > OUTSIDE_MOST * changing:
        said = f"{outside / changing:.0%} of what changes would go where no lot has ever sent it"
        return msgspec.structs.replace(found, insufficient=said)
    if effective < EFFECTIVE_MIN:
        said = (
            f"only {effective:.0f} of {EFFECTIVE_MIN} judged sessions (effective) got by lot what the new rules ask for"
        )
        return msgspec.structs.replace(found, insufficient=said)
    # Student's quantile for as many sessions (its first-order expansion about the normal one).
    t = z * (1 + (z * z + 1) / (4 * (effective - 1)))
    return msgspec.structs.replace(found, doubly_robust=doubly_robust(inside, t), snips=snips(inside, t))


def snips(rows: Sequence[Served], z: float = Z95) -> Change:
    """Σ w r q / Σ w r after, Σ w q / Σ w before; r is the ratio of the chances."""
    total = math.fsum(row.weight for row in rows)
    reweighed = math.fsum(row.weight * row.ratio for row in rows)
    before = math.fsum(row.weight for row in rows if row.good) / total
    after = math.fsum(row.weight * row.ratio for row in rows if row.good) / reweighed
    parts = [row.weight * (row.ratio * (row.good - after) / reweighed - (row.good - before) / total) for row in rows]
    return _change(before, after, rows, parts, z)


def doubly_robust(rows: Sequence[Served], z: float = Z95) -> Change:
    """Mean of Σ_tier after · m(kind, tier) + r (q - m(kind, the tier that was asked)) - q; 0 for what stays. `m` of a row is
    fitted on the other sessions."""
    total = math.fsum(row.weight for row in rows)
    tables = [_Table([row for row in rows if _fold(row) != fold]) for fold in range(_FOLDS)]
    values = [_difference(row, tables[_fold(row)]) if row.moved else 0.0 for row in rows]
    change = math.fsum(row.weight * value for row, value in zip(rows, values, strict=True)) / total
    before = math.fsum(row.weight for row in rows if row.good) / total
    parts = [row.weight * (value - change) / total for row, value in zip(rows, values, strict=True)]
    return _change(before, before + change, rows, parts, z)


def _difference(row: Served, table: _Table) -> float:
    expected = math.fsum(chance * table.good(row.kind, tier) for tier, chance in row.after.items())
    return expected + row.ratio * (row.good - table.good(row.kind, row.tier)) - row.good


def _change(before: float, after: float, rows: Sequence[Served], parts: Sequence[float], z: float) -> Change:
    """`parts`: of each row in the estimate's error, to first order; those of a session are added before they are squared."""
    sessions = _summed([row.session for row in rows], parts)
    groups = len(sessions)
    variance = math.fsum(part * part for part in sessions.values()) * groups / max(1, groups - 1)
    half = z * math.sqrt(variance)
    change = after - before
    return Change(
        before=before,
        after=min(1.0, max(0.0, after)),
        change=change,
        low=max(-1.0, change - half),
        high=min(1.0, change + half),
    )


def _effective(rows: Sequence[Served]) -> float:
    """Of the sessions that count more under the new rules and of those that count less, the smaller number (Kish)."""
    sizes = []
    for side in (1, -1):
        reached = [(row.session, row.weight * side * (row.ratio - 1)) for row in rows if side * (row.ratio - 1) > 0]
        sums = _summed([session for session, _ in reached], [weight for _, weight in reached]).values()
        sizes.append(effective_size(math.fsum(sums), math.fsum(weight * weight for weight in sums)))
    return min(sizes)


Key = TypeVar("Key")


def _summed(keys: Sequence[Key], values: Sequence[float]) -> dict[Key, float]:
    found: dict[Key, float] = {}
    for key, value in zip(keys, values, strict=True):
        found[key] = found.get(key, 0.0) + value
    return found


def _fold(row: Served) -> int:
    return crc32(row.session.encode(errors="replace")) % _FOLDS


class _Table:
    """How often each tier is good at each kind of task, shrunk to the tier's mean."""

    def __init__(self, rows: Sequence[Served]) -> None:
        usual = math.fsum(row.weight for row in rows) / len(rows) if rows else 1.0
        weights = [row.weight / usual for row in rows]
        goods = [weight * row.good for weight, row in zip(weights, rows, strict=True)]
        kinds, tiers = [(row.kind, row.tier) for row in rows], [row.tier for row in rows]
        self._cells = _summed(kinds, weights), _summed(kinds, goods)
        self._tiers = _summed(tiers, weights), _summed(tiers, goods)
        self._mean = math.fsum(goods) / math.fsum(weights) if rows else 0.5

    def good(self, kind: str, tier: str) -> float:
        sizes, goods = self._tiers
        mean = (goods.get(tier, 0.0) + self._mean) / (sizes.get(tier, 0.0) + 1)
        cell_sizes, cell_goods = self._cells
        cell = kind, tier
        return (cell_goods.get(cell, 0.0) + _SHRUNK_TO_MEAN * mean) / (cell_sizes.get(cell, 0.0) + _SHRUNK_TO_MEAN)
