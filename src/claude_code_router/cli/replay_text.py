"""A replay as text, as an object for JSON, and as a JUnit report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import msgspec

from claude_code_router.cli.improving import percent, signed_percent, signed_usd, usd
from claude_code_router.cli.records import aligned, tokens
from claude_code_router.improve.again import UNTOLD_BECAUSE
from claude_code_router.improve.fail_on import Finding
from claude_code_router.improve.replayed import Change, Flip, LotForecast, MissForecast, Replay

_SHOWN = 12


def as_lines(found: Replay, findings: Sequence[Finding]) -> Iterator[str]:
    if not found.records:
        yield "No recorded request fits: there is nothing to decide again."
    else:
        yield f"{found.records:,} requests from {_day(found.since)} to {_day(found.until)}, decided again; nothing was sent."
        yield from _told(found)
        yield ""
        yield from _flips(found)
        yield ""
        yield from _table(found)
        yield from _money(found)
        yield ""
        yield from _misses(found.misses)
        yield from by_lots(found.lots)
    for finding in findings:
        yield f"{_MARK[finding.verdict]} {finding.condition}  {_value(finding)}"


_MARK = {"ok": "  ok       ", "failed": "✗ failed   ", "not known": "? not known"}


def _told(found: Replay) -> Iterator[str]:
    if not found.untold and not found.unreadable:
        yield "The records tell all of their decisions."
        return
    yield f"{found.told:,} are told by the records ({percent(found.told / found.records)}); the figures are about these."
    for reason, count in found.untold.items():
        why = next((said for known, said in UNTOLD_BECAUSE.items() if known == reason), reason)
        yield f"  cannot be told: {count:,} ({percent(count / found.records)}): {why}"
    if found.unreadable:
        yield f"  not readable: {found.unreadable:,}"


def _flips(found: Replay) -> Iterator[str]:
    if not found.told:
        return
    yield f"{found.flipped:,} go elsewhere ({percent(found.flipped / found.told)})" + (":" if found.flips else ".")
    for flip in found.flips[:_SHOWN]:
        yield f"  {flip.requests:>7,}  {_way(flip)}  {_change(flip.before_usd, flip.after_usd)}"
        yield from (f"           {example.id}: {example.because}" for example in flip.examples[:1])
    if len(found.flips) > _SHOWN:
        yield f"           and {len(found.flips) - _SHOWN} other ways (--format json has all)"
    if found.other_rule:
        yield f"{found.other_rule:,} go where they went, by another rule."


def _way(flip: Flip) -> str:
    return f"{flip.target_before} ({flip.rule_before}) → {flip.target_after} ({flip.rule_after})"


def _table(found: Replay) -> Iterator[str]:
    names = list(dict.fromkeys([*found.before, *found.after]))
    cells = [("tier", "before", "after", "cost before", "after", "change")]
    for name in names:
        was, now = found.before.get(name), found.after.get(name)
        before_usd, after_usd = was.cost_usd if was else 0.0, now.cost_usd if now else 0.0
        cells.append((
            name,
            percent((was.requests if was else 0) / found.told),
            percent((now.requests if now else 0) / found.told),
            _known(before_usd),
            _known(after_usd),
            _change(before_usd, after_usd),
        ))  # fmt: skip
    cells.append(
        ("all", "", "", _known(found.before_usd), _known(found.after_usd), _change(found.before_usd, found.after_usd))
    )
    yield from aligned(cells, (False, *[True] * 5), [0] * 6)


def _known(amount: float | None) -> str:
    return "not known" if amount is None else usd(amount)


def _change(before_usd: float | None, after_usd: float | None) -> str:
    return "not known" if before_usd is None or after_usd is None else signed_usd(after_usd - before_usd)


def _money(found: Replay) -> Iterator[str]:
    if found.before_usd and found.change_usd is not None:
        yield f"cost: {signed_percent(found.change_usd / found.before_usd)}, prompt caches accounted for"
    if found.rewritten_tokens:
        yield f"  of it: {tokens(found.rewritten_tokens)} tokens written to caches anew, because sessions change models"
    if found.unpriced:
        yield f"  the price of {found.unpriced:,} requests is not known; they are missing in the costs"


def _misses(misses: MissForecast) -> Iterator[str]:
    if misses.insufficient:
        yield f"misses: insufficient ({misses.insufficient})"
        return
    yield f"misses, from {misses.pairs:,} pairs of which {misses.changed:,} change their tier (shares of all requests, 95 %):"
    for name, rate in (("under-routed", misses.under_routed), ("over-routed", misses.over_routed)):
        if rate is not None:
            yield f"  {name:<12} {percent(rate.before)} → {percent(rate.after)}, {_interval(rate)}"


def by_lots(found: LotForecast | None) -> Iterator[str]:
    """Nothing where nothing that changes was judged: then there is nothing to add to what the pairs say."""
    if found is None or (found.insufficient and not found.moved):
        return
    if found.insufficient:
        yield f"good answers, by lots: insufficient ({found.insufficient})"
        return
    yield (
        f"good answers, from {found.judged:,} judged ones that clients got, of which {found.moved:,} were sent by lot and "
        f"change their tier (worth {found.effective:,.0f} sessions to the smaller side):"
    )
    for name, rate in (("doubly robust", found.doubly_robust), ("SNIPS", found.snips)):
        if rate is not None:
            yield f"  {name:<13} {percent(rate.before)} → {percent(rate.after)}, {_interval(rate)}"


def _interval(rate: Change) -> str:
    return f"{signed_percent(rate.change)} [{signed_percent(rate.low)}, {signed_percent(rate.high)}]"


def _value(finding: Finding) -> str:
    return "the records do not tell it" if finding.value is None else f"it is {finding.value:,.4g}"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


def as_object(found: Replay, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(found),
        "before_usd": found.before_usd,
        "after_usd": found.after_usd,
        "conditions": msgspec.to_builtins(list(findings)),
    }


def as_junit(found: Replay, findings: Sequence[Finding]) -> str:
    """One test case a condition: failed, or skipped where the records do not tell it."""
    failures = sum(1 for finding in findings if finding.verdict == "failed")
    skipped = sum(1 for finding in findings if finding.verdict == "not known")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="ccr replay" tests="{len(findings)}" failures="{failures}" skipped="{skipped}">',
        f'  <properties><property name="records" value="{found.records}"/></properties>',
    ]
    for finding in findings:
        lines.append(f'  <testcase classname="ccr.replay" name={quoteattr(finding.condition)}>')
        if finding.verdict == "failed":
            lines.append(f"    <failure>{escape(_value(finding))}</failure>")
        elif finding.verdict == "not known":
            lines.append("    <skipped>the records do not tell it</skipped>")
        lines.append("  </testcase>")
    return "\n".join([*lines, "</testsuite>"])
