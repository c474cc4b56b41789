"""From what was gathered to a Report. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec

from claude_code_router.catalog.prices import Rates
from claude_code_router.core.record import Outcome
from claude_code_router.core.score import Pair
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.improve.report.examples import instructive
from claude_code_router.improve.report.figures import (
    Always,
    CacheLoss,
    Costs,
    DayLine,
    Dimension,
    HeavyShare,
    ModelLine,
    Own,
    Percentiles,
    QualityLine,
    Report,
    TierLine,
    Verdict,
)
from claude_code_router.improve.report.sums import DAY_S, Key, Sum, Sums, Times
from claude_code_router.quality.bands import Band
from claude_code_router.quality.intervals import Z95, Estimate, WeightedSums, difference, mean_of_sums, wilson
from claude_code_router.quality.judge_error import measured
from claude_code_router.quality.misses import AXES, Misses, MissSettings, Rate, misses
from claude_code_router.routing.declared import Tier

FAILED = frozenset((Outcome.REFUSED.value, Outcome.EXHAUSTED.value, Outcome.BROKEN_OFF.value))
RatesOf = Callable[[Target], Rates | None]


class ScoreSums:
    """Of one judge's epoch, in one period."""

    def __init__(self) -> None:
        self.by_tier: dict[str, WeightedSums] = {}
        self.by_category: dict[str, WeightedSums] = {}
        self.newest = 0.0

    def add(self, tier: str, category: str, value: float, probability: float | None, at: float) -> None:
        """`probability`: with which the reply was drawn; None: it was not left to chance."""
        self.newest = max(self.newest, at)
        for sums, key in ((self.by_tier, tier), (self.by_category, category)):
            if key not in sums:
                sums[key] = WeightedSums()
            sums[key].add(value, 1 / probability if probability else 1.0)

    @property
    def n(self) -> int:
        return sum(one.n for one in self.by_tier.values())

    @property
    def mean(self) -> Estimate:
        whole = WeightedSums()
        for one in self.by_tier.values():
            whole.merge(one)
        return whole.mean()


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """All that is read of one span of time."""

    since: float
    until: float
    sums: Sums
    pairs: Sequence[Pair]
    scores: Mapping[str, ScoreSums]
    """By the judge's epoch."""


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    now: Period
    before: Period
    namespace: str | None
    by: str
    judged: Sequence[tuple[str, float, float]]
    """(epoch, a person's value, the judge's value) of the same replies."""
    tiers: Mapping[str, Tier]
    rates_of: RatesOf
    settings: MissSettings
    heavy_band: Band | None = None


def compute(gathered: Gathered) -> Report:
    now, before = gathered.now, gathered.before
    groups, old = list(_clients(now.sums)), list(_clients(before.sums))
    found = _misses(gathered, now)
    scores = _newest_scores(now.scores, gathered.settings.minimum)
    return Report(
        since=now.since,
        until=now.until,
        namespace=gathered.namespace,
        by=gathered.by,
        requests=sum(one.requests for _, one in groups),
        before_requests=sum(one.requests for _, one in old),
        dimensions=tuple(_dimensions(gathered, groups, old, found)),
        misses=found,
        heavy=_heavy(gathered, groups, old),
        tiers=_tiers(gathered, groups),
        costs=_costs(gathered, groups),
        cache_loss=_cache_loss(gathered, groups),
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
    routed = _count(_clients(period.sums), lambda key: by_target.get(key.target or "", key.tier or ""))
    return misses(
        period.pairs,
        _ranks(gathered.tiers),
        gathered.settings,
        errors=errors,
        routed={} if briefly else routed,
        axes=() if briefly else AXES,
    )


def _count(groups: Iterable[tuple[Key, Sum]], name: Callable[[Key], str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for key, one in groups:
        counts[name(key)] = counts.get(name(key), 0) + one.requests
    return counts


def _share(hits: int, n: int) -> Estimate | None:
    if not n:
        return None
    interval = wilson(hits / n, n)
    return Estimate(value=hits / n, low=interval.low, high=interval.high, n=n)


def _heavy(gathered: Gathered, groups: Iterable[tuple[Key, Sum]], old: Iterable[tuple[Key, Sum]]) -> HeavyShare:
    tiers = gathered.tiers
    top = max(tiers.values(), key=lambda tier: tier.rank).name if tiers else ""

    def share(some: Iterable[tuple[Key, Sum]]) -> Estimate | None:
        counts = _count(some, lambda key: key.tier or "")
        return _share(counts.get(top, 0), sum(n for tier, n in counts.items() if tier)) if top else None

    now = share(groups)
    side = gathered.heavy_band.side(now) if now and gathered.heavy_band else ""
    return HeavyShare(tier=top, share=now, before=share(old), band=gathered.heavy_band, side=side)


def _tiers(gathered: Gathered, groups: Sequence[tuple[Key, Sum]]) -> tuple[TierLine, ...]:
    ranks = _ranks(gathered.tiers)
    counts = _count(groups, lambda key: key.tier or "")
    costs: dict[str, float] = {}
    for key, one in groups:
        costs[key.tier or ""] = costs.get(key.tier or "", 0.0) + one.cost_usd
    every = sum(counts.values())
    lines = []
    for tier in sorted(counts, key=lambda name: (ranks.get(name, math.inf), name)):
        times = gathered.now.sums.times.get(tier, Times())
        share = _share(counts[tier], every)
        assert share is not None
        lines.append(
            TierLine(
                tier=tier,
                requests=counts[tier],
                share=share,
                cost_usd=costs[tier],
                first=percentiles(times.sorted_first),
                total=percentiles(times.sorted_total),
            )
        )
    return tuple(lines)


def percentiles(ordered: Sequence[float]) -> Percentiles | None:
    """Of ascending values."""
    n = len(ordered)
    if not n:
        return None

    def at(share: float) -> float:
        return ordered[max(0, math.ceil(share * n) - 1)]

    half = Z95 * math.sqrt(n) / 2  # of the rank of the median, by the binomial distribution
    low, high = max(0, math.floor(n / 2 - half) - 1), min(n - 1, math.ceil(n / 2 + half))
    median = Estimate(value=at(0.5), low=min(ordered[low], at(0.5)), high=max(ordered[high], at(0.5)), n=n)
    return Percentiles(p50=median, p95=at(0.95), p99=at(0.99))


def _costs(gathered: Gathered, groups: Sequence[tuple[Key, Sum]]) -> Costs:
    priced = sum(one.priced for _, one in groups)
    total = math.fsum(one.cost_usd for _, one in groups)
    always = []
    for tier in sorted(gathered.tiers.values(), key=lambda tier: -tier.rank):
        rates = gathered.rates_of(tier.targets[0])
        costs = [_elsewhere(one, rates) if rates else None for _, one in groups if one.priced]
        known = [cost for cost in costs if cost is not None]
        always.append(
            Always(
                tier=tier.name,
                target=str(tier.targets[0]),
                cost_usd=math.fsum(known) if known and len(known) == len(costs) else None,
            )
        )
    return Costs(
        requests=priced,
        unpriced=sum(one.used - one.priced for _, one in groups),
        cost_usd=total,
        per_request=mean_of_sums(priced, total, math.fsum(one.cost_squares for _, one in groups)),
        always=tuple(always),
    )


def _elsewhere(one: Sum, rates: Rates) -> float | None:
    """The same tokens at one model for all: what was written anew after a switch would have been read from its cache."""
    each = _mean_usage(one, rewritten_is_read=True)
    cost = rates.cost_usd(each)
    return None if cost is None else cost * one.priced


def _mean_usage(one: Sum, *, rewritten_is_read: bool) -> Usage:
    """Of a group's requests: rates that go by a prompt's length see its typical length, not the sum."""
    moved = one.rewritten if rewritten_is_read else 0
    share = 1 - moved / one.write if one.write else 1.0
    return Usage(
        input_tokens=round(one.uncached / one.used),
        cache_read_tokens=round((one.read + moved) / one.used),
        cache_write_tokens=round((one.write - moved) / one.used),
        cache_write_1h_tokens=round(one.write_1h * share / one.used),
        output_tokens=round(one.output / one.used),
    )


def _cache_loss(gathered: Gathered, groups: Sequence[tuple[Key, Sum]]) -> CacheLoss:
    lost: list[float | None] = []
    for key, one in groups:
        if one.rewritten:
            rates = gathered.rates_of(Target(key.provider or "", key.model or ""))
            written = rates.cost_usd(Usage(cache_write_tokens=one.rewritten // one.switches)) if rates else None
            read = rates.cost_usd(Usage(cache_read_tokens=one.rewritten // one.switches)) if rates else None
            lost.append(None if written is None or read is None else (written - read) * one.switches)
    known = [usd for usd in lost if usd is not None]
    return CacheLoss(
        switches=sum(one.switches for _, one in groups),
        tokens=sum(one.rewritten for _, one in groups),
        cost_usd=math.fsum(known) if len(known) == len(lost) else None,
    )


def _newest_scores(scores: Mapping[str, ScoreSums], minimum: int) -> ScoreSums | None:
    enough = [one for one in scores.values() if one.n >= minimum]
    return max(enough, key=lambda one: one.newest, default=None)


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
    counts = _count(groups, _model)
    failed = _count(((key, one) for key, one in groups if key.outcome in FAILED), _model)
    fallbacks = _count(((key, one) for key, one in groups if _fell_back(key)), _model)
    costs: dict[str, float] = {}
    for key, one in groups:
        costs[_model(key)] = costs.get(_model(key), 0.0) + one.cost_usd
    lines = []
    for model in sorted(counts, key=lambda name: (-counts[name], name)):
        share = _share(failed.get(model, 0), counts[model])
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
    return f"{key.provider},{key.model}" if key.provider else ""


def _fell_back(key: Key) -> bool:
    return key.target is not None and key.provider is not None and key.outcome not in FAILED


def _own(sums: Sums) -> tuple[Own, ...]:
    found: dict[str, tuple[int, float]] = {}
    for groups in sums.days.values():
        for key, one in groups.items():
            if key.purpose is not None:
                questions, usd = found.get(key.purpose, (0, 0.0))
                found[key.purpose] = (questions + one.requests, usd + one.cost_usd)
    return tuple(Own(purpose=name, questions=n, cost_usd=usd) for name, (n, usd) in sorted(found.items()))


def _days(period: Period) -> tuple[DayLine, ...]:
    lines = []
    for number in range(math.ceil((period.until - period.since) / DAY_S)):
        groups = [(key, one) for key, one in period.sums.days.get(number, {}).items() if key.purpose is None]
        lines.append(
            DayLine(
                since=period.since + number * DAY_S,
                requests=sum(one.requests for _, one in groups),
                failed=sum(one.requests for key, one in groups if key.outcome in FAILED),
                cost_usd=math.fsum(one.cost_usd for _, one in groups),
                by_tier=_count(groups, lambda key: key.tier or ""),
            )
        )
    return tuple(lines)


def _dimensions(
    gathered: Gathered, groups: Sequence[tuple[Key, Sum]], old: Sequence[tuple[Key, Sum]], found: Misses
) -> Iterator[Dimension]:
    now, before = gathered.now, gathered.before
    for figure, times in (
        ("first content, median", lambda one: one.sorted_first),
        ("whole reply, median", lambda one: one.sorted_total),
    ):
        yield _dimension("speed", figure, "ms", _median(now, times), _median(before, times))
    yield _dimension("quality", "mean score", "score", *_comparable_scores(gathered))
    was = _misses(gathered, before, briefly=True)
    same = found.used.get("heavier") == was.used.get("heavier")
    yield _dimension(
        "quality",
        "under-routed",
        "share",
        found.all.under.estimate,
        was.all.under.estimate if same else None,
    )
    yield _dimension("cost", "per request", "usd", _per_request(groups), _per_request(old))
    yield _dimension("cost", "over-routed", "share", *_over(found, was))
    yield _dimension("trouble", "errors", "share", _failures(groups), _failures(old))
    yield _dimension("trouble", "answered by a fallback", "share", _fallbacks(groups), _fallbacks(old))


def _over(found: Misses, was: Misses) -> tuple[Estimate | None, Estimate | None]:
    same = found.used.get("lighter") == was.used.get("lighter")
    old: Rate = was.all.over
    return found.all.over.estimate, old.estimate if same else None


def _median(period: Period, times: Callable[[Times], Sequence[float]]) -> Estimate | None:
    # Sorted pieces one after the other are sorted in linear time.
    found = percentiles(sorted(chain.from_iterable(times(one) for one in period.sums.times.values())))
    return found.p50 if found else None


def _comparable_scores(gathered: Gathered) -> tuple[Estimate | None, Estimate | None]:
    """Of one judge in both periods: two judges' scores are not comparable."""
    minimum = gathered.settings.minimum
    now = _newest_scores(gathered.now.scores, minimum)
    if now is None:
        return None, None
    [epoch] = [name for name, one in gathered.now.scores.items() if one is now]
    old = gathered.before.scores.get(epoch)
    return now.mean, old.mean if old is not None and old.n >= minimum else None


def _per_request(groups: Sequence[tuple[Key, Sum]]) -> Estimate | None:
    n = sum(one.priced for _, one in groups)
    if not n:
        return None
    return mean_of_sums(
        n, math.fsum(one.cost_usd for _, one in groups), math.fsum(one.cost_squares for _, one in groups)
    )


def _failures(groups: Sequence[tuple[Key, Sum]]) -> Estimate | None:
    return _share(_requests(groups, lambda key: key.outcome in FAILED), _requests(groups, lambda _: True))


def _fallbacks(groups: Sequence[tuple[Key, Sum]]) -> Estimate | None:
    return _share(_requests(groups, _fell_back), _requests(groups, lambda _: True))


def _requests(groups: Sequence[tuple[Key, Sum]], which: Callable[[Key], bool]) -> int:
    return sum(one.requests for key, one in groups if which(key))


_MORE_IS_BETTER = frozenset(("mean score",))


def _dimension(name: str, figure: str, unit: str, now: Estimate | None, before: Estimate | None) -> Dimension:
    change = difference(now, before) if now and before and min(now.n, before.n) >= 30 else None
    verdict: Verdict = "not enough"
    if change is not None:
        rose, fell = change.low > 0, change.high < 0
        good = rose if figure in _MORE_IS_BETTER else fell
        verdict = "better" if good else "worse" if rose or fell else "no clear change"
    return msgspec.convert(
        {
            "name": name,
            "figure": figure,
            "unit": unit,
            "now": now,
            "before": before,
            "change": change,
            "verdict": verdict,
        },
        Dimension,
    )
