"""When a used-up quota is filled again, as providers say it in headers besides `retry-after`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_UNITS_S = (86_400.0, 3600.0, 60.0, 1.0, 0.001)
_REMAINING = re.compile(r"(anthropic-ratelimit-[a-z-]+|x-ratelimit)-remaining(-[a-z-]+)?")
_MILLISECONDS_FROM = 1e11
"""A Unix time above it is in milliseconds: in seconds it would be the year 5138."""


def quota_reset_s(headers: Sequence[tuple[str, str]], now_unix_s: float) -> float | None:
    """Seconds until the last of the quotas that have nothing left is filled again; None when none says so.

    Read are `anthropic-ratelimit-<what>-remaining` and `-reset` (RFC 3339), `anthropic-ratelimit-unified-reset` (Unix
    seconds, subscriptions), OpenAI's and Groq's `x-ratelimit-remaining-<what>` and `-reset-<what>` (`6m0s`), OpenRouter's
    `x-ratelimit-remaining` and `-reset` (Unix milliseconds)."""
    named = {name.lower(): value.strip() for name, value in headers}
    resets = [_seconds(named.get(reset, ""), now_unix_s) for reset in _resets(named)]
    return max((reset for reset in resets if reset is not None), default=None)


def _resets(named: Mapping[str, str]) -> Iterator[str]:
    """Names of the headers that say when what is used up comes back."""
    for name, value in named.items():
        found = _REMAINING.fullmatch(name)
        if found and value in ("0", "0.0"):
            yield f"{found[1]}-reset{found[2] or ''}"
    if named.get("anthropic-ratelimit-unified-status") == "rejected":
        yield "anthropic-ratelimit-unified-reset"


def _seconds(value: str, now_unix_s: float) -> float | None:
    if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", value):
        number = float(value)
        at = number / 1000 if number > _MILLISECONDS_FROM else number
        return max(0.0, at - now_unix_s) if at > 1e9 else number  # a small number is a duration
    found = _DURATION.fullmatch(value)
    if value and found:
        return sum(float(part) * unit for part, unit in zip(found.groups(), _UNITS_S, strict=True) if part)
    try:
        at = datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, at - now_unix_s)
