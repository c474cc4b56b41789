"""The plan for a reply that may fall short: part of a Decision, complete before the first byte leaves."""

from __future__ import annotations

import msgspec

from claude_code_router.core.target import Target


class Escalation(msgspec.Struct, frozen=True, kw_only=True):
    """The planned reply is held whole and checked; should it fall short, these targets answer instead of it."""

    tier: str
    """Of the planned target."""
    to: str
    """The next tier up."""
    targets: tuple[Target, ...]
    """Of that tier, in order; never empty."""
    judge: Target | None = None
    """None: only what can be told without a model."""
    accept_from: float = 0.6
    """The judge's score, from 0 to 1, from which on the reply is good enough."""
    wait_s: float = 20.0
    """How long the check may take; then the reply is released."""
    hold_s: float = 120.0
    """A stream that is not whole after so long, since the request came, is released unchecked."""
    hold_bytes: int = 4 << 20
    """A reply that is larger is released unchecked."""
