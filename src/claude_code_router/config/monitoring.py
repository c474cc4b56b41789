"""`Alerts` and `Monitoring`: from the file to values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from claude_code_router.config.check import Checked, check_section, problem
from claude_code_router.config.places import Place
from claude_code_router.config.schema_monitoring import (
    AlertsSection,
    BandSection,
    BandsSection,
    MonitoringSection,
    TracesSection,
)
from claude_code_router.config.section import Section
from claude_code_router.config.settings import MonitoringSettings, TraceSettings
from claude_code_router.core.errors import Problem
from claude_code_router.quality.bands import AlertSettings, Band, Kpi

_KPIS: dict[str, Kpi] = {
    "underRouted": "under_routed",
    "overRouted": "over_routed",
    "heavyShare": "heavy_share",
    "scoreMean": "score_mean",
    "errorRate": "error_rate",
    "fallbackRate": "fallback_rate",
    "slowShare": "slow_share",
    "costPerDayUsd": "cost_per_day_usd",
    "droppedRecords": "dropped_records",
}


def alert_settings(top: Mapping[str, Any], at: Place = ()) -> tuple[AlertSettings | None, list[Problem]]:
    """None: nothing was said. What is wrong with its types is told where the whole file is checked."""
    raw = top.get("Alerts")
    section = check_section(AlertsSection, raw, (*at, "Alerts"), Checked()) if isinstance(raw, dict) else None
    if section is None:
        return None, []
    problems = []
    if section.webhook and not _is_url(section.webhook):
        problems.append(problem((*at, "Alerts", "webhook"), "what is no URL", "https://…"))
    said: dict[str, BandSection | None] = {name: getattr(section.bands, name) for name in _KPIS}
    for name, band in said.items():
        if band and band.low is not None and band.high is not None and band.low > band.high:
            place = (*at, "Alerts", "bands", name)
            problems.append(problem(place, f"{band.low:g} to {band.high:g}", "a `low` that is not above `high`"))
    settings = AlertSettings(
        bands={_KPIS[name]: Band(low=band.low, high=band.high) for name, band in said.items() if band},
        slow_ms=section.slowMs,
        minimum=section.minimum,
        every_s=section.everyMinutes * 60,
        webhook=section.webhook,
        task_value_usd=section.taskValueUsd,
    )
    return settings, problems


def monitoring_settings(top: Mapping[str, Any]) -> tuple[MonitoringSettings, list[Problem]]:
    raw = top.get("Monitoring")
    section = check_section(MonitoringSection, raw, ("Monitoring",), Checked()) if isinstance(raw, dict) else None
    if section is None:
        return MonitoringSettings(), []
    traces, problems = section.traces, []
    if traces.endpoint and not _is_url(traces.endpoint):
        place = ("Monitoring", "traces", "endpoint")
        problems.append(problem(place, "what is no URL", "http://localhost:4318/v1/traces, for example"))
    settings = MonitoringSettings(
        open_metrics=section.openMetrics,
        traces=TraceSettings(endpoint=traces.endpoint, headers=traces.headers, share=traces.share),
    )
    return settings, problems


def section_at(place: Place) -> type[Section] | None:
    """Which of these sections stands there; None: none of them."""
    if "Alerts" in place:
        inner = place[place.index("Alerts") + 1 :]
        return AlertsSection if not inner else BandsSection if len(inner) == 1 else BandSection
    if place and place[0] == "Monitoring":
        return MonitoringSection if len(place) == 1 else TracesSection
    return None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
