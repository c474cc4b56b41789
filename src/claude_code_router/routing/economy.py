"""What a change of models costs a session whose prompt cache is warm. Pure arithmetic; derivation in docs/stickiness.md.

With a prefix of L tokens, D new ones a call and O of output, one call on a warm cache costs `L·read + D·write + O·out`; the
first one elsewhere, where M of the L tokens are still warm from an earlier visit, `M·read + (L - M + D)·write + O·out`. So
moving costs the difference between the first and a warm call *there*, once, and saves the difference between a warm call
*here* and one there, each time.
"""

from __future__ import annotations

import msgspec

from claude_code_router.catalog.prices import Rates
from claude_code_router.core.usage import Usage


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """What a coming call of the session looks like, in tokens."""

    prefix_tokens: int
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


def move(here: Rates, there: Rates, calls: Calls, warm_there_tokens: int = 0) -> Move | None:
    """None when a price is missing: what is not known is not compared."""
    warm_here = _call_usd(here, calls, calls.prefix_tokens)
    warm_there = _call_usd(there, calls, calls.prefix_tokens)
    first_there = _call_usd(there, calls, min(warm_there_tokens, calls.prefix_tokens))
    if warm_here is None or warm_there is None or first_there is None:
        return None
    return Move(once_usd=max(0.0, first_there - warm_there), saving_usd=warm_here - warm_there)


def _call_usd(rates: Rates, calls: Calls, warm_tokens: int) -> float | None:
    return rates.cost_usd(
        Usage(
            cache_read_tokens=warm_tokens,
            cache_write_tokens=calls.prefix_tokens - warm_tokens + calls.new_tokens,
            output_tokens=calls.output_tokens,
        )
    )
