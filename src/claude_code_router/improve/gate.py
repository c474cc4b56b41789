"""May what was learnt decide? Checks with their figures, and what is used where it may not. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from claude_code_router.config.learned_file import Check
from claude_code_router.improve import apgr
from claude_code_router.improve.apgr import Estimate, Outcome
from claude_code_router.improve.learning import (
    Prepared,
    Scores,
    fit_table,
    fit_words,
    no_fit,
    out_of_fold,
    price_exponent,
    ranks,
    values,
)
from claude_code_router.improve.thresholds import Point, cheapest, curve, quantiles
from claude_code_router.quality.intervals import effective_size
from claude_code_router.routing.learned import LearnedModel

LEAST_ROWS_A_TIER = 200
LEAST_ROWS = 800
LEAST_GAP = 0.04
"""Between the tiers' mean quality. APGR is a ratio to it: with less it is noise divided by nearly nothing."""
CHANCE = 0.5
KEPT_QUALITY = 0.95
_NOBODY = 1e9
"""A threshold that no gain is above: everything goes to the light tier."""


class Learning(msgspec.Struct, frozen=True, kw_only=True):
    model: LearnedModel
    """What to use: the words' model where it was switched on, else what stands in for it."""
    checks: tuple[Check, ...]
    switched_on: bool
    instead: str = ""
    """Why this stands in; empty when it was switched on."""
    apgr: dict[str, Estimate]
    """Out of fold, by method."""
    point: Point | None
    """What the threshold would have done to the rows."""
    all_heavy: Point | None


def learn(rows: Prepared, light: str, heavy: str) -> Learning:
    """Never raises for what the rows say: too few of them is a check that did not pass."""
    outcomes = rows.outcomes
    checks = [_enough(rows, light, heavy), _apart(outcomes, light, heavy)]
    named = {"light": light, "heavy": heavy}
    if not _measurable(outcomes):
        model = msgspec.structs.replace(no_fit(rows, ()), **named)
        why = "there are too few rows to measure anything: larger prompts go to the strong tier"
        return Learning(
            model=model, checks=tuple(checks), switched_on=False, instead=why, apgr={}, point=None, all_heavy=None
        )
    scores = {"table": out_of_fold(rows, fit_table), "size": out_of_fold(rows, no_fit)}
    if all(check.passed for check in checks):
        scores[rows.method] = out_of_fold(rows, fit_words)
    found = {method: apgr.apgr_of_one(outcomes, ranks(rows, one)) for method, one in scores.items()}
    if rows.method in scores:
        checks += [_above_chance(found[rows.method]), _no_worse(rows, scores)]
    switched_on = rows.method in scores and all(check.passed for check in checks)
    method, instead = (rows.method, "") if switched_on else _stand_in(found, outcomes)
    fitting = {"table": fit_table, "size": no_fit}.get(method, fit_words)
    exponent = price_exponent(rows)
    worth = values(rows, scores[method], exponent)
    points = curve(outcomes, worth, ranks(rows, worth))
    if _gap(outcomes) <= 0:
        point = points[-1]
    else:
        point = cheapest(points, KEPT_QUALITY)
    model = msgspec.structs.replace(
        fitting(rows, range(len(rows.examples))),
        **named,
        threshold=_NOBODY if point.heavy_share == 0 else point.threshold,
        price_exponent=exponent,
        quantiles=quantiles(worth),
    )
    return Learning(
        model=model,
        checks=tuple(checks),
        switched_on=switched_on,
        instead=instead,
        apgr=found,
        point=point,
        all_heavy=points[0],
    )


def _enough(rows: Prepared, light: str, heavy: str) -> Check:
    """By so many rows as would say as much, if they all counted alike."""
    counts = {
        tier: _worth([one.counts for one in rows.examples if one.outcome.heavy is tier]) for tier in (False, True)
    }
    total = sum(counts.values())
    return Check(
        name="rows",
        passed=min(counts.values()) >= LEAST_ROWS_A_TIER and total >= LEAST_ROWS,
        said=f"{total:,} rows with a quality: {counts[False]:,} of {light}, {counts[True]:,} of {heavy}",
        wanted=f"at least {LEAST_ROWS:,}, and {LEAST_ROWS_A_TIER} of each tier",
        figure=float(total),
    )


def _worth(counts: Sequence[float]) -> int:
    return round(effective_size(sum(counts), sum(one * one for one in counts)))


def _apart(outcomes: Sequence[Outcome], light: str, heavy: str) -> Check:
    between = apgr.gap(outcomes)
    said = f"{heavy}'s answers are better than {light}'s by {_interval(between)}"
    if between.value < 0:
        said = f"{light}'s answers are better than {heavy}'s, by {-between.value:.3f}: there is nothing to send up"
    return Check(
        name="gap", passed=between.value >= LEAST_GAP, said=said, wanted=f"at least {LEAST_GAP}", figure=between.value
    )


def _above_chance(found: Estimate) -> Check:
    return Check(
        name="chance",
        passed=found.low > CHANCE,
        said=f"on rows it had not seen its APGR is {_interval(found)}",
        wanted=f"the lower end above {CHANCE}, which is chance",
        figure=found.low,
    )


def _no_worse(rows: Prepared, scores: dict[str, Scores]) -> Check:
    difference = apgr.apgr_difference(rows.outcomes, ranks(rows, scores[rows.method]), ranks(rows, scores["table"]))
    return Check(
        name="table",
        passed=difference.high >= 0,
        said=f"against the table of task types it gains {_interval(difference)}",
        wanted="not clearly less than nothing",
        figure=difference.value,
    )


def _stand_in(found: dict[str, Estimate], outcomes: Sequence[Outcome]) -> tuple[str, str]:
    if _gap(outcomes) <= 0:
        return "size", "the strong tier is not the better one, so everything goes to the light tier"
    table = found["table"]
    if table.low > CHANCE and table.value > found["size"].value:
        return "table", f"the table of task types is used in its place (APGR {_interval(found['table'])})"
    return "size", "not even the table of task types tells who needs the strong tier: larger prompts go there"


def _measurable(outcomes: Sequence[Outcome]) -> bool:
    """Every fold and tier must have something in it."""
    return min(sum(1 for one in outcomes if one.heavy is tier) for tier in (False, True)) >= LEAST_ROWS_A_TIER // 4


def _gap(outcomes: Sequence[Outcome]) -> float:
    return apgr.gap(outcomes).value


def _interval(found: Estimate) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
