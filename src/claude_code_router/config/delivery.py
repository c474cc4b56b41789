"""`timeouts`, `retry` and `upwardFallback` become delivery's values."""

from __future__ import annotations

import msgspec

from claude_code_router.config import schema
from claude_code_router.delivery.backoff import RetrySettings
from claude_code_router.delivery.settings import DeliverySettings, TimeLimits
from claude_code_router.delivery.upward import UpwardCaps


def delivery_settings(file: schema.File) -> DeliverySettings:
    api_timeout_s = file.API_TIMEOUT_MS / 1000
    retry = msgspec.structs.asdict(file.retry)
    return DeliverySettings(
        retry=RetrySettings(**{**retry, "max_s": file.retry.max_s or api_timeout_s}),
        upward=UpwardCaps(**msgspec.structs.asdict(file.upwardFallback)),
        timeouts={
            scenario: _limits(section)
            for scenario, section in msgspec.structs.asdict(file.timeouts).items()
            if section is not None
        },
        provider_timeouts={p.name: _limits(p.timeouts) for p in file.Providers if p.timeouts is not None},
        api_timeout_s=api_timeout_s,
    )


def _limits(section: schema.TimeLimitsSection) -> TimeLimits:
    return TimeLimits(**msgspec.structs.asdict(section))
