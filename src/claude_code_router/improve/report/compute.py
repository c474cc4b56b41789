"""From what was gathered to a Report. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from claude_code_router.improve.report.costs import cache_loss, costs_of
from claude_code_router.improve.report.dimensions import dimensions
from claude_code_router.improve.report.examples import instructive
from claude_code_router.improve.report.figures import (
    DayLine,
    HeavyShare,
    ModelLine,
    Own,
    QualityLine,
    Report,
    TierLine,
)
from claude_code_router.improve.report.gathered import (
    FAILED,
    Gathered,
    Period,
    ScoreSums,
    cost_of,
    count,
    fell_back,
    newest_scores,
    percentiles,
    share_of,
)
from claude_code_router.improve.report.sums import DAY_S, Key, Sum, Sums, Times
from claude_code_router.quality.intervals import Estimate, WeightedSums
from claude_code_router.quality.judge_error import measured
from claude_code_router.quality.misses import AXES, Misses, misses
from claude_code_router.routing.declared import Tier


def compute(gathered: Gathered) -> Report:
    now, before = gathered.now, gathered.before
    groups, old = list(_clients(now.sums)), list(_clients(before.sums))
    found = _misses(gathered, now)
    scores = newest_scores(now.scores, gathered.settings.minimum)
    return Report(
        since=now.since,
        until=now.until,
        namespace=gathered.namespace,
        by=gathered.by,
        requests=sum(one.requests for _, one in groups),
        before_requests=sum(one.requests for _, one in old),
        dimensions=tuple(dimensions(gathered, groups, old, found, _misses(gathered, before, briefly=True))),
        misses=found,
        heavy=_heavy(gathered, groups, old),
        tiers=_tiers(gathered, groups),
        costs=costs_of(gathered, groups),
        cache_loss=cache_loss(gathered, groups),
        quality_by_tier=_quality(scores.by_tier if scores else {}, gathered.settings.minimum),
        quality_by_category=_quality(scores.by_category if scores else {}, gathered.settings.minimum),
        quality_note=_quality_note(now.scores, scores),
        models=_models(groups),
        own=_own(now.sums),
        examples=instructive(now.pairs, _ranks(gathered.tiers), gathered.settings),
        days=_days(now),
    )


def _clients(sums: Sums) -> Iterator[tuple[Key, Sum]]:
    for groups in sums.days.values():
        for key, one in groups.items():
            if key.purpose is None:
                yield key, one


def _ranks(tiers: Mapping[str, Tier]) -> dict[str, int]:
    return {name: tier.rank for name, tier in tiers.items()}


def _misses(gathered: Gathered, period: Period, *, briefly: bool = False) -> Misses:
    """`briefly`: only the rates of all."""
    by_epoch: dict[str, list[tuple[float, float]]] = {}
    for epoch, person, judge in gathered.judged:
        by_epoch.setdefault(epoch, []).append((person, judge))
    errors = {
        epoch: error
        for epoch, values in by_epoch.items()
        if (error := measured(values, gathered.settings.threshold)) is not None
    }
    by_target = {str(target): tier.name for tier in gathered.tiers.values() for target in tier.targets}
    # Where another than the first choice answered (a fallback, an escalation), the first choice's tier was routed to.
    routed = count(_clients(period.sums), lambda key: by_target.get(key.target or "", key.tier or ""))
    return misses(
        period.pairs,
        _ranks(gathered.tiers),
        gathered.settings,
        errors=errors,
        routed={} if briefly else routed,
        axes=() if briefly else AXES,
    )


def _heavy(gathered: Gathered, groups: Iterable[tuple[Key, Sum]], old: Iterable[tuple[Key, Sum]]) -> HeavyShare:
    tiers = gathered.tiers
    top = max(tiers.values(), key=lambda tier: tier.rank).name if tiers else ""

    def share(some: Iterable[tuple[Key, Sum]]) -> Estimate | None:
        counts = count(some, lambda key: key.tier or "")
        return share_of(counts.get(top, 0), sum(n for tier, n in counts.items() if tier)) if top else None

    now = share(groups)
    side = gathered.heavy_band.side(now) if now and gathered.heavy_band else ""
    return HeavyShare(tier=top, share=now, before=share(old), band=gathered.heavy_band, side=side)


def _tiers(gathered: Gathered, groups: Sequence[tuple[Key, Sum]]) -> tuple[TierLine, ...]:
    ranks = _ranks(gathered.tiers)
    counts = count(groups, lambda key: key.tier or "")
    costs = _costs(groups, lambda key: key.tier or "")
    every = sum(counts.values())
    lines = []
    for tier in sorted(counts, key=lambda name: (ranks.get(name, math.inf), name)):
        times = gathered.now.sums.times.get(tier, Times())
        share = share_of(counts[tier], every)
        assert share is not None
        lines.append(
            TierLine(
                tier=tier,
                requests=counts[tier],
                share=share,
                cost_usd=costs[tier],
                first=percentiles(times.first),
                total=percentiles(times.total),
            )
        )
    return tuple(lines)


def _quality(by: Mapping[str, WeightedSums], minimum: int) -> tuple[QualityLine, ...]:
    return tuple(
        QualityLine(key=key, mean=one.mean() if one.n >= minimum else None, n=one.n) for key, one in sorted(by.items())
    )


def _quality_note(scores: Mapping[str, ScoreSums], used: ScoreSums | None) -> str:
    if used is None:
        n = sum(one.n for one in scores.values())
        return f"Not enough scores by one judge: {n} in all." if n else "No reply was scored by a model."
    [epoch] = [name for name, one in scores.items() if one is used]
    others = [f"{name or 'unnamed'} ({one.n})" for name, one in scores.items() if one is not used]
    older = f" Not pooled with it: {', '.join(others)}." if others else ""
    return f"{used.n} scores of the judge's epoch {epoch or 'unnamed'}.{older}"


def _models(groups: Sequence[tuple[Key, Sum]]) -> tuple[ModelLine, ...]:
    counts = count(groups, _model)
    failed = count(((key, one) for key, one in groups if key.outcome in FAILED), _model)
    fallbacks = count(((key, one) for key, one in groups if fell_back(key)), _model)
    costs = _costs(groups, _model)
    lines = []
    for model in sorted(counts, key=lambda name: (-counts[name], name)):
        share = share_of(failed.get(model, 0), counts[model])
        assert share is not None
        lines.append(
            ModelLine(
                model=model,
                requests=counts[model],
                failed=share,
                fallbacks=fallbacks.get(model, 0),
                cost_usd=costs[model],
            )
        )
    return tuple(lines)


def _model(key: Key) -> str:
    return key.by


def _costs(groups: Iterable[tuple[Key, Sum]], name: Callable[[Key], str]) -> dict[str, float | None]:
    found: dict[str, list[Sum]] = {}
    for key, one in groups:
        found.setdefault(name(key), []).append(one)
    return {name: cost_of(sums) for name, sums in found.items()}


def _own(sums: Sums) -> tuple[Own, ...]:
    found: dict[str, list[Sum]] = {}
    for groups in sums.days.values():
        for key, one in groups.items():
            if key.purpose is not None:
                found.setdefault(key.purpose, []).append(one)
    return tuple(
        Own(purpose=name, questions=sum(one.requests for one in some), cost_usd=cost_of(some))
        for name, some in sorted(found.items())
    )


def _days(period: Period) -> tuple[DayLine, ...]:
    lines = []
    for number in range(math.ceil((period.until - period.since) / DAY_S)):
        groups = [(key, one) for key, one in period.sums.days.get(number, {}).items() if key.purpose is None]
        lines.append(
            DayLine(
                since=period.since + number * DAY_S,
                requests=sum(one.requests for _, one in groups),
                failed=sum(one.requests for key, one in groups if key.outcome in FAILED),
                cost_usd=cost_of(one for _, one in groups),
                by_tier=count(groups, lambda key: key.tier or ""),
            )
        )
    return tuple(lines)
