"""What the owner wants judged, by whom, and for how much money."""

from __future__ import annotations

import msgspec

from claude_code_router.core.target import Target


class JudgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who judges. Not empty."""

    targets: tuple[Target, ...]
    """Asked in this order until one gives a judgement; a judgement's epoch says which one it was."""
    tier: str = ""
    """Of the judge, for its rows on the records; empty when it was named as a target."""
    timeout_s: float = 60.0
    """For one judgement, all targets together."""
    max_tokens: int = 1_000
    """Room for its answer. The answer itself is short, but some models think first."""
    a_day_usd: float | None = None
    """What judging may cost in a calendar day and namespace; None: without a bound."""
