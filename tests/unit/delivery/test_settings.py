"""Which time limits hold for an attempt."""

import pytest

from claude_code_router.delivery.settings import DeliverySettings, TimeLimits, timeouts_for

OWN = DeliverySettings(
    timeouts={"default": TimeLimits(idle_s=1.0, total_s=2.0, connect_s=3.0), "think": TimeLimits(idle_s=10.0)},
    provider_timeouts={"slow": TimeLimits(idle_s=100.0, total_s=200.0)},
)


@pytest.mark.parametrize(
    ("provider", "scenario", "limits"),
    [
        ("any", "default", (3.0, 1.0, 2.0)),
        ("any", "background", (3.0, 1.0, 2.0)),
        ("any", "think", (3.0, 10.0, 2.0)),
        ("slow", "default", (3.0, 100.0, 200.0)),
        ("slow", "think", (3.0, 10.0, 200.0)),
    ],
)
def test_who_wins(provider: str, scenario: str, limits: tuple[float, float, float]) -> None:
    """The scenario's own, then the provider's, then the default's: field by field."""
    found = timeouts_for(OWN, provider, scenario, stream=True, last=True)
    assert (found.connect_s, found.idle_s, found.total_s) == limits


@pytest.mark.parametrize(
    ("stream", "last", "api_timeout_s", "first_byte_s"),
    [(True, True, 600.0, 600.0), (True, False, 600.0, 180.0), (True, False, 20.0, 20.0), (False, False, 600.0, 600.0)],
)
def test_first_byte(stream: bool, last: bool, api_timeout_s: float, first_byte_s: float) -> None:
    """API_TIMEOUT_MS is the bound; a stream that could come from elsewhere is waited for less long."""
    settings = DeliverySettings(api_timeout_s=api_timeout_s)
    assert timeouts_for(settings, "p", "default", stream=stream, last=last).first_byte_s == first_byte_s
