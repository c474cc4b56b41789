"""How long to wait before the same target is asked again, and whether at all. Pure: time and dice are arguments."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

import msgspec


class RetrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The owner's `retry`."""

    max_attempts: int = 3
    """Of one request, over repetitions and fallbacks. A longer Route is walked to its end, without repetitions."""
    max_s: float = 600.0
    """No attempt begins later than this after the request came."""
    base_s: float = 0.5
    """The first pause is drawn from [0, base_s], the next from twice that, and so on."""
    cap_s: float = 8.0
    retry_after_max_s: float = 20.0
    """A longer `retry-after` is not waited for: the client is told, or the next target asked."""
    ratio: float = 0.2
    """Repetitions per request that a provider gets when it fails for everybody."""
    burst: float = 10.0
    """Repetitions that are always in hand at first, and after a quiet time."""


_REFILL_PER_S = 0.1
"""So that a lone user, who sends few requests, is not without repetitions for long after an outage."""
SHORT_S = 2.0
"""A `retry-after` up to here is waited for although there is a further target: a switch costs the prompt cache."""


def pause_s(repetition: int, settings: RetrySettings, dice: float) -> float:
    """Exponential with full jitter. `repetition` counts from 0, `dice` is in [0, 1)."""
    return float(dice * min(settings.cap_s, settings.base_s * 2.0 ** min(repetition, 32)))


_A_WEEK_S = 7 * 86_400.0


def retry_after_s(value: str, now_unix_s: float) -> float | None:
    """Seconds from a `retry-after` header: a number or an HTTP date. None when it is neither; never negative."""
    value = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return min(float(value), _A_WEEK_S)
    try:
        at = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return min(max(0.0, at - now_unix_s), _A_WEEK_S)


class RetryBudget(msgspec.Struct, frozen=True):
    """A provider's token bucket: requests fill it, repetitions empty it. When all requests fail, about `ratio` of them are
    repeated instead of each of them twice, so that an outage does not become a storm."""

    tokens: float
    at_s: float
    """Monotonic."""

    @property
    def allows(self) -> bool:
        return self.tokens >= 1.0

    def requested(self, now_s: float, settings: RetrySettings) -> RetryBudget:
        """One more request to this provider."""
        refill = settings.ratio + max(0.0, now_s - self.at_s) * _REFILL_PER_S
        return RetryBudget(min(settings.burst, self.tokens + refill), now_s)

    def repeated(self) -> RetryBudget:
        return RetryBudget(self.tokens - 1.0, self.at_s)
