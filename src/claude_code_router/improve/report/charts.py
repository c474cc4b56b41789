"""Charts as inline SVG: few, small, and readable in light and dark, whose colours the page's style holds. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from claude_code_router.improve.report.page import Bars, Ranges

_WIDTH, _HEIGHT = 720.0, 220.0
_LEFT, _TOP, _BOTTOM = 64.0, 26.0, 24.0
_LINE = 28.0
_COLOURS = 6


def bars(chart: Bars) -> str:
    sums = [math.fsum(values[at] for _, values in chart.series) for at in range(len(chart.labels))]
    top = _round_up(max(sums, default=0.0))
    return _svg(chart.title, _HEIGHT, "".join(_bars(chart, top)))


def _bars(chart: Bars, top: float) -> Iterator[str]:
    room = _HEIGHT - _TOP - _BOTTOM
    for step in range(5):
        value = top * step / 4
        y = _TOP + room * (1 - step / 4)
        yield f'<line x1="{_LEFT:g}" x2="{_WIDTH:g}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--line)"/>'
        yield f'<text x="{_LEFT - 8:g}" y="{y + 4:.1f}" text-anchor="end" class="faint">{_number(value, chart.unit)}</text>'
    slot = (_WIDTH - _LEFT) / max(1, len(chart.labels))
    every = math.ceil(len(chart.labels) / 14)
    for at, label in enumerate(chart.labels):
        base = _TOP + room
        for place, (name, values) in enumerate(chart.series):
            height = room * values[at] / top
            base -= height
            told = escape(f"{label}, {name}: {_number(values[at], chart.unit)}")
            yield (
                f'<rect x="{_LEFT + slot * (at + 0.15):.1f}" y="{base:.1f}" width="{slot * 0.7:.1f}" '
                f'height="{height:.1f}" fill="var(--c{place % _COLOURS})"><title>{told}</title></rect>'
            )
        if at % every == 0:
            x = _LEFT + slot * (at + 0.5)
            yield f'<text x="{x:.1f}" y="{_HEIGHT - 6:g}" text-anchor="middle" class="faint">{escape(label)}</text>'
    if len(chart.series) > 1:
        yield from _legend([name for name, _ in chart.series])


def _legend(names: Sequence[str]) -> Iterator[str]:
    x = _LEFT
    for place, name in enumerate(names):
        yield f'<rect x="{x:.0f}" y="4" width="10" height="10" fill="var(--c{place % _COLOURS})"/>'
        yield f'<text x="{x + 15:.0f}" y="13">{escape(name[:24])}</text>'
        x += 32 + 7 * len(name[:24])


def ranges(chart: Ranges) -> str:
    height = _LINE * len(chart.lines) + 26
    top = min(1.0, _round_up(max((one.high for _, one in chart.lines), default=1.0)))
    return _svg(chart.title, height, "".join(_ranges(chart, top, height)))


def _ranges(chart: Ranges, top: float, height: float) -> Iterator[str]:
    left = 130.0
    room = _WIDTH - left - 20
    for step in range(5):
        x = left + room * step / 4
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{height - 22:.1f}" stroke="var(--line)"/>'
        yield f'<text x="{x:.1f}" y="{height - 6:.1f}" text-anchor="middle" class="faint">{top * step / 4:.0%}</text>'
    for place, (name, one) in enumerate(chart.lines):
        y = 18 + _LINE * place
        low, middle, high = (left + room * min(value, top) / top for value in (one.low, one.value, one.high))
        told = escape(f"{name}: {one.value:.1%}, {one.low:.1%} to {one.high:.1%}, {one.n} pairs")
        yield f'<text x="{left - 12:g}" y="{y + 4:g}" text-anchor="end">{escape(name)}</text><g><title>{told}</title>'
        yield (
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y:g}" y2="{y:g}" stroke="var(--c0)" stroke-width="5" '
            'stroke-linecap="round" opacity=".45"/>'
        )
        yield f'<circle cx="{middle:.1f}" cy="{y:g}" r="5" fill="var(--c0)"/></g>'


def _svg(title: str, height: float, inside: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH:g} {height:g}" role="img" aria-label="{escape(title)}">{inside}</svg>'


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999999))


def _number(value: float, unit: str) -> str:
    sign = "$" if unit == "usd" else ""
    if value >= 10_000:
        return f"{sign}{value / 1000:g}k"
    return f"{sign}{value:,.0f}" if value >= 100 or value == int(value) else f"{sign}{value:.2f}"
