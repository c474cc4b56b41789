"""What a change of models costs a session whose prompt cache is warm. Pure arithmetic; derivation in docs/stickiness.md.

With a cached prefix of L tokens, D new ones a call and O of output, one call on a warm cache costs
`L·read + D·write + O·out`, the first one elsewhere `(L + D)·write + O·out`. So moving costs the difference between the
first and a warm call *there*, once, and saves the difference between a warm call *here* and one there, each time.
"""

from __future__ import annotations

import msgspec

from claude_code_router.catalog.prices import Rates
from claude_code_router.core.usage import Usage


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """What a coming call of the session looks like, in tokens."""

    cached_tokens: int
    new_tokens: int
    output_tokens: int


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """From one target to another, in USD."""

    once_usd: float
    """Paid with the first call: the prefix is written to the new target's cache."""
    saving_usd: float
    """Per call from then on; negative when the new target is dearer."""

    @property
    def break_even_calls(self) -> float | None:
        """None when it never pays."""
        return self.once_usd / self.saving_usd if self.saving_usd > 0 else None


def move(here: Rates, there: Rates, calls: Calls) -> Move | None:
    """None when a price is missing: what is not known is not compared."""
    warm_here = _warm_usd(here, calls)
    warm_there = _warm_usd(there, calls)
    first_there = _first_usd(there, calls)
    if warm_here is None or warm_there is None or first_there is None:
        return None
    return Move(once_usd=max(0.0, first_there - warm_there), saving_usd=warm_here - warm_there)


def _warm_usd(rates: Rates, calls: Calls) -> float | None:
    return rates.cost_usd(
        Usage(
            cache_read_tokens=calls.cached_tokens,
            cache_write_tokens=calls.new_tokens,
            output_tokens=calls.output_tokens,
        )
    )


def _first_usd(rates: Rates, calls: Calls) -> float | None:
    return rates.cost_usd(
        Usage(cache_write_tokens=calls.cached_tokens + calls.new_tokens, output_tokens=calls.output_tokens)
    )
