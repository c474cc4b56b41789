"""Going up a tier because of quality: what the owner asks for, the plan for one held reply, and why a session went up."""

from __future__ import annotations

import msgspec

from claude_code_router.core.target import Target


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests. What is empty holds for all; all that is said must hold."""

    rules: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """How a reply is looked at. What can be told without a model always comes first."""

    judge: tuple[Target, ...] = ()
    """Asked in this order until one has an answer; empty: no model is asked."""
    judge_tier: str = ""
    """Of the judge, for its rows on the records."""
    accept_from: float = 0.6
    """The judge's score, from 0 to 1, from which on a reply is good enough."""
    wait_s: float = 20.0
    """How long it may take; a reply that nobody has judged by then is good enough."""


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Replies that are kept back until they were looked at."""

    which: Which = Which()
    check: Check = Check()
    hold_s: float = 120.0


class NextTurn(msgspec.Struct, frozen=True, kw_only=True):
    """Replies that are looked at after they have left."""

    which: Which = Which()
    check: Check = Check(wait_s=60.0)


class StallLimit(msgspec.Struct, frozen=True, kw_only=True):
    errors: int = 3
    """The same error of the same tool so often in one turn is a stall."""
    inside_loop: bool = False
    """The turn that stalls goes up itself, though it leaves a warm cache; else the next one does."""


class EscalationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One of `hold`, `next_turn` and `stall` at least."""

    hold: Hold | None = None
    next_turn: NextTurn | None = None
    stall: StallLimit | None = None
    good_turns: int = 2
    """So many good turns in a row end what a poor reply or a stall began."""
    a_day_usd: float | None = 5.0
    """What the judging and the second answers may cost in a calendar day and namespace; None: without a bound."""


class Escalation(msgspec.Struct, frozen=True, kw_only=True):
    """The plan for a reply that may fall short: part of a Decision, complete before the first byte leaves. The planned reply is
    held whole and checked; should it fall short, these targets answer instead of it."""

    tier: str
    """Of the planned target."""
    to: str
    """The next tier up."""
    targets: tuple[Target, ...]
    """Of that tier, in order; never empty."""
    check: Check = Check()
    hold_s: float = 120.0
    """A stream that is not whole after so long, since the request came, is released unchecked."""
    hold_bytes: int = 4 << 20
    """A reply that is larger is released unchecked."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why a session's turns go up a tier for now. A fact of a request."""

    because: str
    """With the numbers; no words of the conversation."""
    tier: str = ""
    """That fell short; empty: whichever the rules choose."""
    good_turns: int = 0
    """Since then, in a row."""


class Stall(msgspec.Struct, frozen=True):
    """A tool that fails in the same way again and again, in one turn."""

    tool: str
    errors: int
    marked: bool = True
    """By the client, as errors; else it is the same call with the same result."""
