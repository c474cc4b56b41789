"""Budgets: what was spent today and this month. Times are arguments, Unix seconds; days are the machine's calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from claude_code_router.core.limits import Budget

Period = Literal["day", "month"]
Level = Literal["ok", "warn", "stop"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one budget stands."""

    scope: str
    """A provider's name; empty: everything."""
    period: Period
    spent_usd: float
    limit_usd: float
    level: Level
    resets_at: float
    """Unix seconds."""

    def __str__(self) -> str:
        whose = f"provider {self.scope}" if self.scope else "all providers"
        whose = self.scope.replace("\0", " ") if "\0" in self.scope else whose
        when = "today" if self.period == "day" else "this month"
        return f"${self.spent_usd:.2f} of ${self.limit_usd:.2f} {when} for {whose}"


def period_start(period: Period, now_unix_s: float) -> float:
    return _begin(period, now_unix_s).timestamp()


def period_end(period: Period, now_unix_s: float) -> float:
    begin = _begin(period, now_unix_s)
    later = begin + (timedelta(days=1) if period == "day" else timedelta(days=31))
    return _begin(period, (later + timedelta(hours=2)).timestamp()).timestamp()  # 2 h: a day may have 25


def _begin(period: Period, now_unix_s: float) -> datetime:
    # Naive on purpose: wall-clock midnight, which `timestamp` reads in the machine's zone, whatever its offset then.
    now = datetime.fromtimestamp(now_unix_s)  # noqa: DTZ006
    return datetime(now.year, now.month, now.day if period == "day" else 1)  # noqa: DTZ001


class Spending:
    """US dollars by scope and period. What runs at the moment is not in it: the last requests may pass a bound."""

    def __init__(self) -> None:
        self._spent: dict[tuple[str, Period], tuple[float, float]] = {}
        """(scope, period) -> (start of the period, sum)."""

    def recall(self, scope: str, period: Period, usd: float, now_unix_s: float) -> None:
        """What the records know. What was counted here is kept where it is more: the records may lag behind."""
        known = max(usd, self.spent_usd(scope, period, now_unix_s))
        self._spent[scope, period] = (period_start(period, now_unix_s), known)

    def add(self, provider: str, usd: float, now_unix_s: float) -> None:
        for scope in ("", provider):
            self.add_to(scope, usd, now_unix_s)

    def add_to(self, scope: str, usd: float, now_unix_s: float) -> None:
        for period in _PERIODS:
            start = period_start(period, now_unix_s)
            self._spent[scope, period] = (start, self.spent_usd(scope, period, now_unix_s) + usd)

    def spent_usd(self, scope: str, period: Period, now_unix_s: float) -> float:
        start, usd = self._spent.get((scope, period), (0.0, 0.0))
        return usd if start == period_start(period, now_unix_s) else 0.0

    def standings(self, scope: str, budget: Budget, now_unix_s: float) -> Iterator[Standing]:
        for period, limit in (("day", budget.day_usd), ("month", budget.month_usd)):
            if limit is None:
                continue
            known: Period = "day" if period == "day" else "month"
            spent = self.spent_usd(scope, known, now_unix_s)
            level: Level = "stop" if spent >= limit else "warn" if spent >= limit * budget.warn_at else "ok"
            yield Standing(
                scope=scope,
                period=known,
                spent_usd=spent,
                limit_usd=limit,
                level=level,
                resets_at=period_end(known, now_unix_s),
            )


_PERIODS: tuple[Period, ...] = ("day", "month")
