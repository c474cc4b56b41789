"""When somebody is told. Pure: figures in, and out what to say now.

An alarm is raised when a figure's whole interval lies outside of its band; for figures of a week in two weeks in a row.
It is told once. It is over when the figure itself has been inside for two looks in a row: one that sways about the edge is
not told each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from claude_code_router.quality.bands import AlertSettings, Band, Kpi
from claude_code_router.quality.intervals import Estimate

LOOKS_INSIDE = 2


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One figure now."""

    kpi: Kpi
    namespace: str | None
    """None: all of them."""
    estimate: Estimate | None
    """None: there is not enough to say one."""
    before: Estimate | None = None
    """Of the week before."""
    weekly: bool = False
    exact: bool = False
    """Counted, not sampled: no number of observations is needed."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is told."""

    event: Literal["raised", "over"]
    kpi: Kpi
    namespace: str | None
    side: Literal["below", "above"]
    value: float
    low: float
    high: float
    n: int
    band: str
    text: str
    """The same in one sentence; `text` is what chat webhooks show."""


class _Standing(msgspec.Struct):
    side: Literal["below", "above"]
    inside: int = 0


class Alarms:
    """What has been told already."""

    def __init__(self) -> None:
        self._raised: dict[tuple[str | None, Kpi], _Standing] = {}

    @property
    def active(self) -> tuple[tuple[str | None, Kpi], ...]:
        return tuple(self._raised)

    def look(self, readings: Iterable[Reading], settings: AlertSettings) -> list[Notice]:
        notices = []
        for reading in readings:
            band = settings.bands.get(reading.kpi)
            if band is None or reading.estimate is None:
                continue
            notice = self._look(reading, reading.estimate, band, settings.minimum)
            notices += [notice] if notice else []
        return notices

    def keep(self, wanted: Iterable[tuple[str | None, Kpi]]) -> None:
        """Only these are still watched: the others are forgotten."""
        kept = set(wanted)
        self._raised = {key: one for key, one in self._raised.items() if key in kept}

    def _look(self, reading: Reading, now: Estimate, band: Band, minimum: int) -> Notice | None:
        key = (reading.namespace, reading.kpi)
        standing = self._raised.get(key)
        side = _side(reading, now, band, minimum)
        if standing is None:
            if not side:
                return None
            self._raised[key] = _Standing(side)
            return _notice("raised", reading, now, band, side)
        if band.holds(now.value):
            standing.inside += 1
            if standing.inside >= LOOKS_INSIDE:
                del self._raised[key]
                return _notice("over", reading, now, band, standing.side)
        else:
            standing.inside = 0
        return None


def _side(reading: Reading, now: Estimate, band: Band, minimum: int) -> Literal["below", "above", ""]:
    if now.n < minimum and not reading.exact:
        return ""
    side = band.side(now)
    if not reading.weekly or not side:
        return side
    before = reading.before
    return side if before is not None and before.n >= minimum and band.side(before) == side else ""


def _notice(
    event: Literal["raised", "over"], reading: Reading, now: Estimate, band: Band, side: Literal["below", "above"]
) -> Notice:
    where = "" if reading.namespace is None else f" in namespace {reading.namespace or '(none)'}"
    what = reading.kpi.replace("_", " ")
    figure = f"{now.value:.4g}" if reading.exact else f"{now.value:.4g} ({now.low:.4g} to {now.high:.4g}, n = {now.n})"
    verb = f"is {side} its band" if event == "raised" else "is back in its band"
    return Notice(
        event=event,
        kpi=reading.kpi,
        namespace=reading.namespace,
        side=side,
        value=now.value,
        low=now.low,
        high=now.high,
        n=now.n,
        band=str(band),
        text=f"Claude Code Router: {what}{where} {verb}: {figure}; the band is {band}.",
    )
