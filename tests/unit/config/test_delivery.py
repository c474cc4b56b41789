"""`timeouts`, `retry` and `upwardFallback` of the file become delivery's values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.config.load import load_text
from claude_code_router.core.errors import ConfigError
from claude_code_router.delivery.settings import DeliverySettings, TimeLimits


def read(**top: Any) -> DeliverySettings:
    provider = {
        "name": "p",
        "api_base_url": "http://127.0.0.1:1/v1/messages",
        "models": ["m"],
        **top.pop("provider", {}),
    }
    return load_text(json.dumps({"Providers": [provider], **top}), "config.json", {}).settings.delivery


def test_nothing_said() -> None:
    """The defaults are those of delivery, and API_TIMEOUT_MS bounds them."""
    assert read() == DeliverySettings()
    found = read(API_TIMEOUT_MS=30_000)
    assert (found.api_timeout_s, found.retry.max_s) == (30.0, 30.0)


def test_timeouts() -> None:
    """By kind of request and by provider; numbers may stand in strings."""
    found = read(
        timeouts={"think": {"first_byte_s": 900}, "default": {"idle_s": "60"}}, provider={"timeouts": {"connect_s": 2}}
    )
    assert found.timeouts == {"think": TimeLimits(first_byte_s=900.0), "default": TimeLimits(idle_s=60.0)}
    assert found.provider_timeouts == {"p": TimeLimits(connect_s=2.0)}


def test_retry_and_caps() -> None:
    """What is said wins, the rest stays."""
    found = read(retry={"max_attempts": 5, "max_s": 90}, upwardFallback={"max_per_hour": 0})
    assert (found.retry.max_attempts, found.retry.max_s, found.retry.base_s) == (5, 90.0, 0.5)
    assert (found.upward.max_per_hour, found.upward.max_per_day) == (0, 500)


@pytest.mark.parametrize(
    ("top", "path"),
    [
        ({"retry": {"max_attempts": 0}}, "retry.max_attempts"),
        ({"retry": {"ratio": -1}}, "retry.ratio"),
        ({"timeouts": {"think": {"idle_s": 0}}}, "timeouts.think.idle_s"),
        ({"upwardFallback": {"max_usd_per_day": "much"}}, "upwardFallback.max_usd_per_day"),
    ],
)
def test_mistakes_are_said_with_their_place(top: dict[str, Any], path: str) -> None:
    """Each wrong value is an error at its place."""
    with pytest.raises(ConfigError) as failed:
        read(**top)
    assert [problem.path for problem in failed.value.problems] == [path]


@pytest.mark.parametrize(
    ("top", "path"),
    [
        ({"timeouts": {"thinks": {}}}, "timeouts.thinks"),
        ({"timeouts": {"think": {"idle": 1}}}, "timeouts.think.idle"),
        ({"retry": {"attempts": 1}}, "retry.attempts"),
        ({"provider": {"timeouts": {"total": 1}}}, "Providers[0].timeouts.total"),
    ],
)
def test_unknown_keys_are_warned_of(top: dict[str, Any], path: str) -> None:
    """A misspelt key is kept and told."""
    provider = {
        "name": "p",
        "api_base_url": "http://127.0.0.1:1/v1/messages",
        "models": ["m"],
        **top.pop("provider", {}),
    }
    config = load_text(json.dumps({"Providers": [provider], **top}), "config.json", {})
    assert path in [problem.path for problem in config.warnings]
