"""Whether requests can be served now, and what stands in the way."""

from __future__ import annotations

import msgspec


class Resting(msgspec.Struct, frozen=True, kw_only=True):
    """A breaker that is not closed."""

    what: str
    """`provider x`, `x,model`, `key k of x`."""
    state: str
    """`open`, `half_open` (the next request probes), or `closed` (some failures, too few to open)."""
    for_s: float
    """Seconds until it may be asked again; 0: now."""
    because: str
    """The last failure's kind."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One thing with limits, in the last minute."""

    what: str
    requests: int
    requests_per_min: int | None = None
    tokens: int
    tokens_per_min: int | None = None
    running: int
    concurrency: int | None = None


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """One budget."""

    what: str
    """A sentence: `$3.20 of $5.00 today for all providers`."""
    level: str
    """`ok`, `warn` or `stop`."""
    resets_at: float
    """Unix seconds."""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `GET /health/ready`. Without the router's key only the first two fields are filled."""

    ready: bool
    """The default route can be served: some target of it is known and does not rest, and no budget stops everything."""
    because: str = ""
    """Why not."""
    resting: tuple[Resting, ...] = ()
    limits: tuple[Load, ...] = ()
    budgets: tuple[Spent, ...] = ()
