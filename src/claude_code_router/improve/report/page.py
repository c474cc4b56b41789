"""A Report in words: sections of paragraphs, tables and charts, that each format writes in its own way. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from claude_code_router.improve.report.figures import Dimension, Example, Percentiles, QualityLine, Report
from claude_code_router.quality.intervals import Estimate
from claude_code_router.quality.misses import Axis, Group, Misses, Rate

NOTHING = "–"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: int = 1
    """From this column on, figures: written to the right."""


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """One bar a label; with several series they stand on each other."""

    title: str
    labels: tuple[str, ...]
    series: tuple[tuple[str, tuple[float, ...]], ...]
    unit: Literal["", "usd"] = ""


class Ranges(msgspec.Struct, frozen=True, kw_only=True):
    """Shares with their intervals; `band` is what they should lie in."""

    title: str
    lines: tuple[tuple[str, Estimate], ...]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    parts: tuple[str | Table | Bars | Ranges, ...]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    lead: str
    sections: tuple[Section, ...]


def page(report: Report) -> Page:
    where = "all namespaces" if report.namespace is None else f"namespace {report.namespace or '(none)'}"
    return Page(
        title=f"Routing report, {_date(report.since)} to {_date(report.until)}",
        lead=f"{report.requests:,} requests, {where}; {report.before_requests:,} in the period before. Shares and means stand "
        "with their 95 % intervals.",
        sections=tuple(section for section in _sections(report) if section.parts),
    )


def _sections(report: Report) -> Iterator[Section]:
    yield Section(title="How it goes, against the period before", parts=(_dimensions(report.dimensions),))
    yield Section(title="Routing misses", parts=tuple(_misses(report)))
    yield Section(title="Tiers", parts=tuple(_tiers(report)))
    yield Section(title="Cost", parts=tuple(_cost(report)))
    yield Section(title="Quality", parts=tuple(_quality(report)))
    yield Section(title="Errors and fallbacks", parts=tuple(_trouble(report)))
    yield Section(title="The most instructive misses", parts=tuple(_examples(report.examples)))


def _dimensions(lines: Sequence[Dimension]) -> Table:
    rows = [
        (
            line.name,
            line.figure,
            _by_unit(line.now, line.unit),
            _by_unit(line.before, line.unit),
            _by_unit(line.change, line.unit, signed=True),
            line.verdict,
        )
        for line in lines
    ]
    return Table(head=("dimension", "figure", "now", "before", "change", "verdict"), rows=tuple(rows), right=2)


def _misses(report: Report) -> Iterator[str | Table | Ranges]:
    found = report.misses
    yield Table(
        head=("figure", "share", "as the judge saw it", "pairs"),
        rows=tuple(
            (name, _rate(rate), percent(rate.as_judged) if rate.as_judged else NOTHING, str(rate.n))
            for name, rate in _named(found.all)
        ),
    )
    drawn = tuple((name, rate.estimate) for name, rate in _named(found.all) if rate.estimate)
    if drawn:
        yield Ranges(title="Shares with their 95 % intervals", lines=drawn)
    money = found.money
    if money.under_usd or money.over_usd:
        told = [
            f"{name} {_usd_estimate(usd)}"
            for name, usd in (("under-routing", money.under_usd), ("over-routing", money.over_usd))
            if usd
        ]
        total = f", together {_usd_estimate(money.total_usd)}" if money.total_usd else ""
        yield f"What the misses of this period cost: {', '.join(told)}{total}."
    yield from _epochs(found)
    axis: Axis = report.by  # type: ignore[assignment]
    groups = found.by.get(axis, ())
    if any(group.key for group in groups):
        yield Table(
            head=(axis, "under-routed", "over-routed", "light-bad", "both bad"),
            rows=tuple((group.key or NOTHING, *(_rate(rate) for _, rate in _named(group))) for group in groups),
        )


def _named(group: Group) -> tuple[tuple[str, Rate], ...]:
    return (
        ("under-routed", group.under),
        ("over-routed", group.over),
        ("light-bad", group.light_bad),
        ("both bad", group.both_bad),
    )


def _epochs(found: Misses) -> Iterator[str]:
    if found.used and found.uncorrected:
        yield f"Not corrected for the judge's own errors: {found.uncorrected}."
    used = {epoch.judge_epoch for epoch in found.epochs if epoch.label in found.used.values()}
    for name, error in found.errors.items():
        if name in used:
            yield (
                f"The judge, checked by people on {error.bad + error.good} replies: it finds {error.sensitivity:.0%} of "
                f"the bad ones and passes {error.specificity:.0%} of the good ones."
            )
    others = [epoch for epoch in found.epochs if epoch.label not in found.used.values()]
    if others:
        told = "; ".join(
            f"{epoch.label or 'unnamed'} ({epoch.pairs} pairs, {_date(epoch.since)} to {_date(epoch.until)})"
            for epoch in others
        )
        yield f"Other epochs, never pooled with this one: {told}."
    if found.unread:
        yield f"{found.unread} pairs could not be read: a score is missing, or `Tiers` does not rank their tiers."


def _tiers(report: Report) -> Iterator[str | Table | Bars]:
    heavy = report.heavy
    if heavy.tier and heavy.share:
        band = f"; the band is {heavy.band}" if heavy.band else ""
        side = f", and the share is {heavy.side} it" if heavy.side else ", and the share may be inside" if band else ""
        before = f"; before {percent(heavy.before)}" if heavy.before else ""
        yield f"Of the requests that a tier answered, {heavy.tier} took {percent(heavy.share)}{before}{band}{side}."
    if report.tiers:
        rows = [
            (
                line.tier or "in no tier",
                f"{line.requests:,}",
                percent(line.share),
                _cost_cell(line.cost_usd),
                *_times(line.first),
                *_times(line.total),
            )
            for line in report.tiers
        ]
        head = ("tier", "requests", "share", "cost", "first p50", "p95", "p99", "total p50", "p95", "p99")
        yield Table(head=head, rows=tuple(rows))
    names = [line.tier for line in report.tiers]
    if report.days and names:
        series = tuple(
            (name or "in no tier", tuple(float(day.by_tier.get(name, 0)) for day in report.days)) for name in names
        )
        yield Bars(title="Requests a day, by tier", labels=_labels(report), series=series)


def _cost(report: Report) -> Iterator[str | Table | Bars]:
    costs = report.costs
    if costs.cost_usd is not None:
        rows = [("as routed", NOTHING, usd(costs.cost_usd), NOTHING)]
        for one in costs.always:
            saved = None if one.cost_usd is None else costs.cost_usd - one.cost_usd
            rows.append((f"always {one.tier}", one.target, _cost_cell(one.cost_usd), _signed_usd(saved)))
        yield Table(
            head=("way", "model", "cost", "as routed is dearer (+) or cheaper (-) by"), rows=tuple(rows), right=2
        )
        yield (
            "“Always” prices the same tokens at one model; what was written to a cache after a switch counts as read there. "
            "Another model would not have said the same in as many tokens."
        )
        yield Bars(
            title="US dollars a day",
            labels=_labels(report),
            series=(("cost", tuple(day.cost_usd or 0.0 for day in report.days)),),
            unit="usd",
        )
    if costs.unpriced:
        yield f"{costs.unpriced:,} requests have no known price and are missing in these figures."
    loss = report.cache_loss
    if loss.switches:
        known = f", which cost {usd(loss.cost_usd)} more than reading them" if loss.cost_usd is not None else None
        money = known or "; what that cost is not known"
        yield (
            f"Switching models: {loss.switches:,} turns left a warm cache behind and wrote {loss.tokens:,} tokens again{money}."
        )
    if report.own:
        own = tuple((one.purpose, f"{one.questions:,}", _cost_cell(one.cost_usd)) for one in report.own)
        yield Table(head=("asked by the router itself for", "questions", "cost"), rows=own)


def _quality(report: Report) -> Iterator[str | Table]:
    yield report.quality_note
    for name, lines in (("tier", report.quality_by_tier), ("category", report.quality_by_category)):
        if lines:
            yield Table(head=(name, "mean score", "replies"), rows=tuple(_quality_row(line) for line in lines))


def _quality_row(line: QualityLine) -> tuple[str, ...]:
    return (line.key or NOTHING, _score(line.mean) if line.mean else f"insufficient: {line.n}", f"{line.n:,}")


def _trouble(report: Report) -> Iterator[str | Table]:
    if report.models:
        rows = [
            (
                line.model or "nobody was asked",
                f"{line.requests:,}",
                percent(line.failed),
                f"{line.fallbacks:,}",
                _cost_cell(line.cost_usd),
            )
            for line in report.models
        ]
        yield Table(head=("model", "requests", "failed", "as a fallback", "cost"), rows=tuple(rows))


def _examples(examples: Sequence[Example]) -> Iterator[str]:
    for place, one in enumerate(examples, start=1):
        about = ", ".join(
            word for word in (one.namespace, one.category, f"rule {one.rule}" if one.rule else "") if word
        )
        because = f" Routed so because {one.because.rstrip('.')}." if one.because else ""
        text = f" It begins: “{one.text}”" if one.text else ""
        yield f"{place}. {one.kind}, {one.id} ({about}).{because} {one.told}{text}"


def _labels(report: Report) -> tuple[str, ...]:
    return tuple(datetime.fromtimestamp(day.since).astimezone().strftime("%m-%d") for day in report.days)


def _date(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


def _times(found: Percentiles | None) -> tuple[str, str, str]:
    if found is None:
        return NOTHING, NOTHING, NOTHING
    return seconds(found.p50.value), seconds(found.p95), seconds(found.p99)


def _rate(rate: Rate) -> str:
    return percent(rate.estimate) if rate.estimate else f"insufficient: {rate.insufficient}"


def percent(estimate: Estimate | None, *, signed: bool = False) -> str:
    if estimate is None:
        return NOTHING
    sign = "+" if signed else ""
    return f"{estimate.value:{sign}.1%} ({estimate.low:{sign}.1%} to {estimate.high:{sign}.1%})"


def _score(estimate: Estimate | None, *, signed: bool = False) -> str:
    if estimate is None:
        return NOTHING
    sign = "+" if signed else ""
    return f"{estimate.value:{sign}.3f} ({estimate.low:{sign}.3f} to {estimate.high:{sign}.3f})"


def _by_unit(estimate: Estimate | None, unit: str, *, signed: bool = False) -> str:
    if estimate is None:
        return NOTHING
    match unit:
        case "share":
            return percent(estimate, signed=signed)
        case "score":
            return _score(estimate, signed=signed)
        case "usd":
            return _usd_estimate(estimate, signed=signed)
    values = (estimate.value, estimate.low, estimate.high)
    plus = ["+" if signed and value > 0 else "" for value in values]
    told = [f"{sign}{seconds(value)}" for sign, value in zip(plus, values, strict=True)]
    return f"{told[0]} ({told[1]} to {told[2]})"


def seconds(ms: float) -> str:
    return f"{ms:.0f} ms" if abs(ms) < 1000 else f"{ms / 1000:.1f} s"


def _cost_cell(amount: float | None) -> str:
    return "not known" if amount is None else usd(amount)


def usd(amount: float | None) -> str:
    if amount is None:
        return NOTHING
    return f"${amount:,.2f}" if abs(amount) >= 1 else f"${amount:.4f}"


def _signed_usd(amount: float | None) -> str:
    if amount is None:
        return NOTHING
    return f"{'-' if amount < 0 else '+'}{usd(abs(amount))}"


def _usd_estimate(estimate: Estimate, *, signed: bool = False) -> str:
    if not math.isfinite(estimate.low):
        return f"{usd(estimate.value)} (of {estimate.n} request)"
    write = _signed_usd if signed or estimate.low < 0 else usd
    return f"{write(estimate.value)} ({write(estimate.low)} to {write(estimate.high)})"
