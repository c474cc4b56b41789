"""What the owner has said about delivery, as values; and which time limits hold for one attempt."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from claude_code_router.delivery.backoff import RetrySettings
from claude_code_router.delivery.transport import Timeouts
from claude_code_router.delivery.upward import UpwardCaps

_STREAM_HEADERS_S = 180.0
"""A stream's headers come in seconds, even of a model that thinks for long; a local server that reads a long prompt first
takes minutes. Today's client waits 300 s for the first byte of a stream, so that there must be time left for another target."""


class TimeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """One `timeouts` section; None: not said."""

    connect_s: float | None = None
    first_byte_s: float | None = None
    idle_s: float | None = None
    total_s: float | None = None


class DeliverySettings(msgspec.Struct, frozen=True, kw_only=True):
    retry: RetrySettings = RetrySettings()
    upward: UpwardCaps = UpwardCaps()
    timeouts: Mapping[str, TimeLimits] = {}
    """By scenario; `default` holds for scenarios that have none of their own."""
    provider_timeouts: Mapping[str, TimeLimits] = {}
    api_timeout_s: float = 600.0
    ping_after_s: float = 15.0
    """A client that streams gets a ping in silences of this length: proxies between us and it give up after 30 to 60 s."""
    early_s: float = 200.0
    """When nothing at all has left for so long, the stream begins with a ping: today's client gives up after 300 s."""

    @property
    def plain(self) -> bool:
        return not self.timeouts and not self.provider_timeouts


def timeouts_for(settings: DeliverySettings, provider: str, scenario: str, *, stream: bool, last: bool) -> Timeouts:
    """A scenario's own limits win over its provider's, those over `timeouts.default`, and all over what is usual."""
    usual = Timeouts(
        first_byte_s=min(_STREAM_HEADERS_S, settings.api_timeout_s) if stream and not last else settings.api_timeout_s,
        idle_s=settings.api_timeout_s,
    )
    if settings.plain:
        return usual
    said: dict[str, float] = {}
    for limits in (
        settings.timeouts.get("default"),
        settings.provider_timeouts.get(provider),
        settings.timeouts.get(scenario) if scenario != "default" else None,
    ):
        for name in TimeLimits.__struct_fields__:
            value = getattr(limits, name, None)
            if value is not None:
                said[name] = value
    return msgspec.structs.replace(usual, **said)
