"""Quota resets as providers word them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.delivery.quota import quota_reset_s

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h2m3.5s"}, 3723.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "6m0s"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000030000"}, 30.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "45"}, 45.0),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:20Z",
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2027-01-15T08:01:00Z",
                "anthropic-ratelimit-input-tokens-remaining": "7",
                "anthropic-ratelimit-input-tokens-reset": "2027-01-15T09:00:00Z",
            },
            60.0,
        ),
        (
            {
                "anthropic-ratelimit-unified-status": "rejected",
                "anthropic-ratelimit-unified-reset": "1800007200",
            },
            7200.0,
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2020-01-01T00:00:00Z",
            },
            0,
        ),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"}, None),
        ({"x-ratelimit-remaining-requests": "0"}, None),
    ],
)
def test_resets(headers: dict[str, str], seconds: float | None) -> None:
    """Only of what is used up, and the last of them."""
    found = quota_reset_s(list(headers.items()), NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=40))
def test_no_value_breaks_it(value: str) -> None:
    """Whatever stands there: seconds from now, or nothing."""
    headers = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", value)]
    found = quota_reset_s(headers, NOW)
    assert found is None or found >= 0
