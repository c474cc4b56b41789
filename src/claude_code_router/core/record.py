"""The row kept of every request."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Decision, Verdict
from claude_code_router.core.signals import Signals


class Outcome(StrEnum):
    """How a walk ended."""

    DELIVERED = "delivered"
    ESCALATED = "escalated"  # delivered by a stronger tier, after the planned reply was held and fell short
    REFUSED = "refused"  # by us, before any attempt: bad request, no route, no auth
    EXHAUSTED = "exhausted"  # every target failed, or the upstream's own error was passed on
    BROKEN_OFF = "broken_off"  # failed after content had left for the client
    CLIENT_GONE = "client_gone"


ANSWERED = frozenset({Outcome.DELIVERED, Outcome.ESCALATED})
"""The client has a whole reply."""


class Purpose(StrEnum):
    """For whose sake a model was asked. Only `CLIENT` counts in figures about the owner's traffic."""

    CLIENT = "client"
    TEST = "test"  # a client that says so itself: `x-ccr-purpose: test`
    DIFFICULTY = "difficulty"  # a judge rates how hard a turn is
    SCORE = "score"  # a judge rates a reply
    SHADOW = "shadow"  # another tier answers the same request; never served
    SIGHT = "sight"  # a model that sees describes a picture for one that does not
    SEARCH = "search"  # a model that can search does so for one that cannot
    REPLAY = "replay"
    UPGRADE = "upgrade"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known of one request when it ended, from values already in hand. The store flattens it into a row."""

    id: str
    at: float
    """Unix time of arrival, seconds."""
    path: str
    outcome: Outcome
    status: int
    """The HTTP status that the client saw; 499 when it left first."""
    purpose: Purpose = Purpose.CLIENT
    parent: str = ""
    """The request for whose sake we asked; empty for a client's own."""
    tier: str = ""
    """Of the target that answered, by the tiers of the config in force; empty when it is in none."""
    signals: Signals | None = None
    """None when the body could not be read."""
    decision: Decision | None = None
    verdicts: tuple[Verdict, ...] = ()
    """What the rules said of a request to which they gave no route; else the decision has them."""
    shadow: Decision | None = None
    """What the shadow rules would have decided; None without them, or when they refused."""
    shadow_refused: str = ""
    """Why the shadow rules would have refused the request."""
    attempts: tuple[Attempt, ...] = ()
    first_event_ms: float | None = None
    """Arrival to the first content byte that left for the client."""
    total_ms: float = 0.0
    error: str = ""
    """What the client was told, when it was told an error; no secrets."""
    traceparent: str = ""
    """The client's header, as it came; for traces only."""
    estimate_raw: float = 0.0
    """The uncalibrated token estimate, so that the estimator's error can be read off the records."""
    request_body: bytes | None = None
    """Only when the owner asked for bodies; redacted by the store before writing."""
    reply_body: bytes | None = None
