"""What a walk over records has counted, as a value: walks over parts of the records add up to the walk over all. Pure.

Parts are cut between conversations, never within one. One thing crosses that cut: whether the prompt that conversations have in
common was warm, because another of them had just been there. Where a part cannot tell, it leaves a `Doubt`, and the other
parts' `uses` settle it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

import msgspec

from claude_code_router.core.target import Target
from claude_code_router.improve.again import REFUSED
from claude_code_router.improve.replayed import NO_TIER, Example, Flip, Lane, Replay, Side, known_usd

EXAMPLES = 3
SHARED_TTL_S = 300.0
Way = tuple[str, str, str, str, str, str, str]
"""Namespace, rule, target and tier before; rule, target and tier after."""
Uses = list[tuple[float, float]]
"""Of one target, in order of time: from one use to another, with never more than SHARED_TTL_S between two."""


class Counted(msgspec.Struct):
    """Of one way."""

    requests: int = 0
    unpriced: int = 0
    before_usd: float = 0.0
    after_usd: float = 0.0
    rewritten_tokens: int = 0
    examples: list[tuple[float, Example]] = []
    """The first ones, with their time."""


class Doubt(msgspec.Struct, frozen=True):
    """A reply that was reckoned as if no other conversation had been there within SHARED_TTL_S."""

    at: float
    way: Way
    saved_usd: float
    """If one had."""
    saved_tokens: int


class Tally(msgspec.Struct, kw_only=True):
    since: float = 0.0
    """Unix seconds, of the first record; 0 without one."""
    until: float = 0.0
    records: int = 0
    unreadable: int = 0
    told: int = 0
    untold: dict[str, int] = {}
    ways: dict[Way, Counted] = {}
    tiers: dict[str, str] = {}
    """After, by the id of each request that was asked for."""
    drawn: list[tuple[str, str, str]] = []
    """Id, target before and after."""
    uses: dict[Target, Uses] = {}
    doubts: dict[Target, list[Doubt]] = {}


def merged(parts: Sequence[Tally]) -> Tally:
    """Of parts that share no conversation, in any order."""
    if len(parts) == 1:
        return parts[0]
    found = Tally(
        since=min((part.since for part in parts if part.records), default=0.0),
        until=max((part.until for part in parts), default=0.0),
        records=sum(part.records for part in parts),
        unreadable=sum(part.unreadable for part in parts),
        told=sum(part.told for part in parts),
        drawn=[one for part in parts for one in part.drawn],
    )
    for part in parts:
        found.tiers.update(part.tiers)
        for reason, requests in part.untold.items():
            found.untold[reason] = found.untold.get(reason, 0) + requests
        for way, counted in part.ways.items():
            _add(found.ways.setdefault(way, Counted()), counted)
    for target in {target for part in parts for target in part.uses}:
        found.uses[target] = _joined([part.uses.get(target, []) for part in parts])
    for part in parts:
        others = [other.uses for other in parts if other is not part]
        for target, doubts in part.doubts.items():
            _settle(found, target, doubts, [uses.get(target, []) for uses in others])
    return found


def _add(to: Counted, more: Counted) -> None:
    to.requests += more.requests
    to.unpriced += more.unpriced
    to.before_usd += more.before_usd
    to.after_usd += more.after_usd
    to.rewritten_tokens += more.rewritten_tokens
    to.examples = sorted([*to.examples, *more.examples], key=itemgetter(0))[:EXAMPLES]


def _joined(several: Iterable[Uses]) -> Uses:
    found: Uses = []
    for first, last in sorted(span for uses in several for span in uses):
        if found and first - found[-1][1] <= SHARED_TTL_S:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _settle(found: Tally, target: Target, doubts: Iterable[Doubt], others: Sequence[Uses]) -> None:
    for doubt in doubts:
        if any(first <= doubt.at <= last + SHARED_TTL_S for uses in others for first, last in uses):
            counted = found.ways[doubt.way]
            counted.after_usd -= doubt.saved_usd
            counted.rewritten_tokens -= doubt.saved_tokens
        else:
            found.doubts.setdefault(target, []).append(doubt)


def replay_of(tally: Tally) -> Replay:
    flips = {way: one for way, one in tally.ways.items() if way[2] != way[5]}
    others = {way: one for way, one in tally.ways.items() if way[2] == way[5] and way[1] != way[4]}
    everything = tally.ways.values()
    return Replay(
        since=tally.since,
        until=tally.until,
        records=tally.records,
        told=tally.told,
        untold=tally.untold,
        unreadable=tally.unreadable,
        flipped=sum(one.requests for one in flips.values()),
        other_rule=sum(one.requests for one in others.values()),
        unpriced=sum(one.unpriced for one in everything),
        rewritten_tokens=sum(one.rewritten_tokens for one in everything),
        before=_sides((_named(way[3], way[2]), one, one.before_usd) for way, one in tally.ways.items()),
        after=_sides((_named(way[6], way[5]), one, one.after_usd) for way, one in tally.ways.items()),
        flips=_by_way(flips),
        rule_changes=_by_way(others),
        namespaces=_lanes(tally.ways),
    )


def _named(tier: str, target: str) -> str:
    return tier or (REFUSED if target == REFUSED else NO_TIER)


def _sides(parts: Iterable[tuple[str, Counted, float]]) -> dict[str, Side]:
    sums: dict[str, tuple[int, int, float]] = {}
    for name, one, usd in parts:
        requests, unpriced, cost_usd = sums.get(name, (0, 0, 0.0))
        sums[name] = (requests + one.requests, unpriced + one.unpriced, cost_usd + usd)
    return {
        name: Side(requests=requests, cost_usd=known_usd(cost_usd, unpriced))
        for name, (requests, unpriced, cost_usd) in sums.items()
    }


def _lanes(ways: Mapping[Way, Counted]) -> dict[str, Lane]:
    sums: dict[str, Counted] = {}
    flipped: dict[str, int] = {}
    for way, one in ways.items():
        _add(sums.setdefault(way[0], Counted()), one)
        flipped[way[0]] = flipped.get(way[0], 0) + (one.requests if way[2] != way[5] else 0)
    return {
        name: Lane(
            requests=one.requests,
            flipped=flipped[name],
            before_usd=known_usd(one.before_usd, one.unpriced),
            after_usd=known_usd(one.after_usd, one.unpriced),
        )
        for name, one in sums.items()
    }


def _by_way(ways: Mapping[Way, Counted]) -> tuple[Flip, ...]:
    """By rules and targets, whatever the namespace; the most frequent first."""
    found: dict[tuple[str, str, str, str], Counted] = {}
    for (_, rule, was, _, new_rule, now, _), one in ways.items():
        _add(found.setdefault((rule, was, new_rule, now), Counted()), one)
    flips = [
        Flip(
            rule_before=rule,
            target_before=was,
            rule_after=new_rule,
            target_after=now,
            requests=one.requests,
            before_usd=known_usd(one.before_usd, one.unpriced),
            after_usd=known_usd(one.after_usd, one.unpriced),
            examples=tuple(example for _, example in one.examples),
        )
        for (rule, was, new_rule, now), one in found.items()
    ]
    return tuple(
        sorted(flips, key=lambda flip: (-flip.requests, flip.rule_before, flip.target_before, flip.rule_after))
    )
