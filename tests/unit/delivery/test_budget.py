"""Budgets: what counts where, and when it begins anew."""

from datetime import datetime

import pytest

from claude_code_router.core.limits import Budget
from claude_code_router.delivery.budget import Spending, period_end, period_start


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("now", "day_end", "month_start", "month_end"),
    [
        ("2026-11-24T10:00", "2026-11-25T00:00", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("2026-12-31T23:59", "2027-01-01T00:00", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("2028-02-29T00:00", "2028-03-01T00:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        ("2026-03-29T12:00", "2026-03-30T00:00", "2026-03-01T00:00", "2026-04-01T00:00"),
    ],
)
def test_periods_are_those_of_the_calendar(now: str, day_end: str, month_start: str, month_end: str) -> None:
    """Midnight and the first of the month, on this machine's clock."""
    assert period_end("day", at(now)) == at(day_end)
    assert period_start("month", at(now)) == at(month_start)
    assert period_end("month", at(now)) == at(month_end)


@pytest.mark.parametrize(("usd", "level"), [(7.9, "ok"), (8.0, "warn"), (9.99, "warn"), (10.0, "stop"), (11.0, "stop")])
def test_levels(usd: float, level: str) -> None:
    """Warned from 80 % on, stopped at the bound."""
    spending, now = Spending(), at("2026-11-24T10:00")
    spending.add("p", usd, now)
    (standing,) = spending.standings("", Budget(day_usd=10.0), now)
    assert (standing.level, standing.spent_usd) == (level, usd)


def test_a_provider_counts_for_itself_and_for_all() -> None:
    """And not for its neighbour."""
    spending, now = Spending(), at("2026-11-24T10:00")
    spending.add("p", 1.0, now)
    spending.add("q", 2.0, now)
    assert [spending.spent_usd(scope, "day", now) for scope in ("", "p", "q")] == [3.0, 1.0, 2.0]


def test_a_new_day_begins_with_nothing_and_the_month_goes_on() -> None:
    """Also when nothing happened at midnight."""
    spending = Spending()
    spending.add("p", 1.0, at("2026-11-24T23:59"))
    tomorrow = at("2026-11-25T00:00")
    assert (spending.spent_usd("", "day", tomorrow), spending.spent_usd("", "month", tomorrow)) == (0.0, 1.0)


def test_the_records_are_where_counting_begins() -> None:
    """After a restart the budget is not full again."""
    spending, now = Spending(), at("2026-11-24T10:00")
    spending.recall("", "day", 9.0, now)
    spending.add("p", 1.0, now)
    (standing,) = spending.standings("", Budget(day_usd=10.0), now)
    assert (standing.level, str(standing)) == ("stop", "$10.00 of $10.00 today for all providers")
