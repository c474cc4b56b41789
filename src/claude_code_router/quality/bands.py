"""The bands that the owner wants his figures to stay in, and what it takes to say that one has left. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from claude_code_router.quality.intervals import Estimate

Kpi = Literal[
    "under_routed", "over_routed", "heavy_share", "error_rate", "fallback_rate", "slow_share", "cost_per_day_usd",
    "dropped_records", "score_mean",
]  # fmt: skip


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """None: no bound on that side."""

    low: float | None = None
    high: float | None = None

    def side(self, estimate: Estimate) -> Literal["below", "above", ""]:
        """Empty unless the whole interval lies outside: a figure that may be inside by chance is no alarm."""
        if self.high is not None and estimate.low > self.high:
            return "above"
        if self.low is not None and estimate.high < self.low:
            return "below"
        return ""

    def holds(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        if self.low is None:
            return f"at most {self.high:g}" if self.high is not None else "anything"
        return f"at least {self.low:g}" if self.high is None else f"{self.low:g} to {self.high:g}"


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one namespace, or of everything."""

    bands: Mapping[Kpi, Band] = {}
    slow_ms: float = 30_000.0
    """A request whose first content takes longer is slow."""
    minimum: int = 30
    """Observations below which nothing is said."""
    every_s: float = 900.0
    webhook: str = ""
    task_value_usd: float = 0.60
