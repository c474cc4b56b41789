"""`Alerts` and `Monitoring`: when somebody is told that something is wrong, and who may look."""
# ruff: noqa: N815 (the names are the file's)

from __future__ import annotations

from typing import Annotated

import msgspec

from claude_code_router.config.section import Section


class BandSection(Section, frozen=True, kw_only=True):
    """Where a figure should stay. One of the two may be left out."""

    low: float | None = None
    """Below it there is an alert."""
    high: float | None = None
    """Above it there is an alert."""


class BandsSection(Section, frozen=True, kw_only=True):
    """The figures that are watched: only those that stand here. Shares are from 0 to 1."""

    underRouted: BandSection | None = None
    """Requests whose lighter answer was bad while a heavier tier's would have been good; by the week."""
    overRouted: BandSection | None = None
    """Requests for which a lighter tier would have done; by the week."""
    heavyShare: BandSection | None = None
    """The share of the strongest tier; by the week. Reports hold it against this band too."""
    scoreMean: BandSection | None = None
    """The mean of the judge's scores; by the week."""
    errorRate: BandSection | None = None
    """Requests that failed, of the last hour."""
    fallbackRate: BandSection | None = None
    """Requests that another target answered than the first choice, of the last hour."""
    slowShare: BandSection | None = None
    """Requests whose first content took longer than `slowMs`, of the last hour. For the 95th percentile: `{"high": 0.05}`."""
    costPerDayUsd: BandSection | None = None
    """US dollars since midnight."""
    droppedRecords: BandSection | None = None
    """Records that were lost since the last look; of the whole router."""


class AlertsSection(Section, frozen=True, kw_only=True):
    """Somebody is told when a figure leaves its band, with enough behind it to mean it."""

    bands: BandsSection = msgspec.field(default_factory=BandsSection)
    """Which figures, and where they should stay."""
    webhook: str = ""
    """Where alerts are sent as JSON (POST). Best as `"$NAME"` when the address itself is a secret."""
    everyMinutes: Annotated[float, msgspec.Meta(ge=0.01)] = 15.0
    """How often is looked."""
    slowMs: Annotated[float, msgspec.Meta(ge=1)] = 30_000.0
    """What is slow, for `slowShare`."""
    minimum: Annotated[int, msgspec.Meta(ge=1)] = 30
    """Requests, pairs or scores below which nothing is said."""
    taskValueUsd: Annotated[float, msgspec.Meta(ge=0)] = 0.60
    """What a solved task is worth, for the cost of routing misses in reports."""


class TracesSection(Section, frozen=True, kw_only=True):
    """Traces for OpenTelemetry; needs the extra `otel`."""

    endpoint: str = ""
    """Where they are sent by OTLP over HTTP: `http://localhost:4318/v1/traces`. Empty: nowhere."""
    headers: dict[str, str] = {}
    """Sent with them, such as a key, best as `"$NAME"`."""
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    """Of the requests, from 0 to 1."""


class MonitoringSection(Section, frozen=True, kw_only=True):
    """Who may look, and what is sent out."""

    openMetrics: bool = False
    """`GET /metrics` answers without a key. It tells models, namespaces and costs."""
    traces: TracesSection = msgspec.field(default_factory=TracesSection)
    """Where traces go."""
