"""Upward fallbacks are counted and capped, by hour and day and namespace."""

import pytest

from claude_code_router.delivery.upward import UpwardCaps, UpwardLedger

CAPS = UpwardCaps(max_per_hour=2, max_per_day=3, max_usd_per_hour=1.0, max_usd_per_day=1.5)
HOUR = 3600.0


@pytest.mark.parametrize(
    ("steps", "now", "usd", "refused"),
    [
        ([], 0.0, 0.5, ""),
        ([(0.0, 0.1)], 1.0, 0.1, ""),
        ([(0.0, 0.1), (1.0, 0.1)], 2.0, 0.1, "2 of 2 upward fallbacks an hour"),
        ([(0.0, 0.1), (1.0, 0.1)], HOUR + 2, 0.1, ""),
        ([(0.0, 0.1), (1.0, 0.1), (HOUR + 2, 0.1)], 2 * HOUR + 3, 0.1, "3 of 3 upward fallbacks a day"),
        ([(0.0, 0.1), (1.0, 0.1), (HOUR + 2, 0.1)], 24 * HOUR + 3, 0.1, ""),
        ([(0.0, 0.9)], 1.0, 0.2, "$0.90 of $1.00 for upward fallbacks an hour"),
        ([(0.0, 0.9), (HOUR, 0.5)], 2 * HOUR + 1, 0.2, "$1.40 of $1.50 for upward fallbacks a day"),
        ([], 0.0, 1.1, "$0.00 of $1.00 for upward fallbacks an hour"),
    ],
)
def test_refusal(steps: list[tuple[float, float]], now: float, usd: float, refused: str) -> None:
    """Beyond a cap the step is refused, and the refusal says which cap."""
    ledger = UpwardLedger()
    for at, cost in steps:
        ledger.take("", cost, at)
    assert ledger.refusal("", usd, CAPS, now) == refused


def test_namespaces_are_apart() -> None:
    """One workflow's steps do not use up another's."""
    ledger = UpwardLedger()
    ledger.take("a", 1.0, 0.0)
    assert ledger.refusal("a", 0.1, CAPS, 1.0)
    assert not ledger.refusal("b", 0.1, CAPS, 1.0)


def test_what_it_really_cost_counts() -> None:
    """The expected cost is replaced by the actual one."""
    ledger = UpwardLedger()
    step = ledger.take("", 0.9, 0.0)
    ledger.settle(step, 0.0)
    assert not ledger.refusal("", 0.9, CAPS, 1.0)
