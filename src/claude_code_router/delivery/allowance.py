"""What the router may spend of its own accord: by purpose, namespace and calendar day."""

from __future__ import annotations

from collections.abc import Mapping

from claude_code_router.core.record import Purpose
from claude_code_router.delivery.budget import Spending


class Allowance:
    """Times are arguments, Unix seconds. What runs at the moment is not in it: the last question may pass the bound."""

    def __init__(self) -> None:
        self._spending = Spending()

    def spent(self, purpose: Purpose, namespace: str, usd: float, now: float) -> None:
        self._spending.add_to(_scope(purpose, namespace), usd, now)

    def seed(self, spent: Mapping[tuple[Purpose, str], float], now: float) -> None:
        """What the records of today say, by purpose and namespace."""
        for (purpose, namespace), usd in spent.items():
            self._spending.recall(_scope(purpose, namespace), "day", usd, now)

    def spent_today_usd(self, purpose: Purpose, namespace: str, now: float) -> float:
        return self._spending.spent_usd(_scope(purpose, namespace), "day", now)

    def allows(self, purpose: Purpose, namespace: str, a_day_usd: float | None, now: float) -> bool:
        """`a_day_usd` None: without a bound."""
        return a_day_usd is None or self.spent_today_usd(purpose, namespace, now) < a_day_usd


def _scope(purpose: Purpose, namespace: str) -> str:
    return f"{purpose.value}\0{namespace}"
