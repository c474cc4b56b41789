"""What became of the question how hard a turn is: a fact for the rule `difficulty` and for conditions over it."""

from __future__ import annotations

import msgspec


class Rating(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A judge's answer, or why there is none."""

    judge: str
    """The target that was asked, as it is written."""
    prompt: str
    """The version of our prompt: the beginning of its hash."""
    score: float | None = None
    """From 0 (anybody can) to 1."""
    why: str = ""
    """Why there is no score; half a sentence."""
    from_memory: bool = False
    """Nobody was asked for its sake: the words were rated before, earlier in this turn, or another request was just asking."""
    question: str = ""
    """The id of the question's own row; empty when it was not sent."""
    duration_ms: float = 0.0
    """How long the request waited for it."""
    cost_usd: float | None = None
    """Of the question, apart from the request's own cost."""
