"""From medians to tables, and to a verdict on each target."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

PROGRAMS = ("floor", "ours", "npm 2.0.0")
ROWS = (("relayed", 2), ("relayed", 100), ("relayed", 600), ("translated", 2), ("translated", 100), ("translated", 600))

PAIRS = (
    "Anthropic > chat/completions",
    "Anthropic > Responses",
    "Anthropic > Gemini",
    "Anthropic > Ollama",
    "chat/completions > Anthropic",
    "Responses > Anthropic",
    "Gemini > Anthropic",
)
"""Client's dialect > provider's dialect, as `run.py` measures them."""


class Verdict(NamedTuple):
    target: str
    found: float
    limit: float
    unit: str

    @property
    def word(self) -> str:
        if math.isnan(self.found):
            return "not measured"
        if self.found < 0:  # slower without a proxy than with one: the machine was busy with something else
            return "too noisy"
        return "ok" if self.found <= self.limit else "MISS"


class Target(NamedTuple):
    """`figure` must be at most `limit` times `base`, or at most `limit` when there is no base. `minus`, when given, is the
    direct way's figure: it is taken off both, so that added time is compared with added time."""

    text: str
    figure: str
    limit: float
    base: str = ""
    minus: str = ""
    unit: str = "x"


TARGETS = (
    Target("CPU per relayed request, 100 kB, to the floor", "cpu_ms/ours/relayed/100", 2, "cpu_ms/floor/relayed/100"),
    Target("CPU per relayed request, 600 kB, to the floor", "cpu_ms/ours/relayed/600", 2, "cpu_ms/floor/relayed/600"),
    Target(
        "CPU per translated request, 100 kB, to the floor", "cpu_ms/ours/translated/100", 6, "cpu_ms/floor/relayed/100"
    ),
    Target(
        "CPU per translated request, 600 kB, to the floor", "cpu_ms/ours/translated/600", 6, "cpu_ms/floor/relayed/600"
    ),
    Target("CPU per relayed event, to the floor", "event_paced_us/ours/relayed", 1.5, "event_paced_us/floor/relayed"),
    Target(
        "CPU per translated event, to the floor", "event_paced_us/ours/translated", 3, "event_paced_us/floor/relayed"
    ),
    Target(
        "added p99 per event, many relayed streams, to the floor",
        "age_p99_ms/ours/relayed",
        3,
        "age_p99_ms/floor/relayed",
        "age_p99_ms/direct/relayed",
    ),
    Target(
        "added p99 per event, many translated streams, to the floor",
        "age_p99_ms/ours/translated",
        3,
        "age_p99_ms/floor/relayed",
        "age_p99_ms/direct/relayed",
    ),
    *(
        Target(f"CPU per event {pair}, to the floor", f"event_paced_us/ours/{pair}", 3, "event_paced_us/floor/relayed")
        for pair in PAIRS
    ),
    Target("records dropped meanwhile", "records/dropped", 0, unit=""),
    Target("idle memory", "idle_mb/ours", 90, unit="MB"),
    Target("ready from a cold start", "ready_s/cold", 1.5, unit="s"),
    Target("ready warm", "ready_s/warm", 0.8, unit="s"),
    Target("`ccr version`", "version_s", 0.15, unit="s"),
)


def verdicts(figures: Mapping[str, float]) -> list[Verdict]:
    found = []
    for target in TARGETS:
        off = figures.get(target.minus, math.nan) if target.minus else 0.0
        value = figures.get(target.figure, math.nan) - off
        if target.base:
            value /= figures.get(target.base, math.nan) - off
        found.append(Verdict(target.text, value, target.limit, target.unit))
    return found


def tables(figures: Mapping[str, float], found: list[Verdict]) -> str:
    parts = [
        _requests("CPU per request of a 300-event reply, ms", "cpu_ms", figures),
        _added("Added latency of the whole request, p50, ms", "total_p50_ms", figures),
        _added("Added latency of the whole request, p99, ms", "total_p99_ms", figures),
        _streams(figures),
        _pairs(figures),
        _rest(figures),
        _targets(found),
    ]
    return "\n\n".join(parts)


def _requests(title: str, metric: str, figures: Mapping[str, float]) -> str:
    lines = [_row(title, *PROGRAMS, "ours : floor", "npm : ours")]
    for way, size in ROWS:
        floor, ours, npm = (figures.get(f"{metric}/{name}/{way}/{size}", math.nan) for name in PROGRAMS)
        base = figures.get(f"{metric}/floor/relayed/{size}", math.nan)
        lines.append(_row(f"  {way}, {size} kB", floor, ours, npm, ours / base, npm / ours))
    return "\n".join(lines)


def _added(title: str, metric: str, figures: Mapping[str, float]) -> str:
    lines = [_row(title, *PROGRAMS)]
    for way, size in ROWS:
        direct = figures.get(f"{metric}/direct/relayed/{size}", math.nan)
        added = (figures.get(f"{metric}/{name}/{way}/{size}", math.nan) - direct for name in PROGRAMS)
        lines.append(_row(f"  {way}, {size} kB", *added))
    return "\n".join(lines)


def _streams(figures: Mapping[str, float]) -> str:
    lines = [_row("Streams", *PROGRAMS, "ours : floor", "npm : ours")]
    for title, metric, minus in (
        ("CPU per event, paced, µs", "event_paced_us", ""),
        ("CPU per event, burst, µs", "event_burst_us", ""),
        ("added age of an event, p50, ms", "age_p50_ms", "direct"),
        ("added age of an event, p99, ms", "age_p99_ms", "direct"),
    ):
        off = figures.get(f"{metric}/{minus}/relayed", math.nan) if minus else 0.0
        base = figures.get(f"{metric}/floor/relayed", math.nan) - off
        for way in ("relayed", "translated"):
            floor, ours, npm = (figures.get(f"{metric}/{name}/{way}", math.nan) - off for name in PROGRAMS)
            lines.append(_row(f"  {title}, {way}", floor, ours, npm, ours / base, npm / ours))
    return "\n".join(lines)


def _pairs(figures: Mapping[str, float]) -> str:
    base = figures.get("event_paced_us/floor/relayed", math.nan)
    lines = [_row("CPU per event by dialect, paced, µs", "ours", "to the floor")]
    for pair in PAIRS:
        found = figures.get(f"event_paced_us/ours/{pair}", math.nan)
        lines.append(_row(f"  {pair}", found, found / base))
    return "\n".join(lines)


def _rest(figures: Mapping[str, float]) -> str:
    lines = [_row("Memory, MB (whole tree)", *PROGRAMS)]
    lines += [
        _row(f"  {when}", *(figures.get(f"{when}_mb/{name}", math.nan) for name in PROGRAMS))
        for when in ("idle", "loaded")
    ]
    lines += ["", _row("Records written", "", figures.get("records/written", math.nan))]
    lines += ["", _row("Time, s", "")]
    lines += [
        _row(f"  {cell.replace('ready_s/', 'ready, ').replace('version_s', 'ccr version')}", value)
        for cell, value in figures.items()
        if cell.startswith(("ready_s/", "version_s"))
    ]
    return "\n".join(lines)


def _targets(found: list[Verdict]) -> str:
    lines = [f"{'Target':<62}{'found':>10}{'at most':>10}"]
    lines += [f"  {v.target:<60}{v.found:>8.2f} {v.unit:<2}{v.limit:>7g} {v.unit:<2}  {v.word}" for v in found]
    return "\n".join(lines)


def _row(title: str, *cells: float | str) -> str:
    return f"{title:<54}" + "".join(_cell(cell) for cell in cells)


def _cell(cell: float | str) -> str:
    if isinstance(cell, str):
        return f"{cell:>14}"
    return f"{'-':>14}" if math.isnan(cell) else f"{cell:>14.2f}"
