"""Speed, quality, cost and trouble: not cost alone. Each figure against the period before. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import msgspec

from claude_code_router.improve.report.figures import (
    Dimension,
    Verdict,
)
from claude_code_router.improve.report.gathered import (
    FAILED,
    Gathered,
    Period,
    fell_back,
    newest_scores,
    percentiles,
    share_of,
)
from claude_code_router.improve.report.sums import Key, Sum, Times
from claude_code_router.quality.intervals import Estimate, difference, mean_of_sums
from claude_code_router.quality.misses import Misses, Rate


def dimensions(
    gathered: Gathered, groups: Sequence[tuple[Key, Sum]], old: Sequence[tuple[Key, Sum]], found: Misses, was: Misses
) -> Iterator[Dimension]:
    now, before = gathered.now, gathered.before
    for figure, times in (
        ("first content, median", lambda one: one.first),
        ("whole reply, median", lambda one: one.total),
    ):
        yield _dimension("speed", figure, "ms", _median(now, times), _median(before, times))
    yield _dimension("quality", "mean score", "score", *_comparable_scores(gathered))
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


def _median(period: Period, times: Callable[[Times], Sequence[Sequence[float]]]) -> Estimate | None:
    found = percentiles([piece for one in period.sums.times.values() for piece in times(one)])
    return found.p50 if found else None


def _comparable_scores(gathered: Gathered) -> tuple[Estimate | None, Estimate | None]:
    """Of one judge in both periods: two judges' scores are not comparable."""
    minimum = gathered.settings.minimum
    now = newest_scores(gathered.now.scores, minimum)
    if now is None:
        return None, None
    [epoch] = [name for name, one in gathered.now.scores.items() if one is now]
    old = gathered.before.scores.get(epoch)
    return now.mean, old.mean if old is not None and old.n >= minimum else None


def _per_request(groups: Sequence[tuple[Key, Sum]]) -> Estimate | None:
    n = sum(one.paid for _, one in groups)
    if not n:
        return None
    return mean_of_sums(
        n, math.fsum(one.cost_usd for _, one in groups), math.fsum(one.cost_squares for _, one in groups)
    )


def _failures(groups: Sequence[tuple[Key, Sum]]) -> Estimate | None:
    return share_of(_requests(groups, lambda key: key.outcome in FAILED), _requests(groups, lambda _: True))


def _fallbacks(groups: Sequence[tuple[Key, Sum]]) -> Estimate | None:
    return share_of(_requests(groups, fell_back), _requests(groups, lambda _: True))


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
