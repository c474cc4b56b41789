"""The change in misses that other rules would bring, from pairs: requests that two tiers have answered. Pure.

A pair knows how both tiers do on the same request, so it tells what either choice would have been: no model of the traffic
and no probabilities of the old rules are needed. Pairs count by the inverse of the probability with which they were drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from claude_code_router.core.score import Pair
from claude_code_router.improve.replayed import Change, MissForecast
from claude_code_router.quality.epochs import epochs_of
from claude_code_router.quality.intervals import Z95
from claude_code_router.quality.misses import DEFAULTS, Comparison, compared

PAIRS_MIN = 30
"""Below, no interval is worth showing."""
GOOD_FROM = DEFAULTS.threshold
"""A score from here on is a good answer."""


class Judged(msgspec.Struct, frozen=True, gc=False):
    """One pair under two rule sets: is it a miss before, is it one after?"""

    weight: float
    under_before: bool
    under_after: bool
    over_before: bool
    over_after: bool
    moved: bool


def forecast(
    pairs: Sequence[Pair],
    tier_after: Mapping[str, str],
    ranks: Mapping[str, int],
    *,
    flipped: int,
    good_from: float = GOOD_FROM,
) -> MissForecast:
    """`tier_after`: by the id of the served request, where the decision is told. `flipped`: how many requests of the period go
    elsewhere at all."""
    judged = list(_judged(pairs, tier_after, ranks, good_from))
    found = MissForecast(pairs=len(judged), changed=sum(1 for one in judged if one.moved), by="pairs")
    if len(judged) < PAIRS_MIN:
        needed = f"{len(judged)} pairs, {PAIRS_MIN - len(judged)} more are needed"
        return msgspec.structs.replace(found, insufficient=needed)
    if flipped and not found.changed:
        return msgspec.structs.replace(found, insufficient=f"none of the {len(judged)} pairs is among what changes")
    return msgspec.structs.replace(
        found,
        under_routed=change([(one.weight, one.under_before, one.under_after) for one in judged]),
        over_routed=change([(one.weight, one.over_before, one.over_after) for one in judged]),
    )


def change(outcomes: Sequence[tuple[float, bool, bool]], z: float = Z95) -> Change:
    """Of a share, from (weight, before, after) of the same requests. The interval is Bonett and Price's for paired shares
    (Psychometrika 77, 2012): Wald's with one more request added to each way of changing, so that it holds for few; unequal
    weights count by their effective number (Kish)."""
    total = sum(weight for weight, _, _ in outcomes)
    n = total**2 / sum(weight**2 for weight, _, _ in outcomes)
    before = sum(weight for weight, was, _ in outcomes if was) / total
    after = sum(weight for weight, _, now in outcomes if now) / total
    worse = sum(weight for weight, was, now in outcomes if now and not was) / total
    better = sum(weight for weight, was, now in outcomes if was and not now) / total
    up, down = (worse * n + 1) / (n + 2), (better * n + 1) / (n + 2)
    middle = up - down
    half = z * math.sqrt(max(0.0, up + down - middle**2) / (n + 2))
    return Change(
        before=before,
        after=after,
        change=after - before,
        low=max(-1.0, middle - half),
        high=min(1.0, middle + half),
    )


def _judged(
    pairs: Sequence[Pair], tier_after: Mapping[str, str], ranks: Mapping[str, int], good_from: float
) -> Iterable[Judged]:
    """Of the newest epoch only: scores of two epochs are not comparable."""
    for pair, seen in newest_epoch(pairs, ranks, good_from):
        now, other = tier_after.get(pair.request_id), _other(pair, seen.routed)
        if now not in (seen.routed, other):
            continue
        was_light = seen.direction == "heavier"
        is_light = was_light if now == seen.routed else not was_light
        miss = seen.lighter_bad and not seen.heavier_bad
        yield Judged(
            weight=seen.weight,
            under_before=was_light and miss,
            under_after=is_light and miss,
            over_before=not was_light and not seen.lighter_bad,
            over_after=not is_light and not seen.lighter_bad,
            moved=was_light != is_light,
        )


def newest_epoch(
    pairs: Sequence[Pair], ranks: Mapping[str, int], good_from: float = GOOD_FROM
) -> list[tuple[Pair, Comparison]]:
    """The comparisons of the newest epoch that has pairs drawn by chance: escalated ones alone stand for nothing else."""
    read = [(pair, seen) for pair in pairs if (seen := compared(pair, ranks, good_from)) is not None]
    epochs, labels = epochs_of([pair for pair, _ in read])
    drawn = {label for label, (_, seen) in zip(labels, read, strict=True) if not seen.escalated}
    newest = next((epoch.label for epoch in epochs if epoch.label in drawn), "")
    return [one for label, one in zip(labels, read, strict=True) if label == newest]


def _other(pair: Pair, tier: str) -> str:
    return pair.other_tier if tier == pair.served_tier else pair.served_tier
