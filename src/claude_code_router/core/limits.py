"""What the owner allows: how much at once, how much a minute, how much money."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """None: no limit."""

    requests_per_min: int | None = None
    """In any 60 s, not in the clock's minutes."""
    tokens_per_min: int | None = None
    """Prompt (without what was read from a cache, once that is known) and output together, in any 60 s."""
    concurrency: int | None = None
    queue_s: float = 30.0
    """How long a request may wait for its turn."""

    @property
    def any(self) -> bool:
        return self.requests_per_min is not None or self.tokens_per_min is not None or self.concurrency is not None


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars in the calendar of the machine. None: no bound."""

    day_usd: float | None = None
    month_usd: float | None = None
    warn_at: float = 0.8
    """The share of a bound from which on the owner is warned."""

    @property
    def any(self) -> bool:
        return self.day_usd is not None or self.month_usd is not None
