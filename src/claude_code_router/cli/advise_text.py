"""Advice as people read it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from claude_code_router.cli.improving import percent, signed_percent, signed_usd, usd
from claude_code_router.core.score import Pair
from claude_code_router.improve.advise import Advice, Advised
from claude_code_router.improve.fan import Bills
from claude_code_router.improve.forecast import newest_epoch
from claude_code_router.improve.replayed import Change, LotForecast
from claude_code_router.quality.intervals import Z95, Estimate, wilson

_THOUSAND = 1_000


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a miss rate is known as exactly as wanted."""

    rate: str
    pairs: int
    half_width: float
    more_pairs: int
    days: float | None = None
    """At the pace so far; None without a pace."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `ccr advise --format json` prints."""

    advised: Advised
    bills: Mapping[str, Bills] = {}
    """By the change: over all requests since `bills_since`, prompt caches accounted for."""
    lots: Mapping[str, LotForecast] = {}
    """By the change: of the share of good answers, where requests were sent by lot."""
    requests: int = 0
    cost_usd: float = 0.0
    bills_since: float | None = None
    told: int = 0
    """Of these requests, those whose decision the records tell."""
    never_hit: tuple[str, ...] = ()
    """Rules that decided none of the told ones."""
    sampling: tuple[Sampling, ...] = ()
    escalation: tuple[str, ...] = ()
    """Where replies are held and that does not pay, or nobody can tell."""
    precision: float = 0.05
    task_value_usd: float = 0.0


def sampling(
    pairs: Sequence[Pair], ranks: Mapping[str, int], precision: float, good_from: float
) -> tuple[Sampling, ...]:
    """Of each direction of comparison."""
    found = []
    read = newest_epoch(pairs, ranks, good_from)
    days = (read[-1][0].at - read[0][0].at) / 86_400 if len(read) > 1 else 0.0
    for rate, direction in (("under-routed", "heavier"), ("over-routed", "lighter")):
        seen = [one for _, one in read if one.direction == direction]
        n = len(seen)
        missed = sum(1 for one in seen if (one.lighter_bad and not one.heavier_bad) == (direction == "heavier"))
        share = missed / n if n else 0.5
        interval = wilson(share, n)
        needed = math.ceil(Z95**2 * max(share * (1 - share), 0.05) / precision**2)
        found.append(
            Sampling(
                rate=rate,
                pairs=n,
                half_width=(interval.high - interval.low) / 2,
                more_pairs=max(0, needed - n),
                days=(needed - n) / (n / days) if n and days and needed > n else None,
            )
        )
    return tuple(found)


def as_lines(report: Report) -> Iterator[str]:
    advised = report.advised
    if advised.insufficient:
        yield f"No advice on tiers and thresholds: insufficient ({advised.insufficient})."
        yield "Pairs come from background answers of another tier: see docs/misses.md."
        yield from _unpriced(advised)
    else:
        yield _tried(advised, report)
        yield from _unpriced(advised)
        if advised.untold:
            yield f"Pairs of which the records do not tell what tier they go to by the rules in force: {advised.untold:,}."
        yield from (str(one) for one in advised.drifts)
        yield ""
        if not advised.advice:
            yield (
                "Nothing is advised."
                if advised.not_shown
                else "Nothing is advised: no change was better on the older pairs."
            )
        for number, one in enumerate(advised.advice, start=1):
            yield f"{number}. {one.change}"
            yield from _effect(one, report)
        if advised.together is not None and len(advised.advice) > 1:
            yield f"Together (what --apply writes): {advised.together.change}"
            yield from _effect(advised.together, report)
        for one in advised.not_shown:
            yield f"not advised: {one.change}: {one.why_not}"
    yield ""
    yield from _notes(report)


def _unpriced(advised: Advised) -> Iterator[str]:
    if advised.unpriced:
        yield f"Pairs left out, as no price is known of one of the two models: {advised.unpriced:,}."


def _tried(advised: Advised, report: Report) -> str:
    since = datetime.fromtimestamp(advised.split_at or 0.0).astimezone().strftime("%Y-%m-%d %H:%M")
    return (
        f"{advised.tried} changes were tried on the older pairs, the best of each of {advised.looked_at} kinds was looked at "
        f"on the newer (since {since}); {advised.pairs:,} pairs in all. The 95 % intervals hold for all these looks together. "
        f"A bad answer that need not have been costs {usd(report.task_value_usd)} (--task-value-usd)."
    )


def _effect(one: Advice, report: Report) -> Iterator[str]:
    newer = one.newer
    yield f"     worth          {_a_thousand(newer.effect_usd)} in 1,000 requests, spend and bad answers together"
    for name, rate in (("under-routed", newer.under_routed), ("over-routed", newer.over_routed)):
        if rate is not None:
            yield f"     {name:<14} {percent(rate.before)} → {percent(rate.after)}, {_interval(rate)}"
    by_lots = report.lots.get(one.change)
    if by_lots is not None and by_lots.doubly_robust is not None:
        rate = by_lots.doubly_robust
        yield (
            f"     good answers   {percent(rate.before)} → {percent(rate.after)}, {_interval(rate)}, doubly robust from "
            f"{by_lots.moved:,} judged answers that were sent by lot ({by_lots.effective:,.0f} sessions)"
        )
    bill = report.bills.get(one.change)
    if bill is not None and report.requests:
        whole = report.cost_usd / report.requests
        share = f" ({signed_percent(bill.change_usd.value / whole)} of the bill)" if whole else ""
        yield f"     the bill       {_a_thousand(bill.change_usd)} in 1,000 requests{share}, caches accounted for"
    yield f"     from           {newer.moved} of {newer.pairs} newer pairs that change their tier"


def _a_thousand(found: Estimate) -> str:
    value, low, high = (signed_usd(part * _THOUSAND) for part in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]"


def _interval(rate: Change) -> str:
    return f"{signed_percent(rate.change)} [{signed_percent(rate.low)}, {signed_percent(rate.high)}]"


def _notes(report: Report) -> Iterator[str]:
    if report.never_hit:
        since = "" if report.bills_since is None else _since(report.bills_since)
        yield f"rules that decided none of {report.told:,} requests{since}: {', '.join(report.never_hit)}"
    yield from report.escalation
    for one in report.sampling:
        if one.more_pairs:
            when = f", in about {one.days:.0f} days at this pace" if one.days else ""
            known = f"known to ±{one.half_width * 100:.0f} points" if one.pairs else "not known"
            yield (
                f"{one.rate}: {known} from {one.pairs} pairs; ±{report.precision * 100:g} needs {one.more_pairs:,} more{when}"
            )


def _since(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime(" since %Y-%m-%d")
