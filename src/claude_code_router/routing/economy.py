"""What a change of models costs a session whose prompt cache is warm. Pure arithmetic; derivation in docs/stickiness.md.

With a prefix of L tokens, D new ones a call and O of output, one call on a warm cache costs `L·read + D·write + O·out`; the
first one elsewhere, where M of the L tokens are still warm from an earlier visit, `M·read + (L - M + D)·write + O·out`. So
moving costs the difference between the first and a warm call *there*, once, and saves the difference between a warm call
*here* and one there, each time.
"""

from __future__ import annotations

from claude_code_router.catalog.prices import Rates
from claude_code_router.core.standing import Calls, Move


def move(here: Rates, there: Rates, calls: Calls, warm_there_tokens: int = 0) -> Move | None:
    """None when a price is missing: what is not known is not compared."""
    warm_here = _call_usd(here, calls, calls.prefix_tokens)
    warm_there = _call_usd(there, calls, calls.prefix_tokens)
    first_there = _call_usd(there, calls, min(warm_there_tokens, calls.prefix_tokens))
    if warm_here is None or warm_there is None or first_there is None:
        return None
    return Move(once_usd=max(0.0, first_there - warm_there), saving_usd=warm_here - warm_there)


def _call_usd(rates: Rates, calls: Calls, warm_tokens: int) -> float | None:
    """As `Rates.cost_usd`, of which a call needs the half; every turn of a session is weighed with three of these."""
    prompt = calls.prefix_tokens + calls.new_tokens
    total = 0.0
    for tokens, rate in (
        (warm_tokens, rates.cache_read or rates.input),
        (prompt - warm_tokens, rates.cache_write or rates.input),
        (calls.output_tokens, rates.output),
    ):
        if tokens <= 0:
            continue
        if rate is None:
            return None
        total += tokens * (rate.for_prompt(prompt) if rate.tiers else rate.base)
    return total / 1_000_000 + rates.request_usd
