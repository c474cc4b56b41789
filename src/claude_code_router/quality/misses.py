"""Routing misses: how often a tier was too weak, and how often too strong. Pure; definitions with formulas in docs/misses.md.

under-routed  the lighter answer is bad and the heavier tier's is good, of the requests routed to the lighter tier
over-routed   the lighter answer is good, of the requests routed to the heavier tier
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from claude_code_router.core.score import Pair
from claude_code_router.quality.crosstab import (
    BOTH_BAD,
    LIGHTER_BAD,
    LIGHTER_GOOD,
    ONLY_LIGHTER_BAD,
    Cells,
    Crosstab,
)
from claude_code_router.quality.epochs import Epoch, epochs_of, newest_with
from claude_code_router.quality.intervals import Estimate, Interval, Part, WeightedSums, combined
from claude_code_router.quality.judge_error import JudgeError

Direction = Literal["heavier", "lighter"]
"""Which way the tier that a request was compared with stands from the tier that it was routed to."""
Axis = Literal["tier", "namespace", "category", "rule"]
AXES: tuple[Axis, ...] = ("tier", "namespace", "category", "rule")

MINIMUM = 30
"""Pairs below which a rate is "insufficient": at n = 30 a share of 20 % still spreads over 25 points."""
GROUP_MINIMUM = 60
"""The same for one category, rule, tier or namespace of many."""
TASK_VALUE_USD = 0.60
"""What a solved task is worth where the owner has not said (TwinRouterBench's figure)."""


class MissSettings(msgspec.Struct, frozen=True, kw_only=True):
    threshold: float = 0.7
    """A reply is good from this score on."""
    task_value_usd: float = TASK_VALUE_USD
    minimum: int = MINIMUM
    group_minimum: int = GROUP_MINIMUM


DEFAULTS = MissSettings()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A pair, read from the side of the tier that the request was routed to."""

    routed: str
    direction: Direction
    lighter_bad: bool
    heavier_bad: bool
    weight: float
    escalated: bool
    extra_usd: float | None
    """What the heavier answer cost more than the lighter."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """One of the shares, or why there is none."""

    estimate: Estimate | None = None
    as_judged: Estimate | None = None
    """Before correction for the judge's error; None without a correction."""
    n: int = 0
    insufficient: str = ""
    """What is missing; empty when there is an estimate."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The rates of one tier, namespace, category or rule (empty key: of all)."""

    key: str
    under: Rate
    over: Rate
    light_bad: Rate
    """Lighter answers that are bad, whatever a heavier tier would have done. Not a miss by itself."""
    both_bad: Rate
    """Bad in both tiers: a matter of the prompt or its context, not of routing."""


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """What the misses of the period cost, in USD; None where a rate or a price is missing."""

    under_usd: Estimate | None
    over_usd: Estimate | None
    total_usd: Estimate | None


class Misses(msgspec.Struct, frozen=True, kw_only=True):
    all: Group
    by: Mapping[Axis, tuple[Group, ...]]
    money: Money
    epochs: tuple[Epoch, ...]
    """All that were met, newest first."""
    used: Mapping[Direction, str]
    """Which epoch is reported, by direction; a direction without enough pairs in any is missing."""
    errors: Mapping[str, JudgeError]
    """Of the judges, by `Pair.epoch`."""
    uncorrected: str
    """Why the rates are as the judge saw them; empty when they are corrected."""
    unread: int
    """Pairs without both scores, or of tiers whose order is not known."""


def compared(pair: Pair, ranks: Mapping[str, int], threshold: float) -> Comparison | None:
    """None when a score is missing, or the order of the two tiers is not known. `ranks`: a tier's place from weak to strong."""
    served, other = ranks.get(pair.served_tier), ranks.get(pair.other_tier)
    if served is None or other is None or served == other or pair.served_value is None or pair.other_value is None:
        return None
    served_bad, other_bad = pair.served_value < threshold, pair.other_value < threshold
    served_lighter = served < other
    costs = pair.served_cost_usd, pair.other_cost_usd
    lighter_usd, heavier_usd = costs if served_lighter else costs[::-1]
    # Escalated: it was routed to the tier whose answer was then discarded.
    routed_lighter = not served_lighter if pair.escalated else served_lighter
    return Comparison(
        routed=pair.other_tier if pair.escalated else pair.served_tier,
        direction="heavier" if routed_lighter else "lighter",
        lighter_bad=served_bad if served_lighter else other_bad,
        heavier_bad=other_bad if served_lighter else served_bad,
        weight=1.0 if pair.escalated else 1 / pair.probability,
        escalated=pair.escalated,
        extra_usd=None if lighter_usd is None or heavier_usd is None else heavier_usd - lighter_usd,
    )


class _Sums:
    """Of one group's comparisons."""

    def __init__(self) -> None:
        self.tables: dict[Direction, Crosstab] = {"heavier": Crosstab(), "lighter": Crosstab()}
        self.extra = WeightedSums()
        """Of `extra_usd`, where a lighter tier was compared with."""

    def add(self, seen: Comparison) -> None:
        self.tables[seen.direction].add(
            lighter_bad=seen.lighter_bad,
            heavier_bad=seen.heavier_bad,
            weight=seen.weight,
            escalated=seen.escalated,
        )
        if seen.direction == "lighter" and seen.extra_usd is not None:
            self.extra.add(seen.extra_usd, seen.weight)


def misses(
    pairs: Sequence[Pair],
    ranks: Mapping[str, int],
    settings: MissSettings = DEFAULTS,
    *,
    errors: Mapping[str, JudgeError] | None = None,
    routed: Mapping[str, int] | None = None,
    axes: Sequence[Axis] = AXES,
) -> Misses:
    """`errors`: of the judges, by `Pair.epoch`. `routed`: how many requests went to each tier in the period, for the money.
    `axes`: what the rates are split by."""
    errors = errors or {}
    read = [(pair, compared(pair, ranks, settings.threshold)) for pair in pairs]
    seen = [(pair, comparison) for pair, comparison in read if comparison is not None]
    epochs, labels = epochs_of([pair for pair, _ in seen])
    labelled = [(label, pair, one) for label, (pair, one) in zip(labels, seen, strict=True)]
    used: dict[Direction, str] = {}
    for direction in ("heavier", "lighter"):
        ours = [(label, one) for label, _, one in labelled if one.direction == direction]
        # Escalated requests alone stand for nothing else: they are what a judge has found fault with.
        drawn = {label for label, one in ours if not one.escalated}
        counts = {label: sum(1 for its, _ in ours if its == label) for label in drawn}
        if found := newest_with(epochs, counts, settings.minimum):
            used[direction] = found
    newest = epochs[0].label if epochs else ""
    kept = [(pair, one) for label, pair, one in labelled if used.get(one.direction, newest) == label]
    reading = _Reading(settings, {way: _error_of(label, epochs, errors) for way, label in used.items()}, used)
    whole = _sums(kept, None).get("", _Sums())
    return Misses(
        all=reading.group("", whole, settings.minimum),
        by={axis: _groups(reading, _sums(kept, axis), settings.group_minimum) for axis in axes},
        money=reading.money(_sums(kept, "tier") if routed else {}, routed or {}),
        epochs=tuple(epochs),
        used=used,
        errors=dict(errors),
        uncorrected=_uncorrected(used, epochs, errors),
        unread=len(pairs) - len(seen),
    )


def _groups(reading: _Reading, sums: Mapping[str, _Sums], minimum: int) -> tuple[Group, ...]:
    return tuple(reading.group(key, one, minimum) for key, one in sorted(sums.items()))


def _sums(kept: Iterable[tuple[Pair, Comparison]], axis: Axis | None) -> dict[str, _Sums]:
    sums: dict[str, _Sums] = {}
    for pair, one in kept:
        key = "" if axis is None else one.routed if axis == "tier" else getattr(pair, axis)
        if key not in sums:
            sums[key] = _Sums()
        sums[key].add(one)
    return sums


def _error_of(label: str, epochs: Sequence[Epoch], errors: Mapping[str, JudgeError]) -> JudgeError | None:
    error = errors.get(next((epoch.judge_epoch for epoch in epochs if epoch.label == label), ""))
    return None if error is None or error.unfit else error


def _uncorrected(used: Mapping[Direction, str], epochs: Sequence[Epoch], errors: Mapping[str, JudgeError]) -> str:
    for label in used.values():
        judge = next(epoch.judge_epoch for epoch in epochs if epoch.label == label)
        error = errors.get(judge)
        if error is None:
            return "no reply that this judge scored has been judged by a person too: use `ccr review`"
        if error.unfit:
            return error.unfit
    return ""


class _Reading:
    """From sums to rates, by the settings and the judges' errors."""

    def __init__(
        self, settings: MissSettings, errors: Mapping[Direction, JudgeError | None], used: Mapping[Direction, str]
    ) -> None:
        self._settings = settings
        self._errors = errors
        self._used = used

    def group(self, key: str, sums: _Sums, minimum: int) -> Group:
        return Group(
            key=key,
            under=self._rate(sums, "heavier", ONLY_LIGHTER_BAD, minimum),
            over=self._rate(sums, "lighter", LIGHTER_GOOD, minimum),
            light_bad=self._rate(sums, "heavier", LIGHTER_BAD, minimum),
            both_bad=self._rate(sums, "heavier", BOTH_BAD, minimum),
        )

    def _rate(self, sums: _Sums, direction: Direction, wanted: Cells, minimum: int) -> Rate:
        table = sums.tables[direction]
        if table.n < minimum:
            return Rate(n=table.n, insufficient=f"{table.n} of {minimum} pairs")
        if direction not in self._used:
            return Rate(n=table.n, insufficient=f"none of the newest judge's {table.n} pairs was drawn by chance")
        error = self._errors.get(direction)
        judged = table.share(wanted)
        if error is None:
            return Rate(estimate=judged, n=table.n)
        return Rate(estimate=table.share(wanted, error), as_judged=judged, n=table.n)

    def money(self, tiers: Mapping[str, _Sums], routed: Mapping[str, int]) -> Money:
        """Σ over tiers of requests · (under · value of a task + over · what the heavier answer cost more)."""
        under, over = [], []
        for tier, sums in tiers.items():
            count = routed.get(tier, 0)
            group = self.group(tier, sums, self._settings.minimum)
            if count and group.under.estimate:
                under.append(_part(count * self._settings.task_value_usd, group.under.estimate))
            if count and group.over.estimate and sums.extra.n:
                over.append(_part(count, _product(group.over.estimate, sums.extra.mean())))
        return Money(
            under_usd=combined(under) if under else None,
            over_usd=combined(over) if over else None,
            total_usd=combined([*under, *over]) if under and over else None,
        )


def _part(factor: float, estimate: Estimate) -> Part:
    return Part(factor=factor, value=estimate.value, interval=Interval(estimate.low, estimate.high))


def _product(share: Estimate, amount: Estimate) -> Estimate:
    """Of two independent estimates, to first order: each one's distances, times the other's value."""
    value = share.value * amount.value
    reach = share.value * (amount.high - amount.value) if math.isfinite(amount.high) else 0.0
    down = (share.value - share.low) if amount.value >= 0 else (share.high - share.value)
    up = (share.high - share.value) if amount.value >= 0 else (share.value - share.low)
    return Estimate(
        value=value,
        low=value - math.hypot(down * amount.value, reach),
        high=value + math.hypot(up * amount.value, reach),
        n=share.n,
    )
