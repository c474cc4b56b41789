"""Which changes of the config would be worth making: chosen on the older pairs, shown on the newer.

The search is small and bounded (`improve.candidates`), and honest about itself: how many were tried, one of each family is
looked at on the newer pairs, and the intervals there hold for all of these looks together. A change whose interval does not
exclude harm is not advised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from claude_code_router.core.score import Pair
from claude_code_router.core.target import Target
from claude_code_router.improve.again import Lanes
from claude_code_router.improve.bill import Bill, RatesOf
from claude_code_router.improve.candidates import Candidate, Seen, together
from claude_code_router.improve.forecast import GOOD_FROM, change, newest_epoch
from claude_code_router.improve.loss import MOVED_MIN, Tried, effect_usd, simultaneous_z
from claude_code_router.improve.recency import Drift, Judged, drifts, weight
from claude_code_router.improve.replayed import Change
from claude_code_router.quality.intervals import Estimate
from claude_code_router.quality.misses import MINIMUM, Comparison

OLDER_SHARE = 0.6
_OUTSIDE_MOST = 0.1
"""So many for each pair that is known, at most."""
_TEXT, _HASH, _AT, _NAMESPACE, _SESSION, _USED = 5, 8, 1, 3, 2, slice(13, 20)


class Case(msgspec.Struct, frozen=True):
    """A pair with its request's row (`store.period.COLUMNS`)."""

    pair: Pair
    seen: Comparison
    row: Sequence[Any]

    @property
    def session(self) -> str:
        return self.row[_SESSION] or ""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """On one part of the pairs."""

    pairs: int
    moved: int
    outside: int
    """Those that would go to a tier that has not answered them: of these nothing is known."""
    effect_usd: Estimate
    """Per request: what it costs and what bad answers cost, after less before."""
    cost_usd: Estimate
    under_routed: Change | None = None
    over_routed: Change | None = None


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    change: str
    family: str
    changes: Mapping[str, Any]
    older: Shown
    newer: Shown
    why_not: str = ""
    """Why it is not advised; empty when it is."""


class Advised(msgspec.Struct, frozen=True, kw_only=True):
    pairs: int
    unpriced: int = 0
    """Left out besides: of one of their two answers no cost is known."""
    untold: int = 0
    """Pairs of which the records do not tell what tier they go to by the rules in force (docs/replay.md)."""
    split_at: float | None = None
    """Unix seconds: older before, newer from here on."""
    tried: int = 0
    """Changes, on the older pairs."""
    looked_at: int = 0
    """Of them on the newer: one of a family."""
    advice: tuple[Advice, ...] = ()
    """The most worth first."""
    not_shown: tuple[Advice, ...] = ()
    together: Advice | None = None
    """Of those that go well together: what `--apply` writes."""
    insufficient: str = ""
    drifts: tuple[Drift, ...] = ()
    """Tiers whose answers are not what they were: then older pairs count less."""


Made = Callable[[Mapping[str, Any]], Lanes | None]
"""The deciders of the config with these changes; None when it would not load."""


class Table:
    """The pairs, and each change's outcome on them."""

    def __init__(self, cases: Sequence[Case], base: Lanes, rates_of: RatesOf, task_value_usd: float) -> None:
        self._cases = cases
        self._rates_of = rates_of
        self._value = task_value_usd
        self._before = [tier_after(case.row, base, rates_of) for case in cases]
        self._costs = [costs_of(case, rates_of) for case in cases]
        known = zip(cases, self._before, self._costs, strict=True)
        self._unmoved = [self._one(case, was, was, costs) for case, was, costs in known]

    @property
    def untold(self) -> int:
        return self._before.count("")

    def tried(self, lanes: Lanes) -> list[Tried]:
        after = [tier_after(case.row, lanes, self._rates_of) for case in self._cases]
        known = zip(self._cases, self._before, after, self._costs, self._unmoved, strict=True)
        return [unmoved if now == was else self._one(case, was, now, costs) for case, was, now, costs, unmoved in known]

    def promising(self, tried: Sequence[Tried]) -> bool:
        """Enough of the pairs move, and on the whole that pays. Most changes end here, before anything else is reckoned."""
        moved = sum(1 for one in tried if one.moved)
        return moved >= MOVED_MIN and effect_usd(tried, self._value, simultaneous_z(1)).value < 0

    def shown(self, tried: Sequence[Tried], z: float) -> Shown:
        moved = sum(1 for one in tried if one.moved)
        cost = [msgspec.structs.replace(one, bad_before=False, bad_after=False) for one in tried]
        return Shown(
            pairs=len(tried),
            moved=moved,
            outside=sum(1 for one in tried if one.outside),
            effect_usd=effect_usd(tried, self._value, z),
            cost_usd=effect_usd(cost, 0.0, z),
            under_routed=change([(one.weight, one.under_before, one.under_after) for one in tried], z)
            if tried
            else None,
            over_routed=change([(one.weight, one.over_before, one.over_after) for one in tried], z) if tried else None,
        )

    @staticmethod
    def _one(case: Case, was: str, now: str, costs: Mapping[str, float]) -> Tried:
        seen = case.seen
        if was not in costs or now not in costs:
            return Tried(weight=seen.weight, session=case.session, outside=was != now)
        light = seen.routed if seen.direction == "heavier" else _other(case.pair, seen.routed)
        heavy = _other(case.pair, light)
        bad = {light: seen.lighter_bad, heavy: seen.heavier_bad}
        if seen.escalated:  # whoever sends it to the lighter tier pays for both, and gives what the heavier one says
            bad[light], costs = seen.heavier_bad, {**costs, light: costs[light] + costs[heavy]}
        miss = seen.lighter_bad and not seen.heavier_bad
        return Tried(
            weight=seen.weight,
            session=case.session,
            moved=was != now,
            bad_before=bad[was],
            bad_after=bad[now],
            cost_before_usd=costs[was],
            cost_after_usd=costs[now],
            under_before=was == light and miss,
            under_after=now == light and miss,
            over_before=was != light and not seen.lighter_bad,
            over_after=now != light and not seen.lighter_bad,
        )


def costs_of(case: Case, rates_of: RatesOf) -> dict[str, float]:
    """Each tier's cost of this request, where it is known, by the usage of the served answer: what was answered in the
    background had no warm cache, which is no property of its tier."""
    pair, used = case.pair, case.row[_USED]
    found = {}
    for tier, target, recorded in (
        (pair.served_tier, pair.served_target, pair.served_cost_usd),
        (pair.other_tier, pair.other_target, pair.other_cost_usd),
    ):
        cost = None
        if used[0] is not None and "," in target:
            where = Target(*target.split(",", 1))
            cost = Bill(rates_of).add("", where, where, tuple(used), 0.0)[0]
        cost = recorded if cost is None else cost
        if cost is not None:
            found[tier] = cost
    return found


def tier_after(row: Sequence[Any], lanes: Lanes, rates_of: RatesOf) -> str:
    """Where a recorded request goes by these rules; empty when it cannot be told."""
    again = lanes.of(row[_NAMESPACE] or "", row[_SESSION] or "")
    facts = again.facts(row[_TEXT])
    answer = again.decide(facts, row[_TEXT], row[_HASH] or "", row[_AT], "", lambda _: None)
    if isinstance(answer, str) or answer.target is None:
        return ""
    if again.table.sticky and facts.standing is not None:
        answer, _ = again.last_word(answer, facts, rates_of)
    return answer.tier


def cases_of(
    pairs: Sequence[Pair], rows: Mapping[str, Sequence[Any]], ranks: Mapping[str, int], good_from: float = GOOD_FROM
) -> list[Case]:
    """Of the newest epoch, in order of arrival; pairs whose request is gone from the records are left out."""
    found = newest_epoch(pairs, ranks, good_from)
    kept = [Case(pair, seen, rows[pair.request_id]) for pair, seen in found if pair.request_id in rows]
    return sorted(kept, key=lambda case: case.pair.at)


def split(cases: Sequence[Case]) -> tuple[Sequence[Case], Sequence[Case]]:
    """Older and newer."""
    at = round(len(cases) * OLDER_SHARE)
    return cases[:at], cases[at:]


def _judged(case: Case) -> Iterator[Judged]:
    seen, pair = case.seen, case.pair
    heavy = _other(pair, seen.routed) if seen.direction == "heavier" else seen.routed
    for tier, bad in ((_other(pair, heavy), seen.lighter_bad), (heavy, seen.heavier_bad)):
        yield Judged(at=pair.at, tier=tier, kind=pair.category, quality=float(not bad))


def faded(cases: Sequence[Case]) -> list[Case]:
    """With less weight the older they are."""
    newest = max((case.pair.at for case in cases), default=0.0)

    def older(case: Case) -> Case:
        much = case.seen.weight * weight(case.pair.at, newest)
        return msgspec.structs.replace(case, seen=msgspec.structs.replace(case.seen, weight=much))

    return [older(case) for case in cases]


def advise(
    cases: Sequence[Case],
    base: Lanes,
    made: Made,
    candidates: Callable[[Seen], Sequence[Candidate]],
    rates_of: RatesOf,
    task_value_usd: float,
    progress: Callable[[int, int], None],
) -> Advised:
    priced = [case for case in cases if len(costs_of(case, rates_of)) == 2]
    unpriced = len(cases) - len(priced)
    drifted = drifts([one for case in priced for one in _judged(case)])
    older, newer = split(faded(priced) if drifted else priced)
    if min(len(older), len(newer)) < MINIMUM:
        enough = round(MINIMUM / (1 - OLDER_SHARE))
        needed = f"{len(priced)} pairs; {enough} are needed, so that {MINIMUM} are in the newer part"
        return Advised(pairs=len(priced), unpriced=unpriced, insufficient=needed)
    fit, held = (Table(part, base, rates_of, task_value_usd) for part in (older, newer))
    proposed = candidates(_seen(older))
    best: dict[str, tuple[Candidate, Shown]] = {}
    for number, candidate in enumerate(proposed):
        progress(number, len(proposed))
        lanes = made(candidate.changes)
        tried = fit.tried(lanes) if lanes is not None else ()
        if not fit.promising(tried):
            continue
        shown = fit.shown(tried, simultaneous_z(1))
        known = best.get(candidate.family)
        if known is None or _less(shown) < _less(known[1]):
            best[candidate.family] = (candidate, shown)
    z = simultaneous_z(len(best) + 1)  # one more: all of them together
    found = [_looked_at(candidate, shown, made, held, z) for candidate, shown in best.values()]
    advice = sorted([one for one in found if not one.why_not], key=lambda one: one.newer.effect_usd.value)
    return Advised(
        pairs=len(priced),
        unpriced=unpriced,
        untold=fit.untold + held.untold,
        split_at=newer[0].pair.at,
        tried=len(proposed),
        looked_at=len(best),
        advice=tuple(advice),
        not_shown=tuple(one for one in found if one.why_not),
        drifts=drifted,
        together=_together(advice, best, made, fit, held, z),
    )


def _less(shown: Shown) -> tuple[bool, float]:
    """The better of two has less: what would hardly be known of first, then what it costs."""
    return shown.outside > _OUTSIDE_MOST * shown.moved, shown.effect_usd.value


def _looked_at(candidate: Candidate, older: Shown, made: Made, held: Table, z: float) -> Advice:
    lanes = made(candidate.changes)
    assert lanes is not None
    newer = held.shown(held.tried(lanes), z)
    why_not = ""
    if newer.moved < MOVED_MIN:
        why_not = f"insufficient: only {newer.moved} of the newer pairs would change their tier"
    elif newer.outside > _OUTSIDE_MOST * newer.moved:
        why_not = f"insufficient: {newer.outside} of the newer pairs would go to a tier that has not answered them"
    elif newer.effect_usd.high >= 0:
        why_not = "its interval on the newer pairs does not exclude harm"
    return Advice(
        change=candidate.text,
        family=candidate.family,
        changes=candidate.changes,
        older=older,
        newer=newer,
        why_not=why_not,
    )


def _together(
    advice: Sequence[Advice],
    best: Mapping[str, tuple[Candidate, Shown]],
    made: Made,
    fit: Table,
    held: Table,
    z: float,
) -> Advice | None:
    """Greedily on the older pairs, the most worth first; what adds nothing to those before it is left out."""
    chosen: list[Candidate] = []
    reached = 0.0
    shown: Shown | None = None
    for one in advice:
        candidate = best[one.family][0]
        lanes = made(together([*chosen, candidate]))
        tried = fit.shown(fit.tried(lanes), simultaneous_z(1)) if lanes is not None else None
        if tried is not None and tried.effect_usd.value < reached:
            chosen.append(candidate)
            reached, shown = tried.effect_usd.value, tried
    if shown is None:
        return None
    joined = Candidate(family="together", text="; ".join(one.text for one in chosen), changes=together(chosen))
    found = _looked_at(joined, shown, made, held, z)
    return None if found.why_not else found


def _seen(cases: Sequence[Case]) -> Seen:
    amounts: dict[str, list[float]] = {}
    categories: dict[str, int] = {}
    for case in cases:
        facts = msgspec.json.decode(case.row[_TEXT], type=_Amounts)
        for name in _Amounts.__struct_fields__:
            value = getattr(facts, name)
            if value is not None:
                amounts.setdefault(_FACT_NAMES.get(name, name), []).append(value)
        categories[case.pair.category] = categories.get(case.pair.category, 0) + 1
    return Seen(amounts={name: sorted(values) for name, values in amounts.items()}, categories=categories)


class _Amounts(msgspec.Struct):
    tokens: int = 0
    words: int = 0
    turns: int = 0
    tool_depth: int = 0
    max_tokens: int | None = None
    difficulty: float | None = None


_FACT_NAMES = {"turns": "messages"}


def _other(pair: Pair, tier: str) -> str:
    return pair.other_tier if tier == pair.served_tier else pair.served_tier
