"""Pauses, retry-after and the retry budget: arithmetic with time and dice as arguments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.delivery.backoff import RetryBudget, RetrySettings, pause_s, retry_after_s

SETTINGS = RetrySettings()
NOW = 1_794_000_000.0


@pytest.mark.parametrize(
    ("repetition", "dice", "pause"), [(0, 0.0, 0.0), (0, 0.999, 0.4995), (1, 0.5, 0.5), (3, 0.5, 2.0), (9, 0.5, 4.0)]
)
def test_pause(repetition: int, dice: float, pause: float) -> None:
    """Full jitter: anything from nothing to the doubled bound, which is capped."""
    assert pause_s(repetition, SETTINGS, dice) == pytest.approx(pause)


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_pause_is_bounded(repetition: int, dice: float) -> None:
    """However often it is repeated."""
    assert 0.0 <= pause_s(repetition, SETTINGS, dice) <= SETTINGS.cap_s


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("0", 0.0),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("1e9", None),
        ("999999999", 7 * 86_400.0),
        ("Mon, 99 Foo 2026", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    """Seconds are read, and bounded; what is neither a number nor a date counts as not said."""
    assert retry_after_s(value, NOW) == seconds


def test_retry_after_as_a_date() -> None:
    """An HTTP date is so many seconds from now, never negative."""
    assert retry_after_s("Thu, 01 Jan 1970 00:01:10 GMT", 60.0) == 10.0
    assert retry_after_s("Thu, 01 Jan 1970 00:00:10 GMT", 60.0) == 0.0


@given(st.text(max_size=40), st.floats(0, 4e9))
def test_any_header_is_survived(value: str, now: float) -> None:
    """Whatever an upstream writes there."""
    seconds = retry_after_s(value, now)
    assert seconds is None or 0 <= seconds <= 7 * 86_400


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300))
def test_an_outage_is_no_storm(gaps: list[float]) -> None:
    """When every request fails and would be repeated twice, repetitions are a fraction of the requests."""
    settings = RetrySettings(ratio=0.2, burst=10.0)
    budget, now, repeated = RetryBudget(settings.burst, 0.0), 0.0, 0
    for gap in gaps:
        now += gap
        budget = budget.requested(now, settings)
        for _ in range(2):
            if budget.allows:
                budget, repeated = budget.repeated(), repeated + 1
    assert repeated <= settings.burst + len(gaps) * settings.ratio + now * 0.1 + 1
    assert budget.tokens >= 0
