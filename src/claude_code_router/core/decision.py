"""What routing answers."""

from __future__ import annotations

import msgspec

from claude_code_router.core.errors import Refused
from claude_code_router.core.escalation import Escalation
from claude_code_router.core.target import Route


class Choose(msgspec.Struct, frozen=True, tag="choose"):
    """A rule's answer: this route, because."""

    rule: str
    route: Route
    because: str
    """One sentence a person would say, with the numbers."""
    scenario: str = "default"


class Pass(msgspec.Struct, frozen=True, gc=False, tag="pass"):
    """A rule's answer: not mine, because."""

    rule: str
    because: str


class Refuse(msgspec.Struct, frozen=True, gc=False, tag="refuse"):
    """A rule's answer: this request has no place to go, because."""

    rule: str
    because: str
    hint: str = ""


Verdict = Choose | Pass | Refuse


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The plan for one request and how it came about. Never changed later."""

    route: Route
    rule: str
    scenario: str
    because: str
    verdicts: tuple[Verdict, ...]
    """All of them, in the order of the rules; rules behind the winner say what they would have answered."""
    config_hash: str
    escalation: Escalation | None = None
    """The reply is held, checked, and maybe given by a stronger tier; None: it leaves as it comes."""


class NoRoute(Refused):
    """The rules refused the request, or none had a route for it."""

    def __init__(self, message: str, *, hint: str, verdicts: tuple[Verdict, ...]) -> None:
        super().__init__(message, hint=hint)
        self.verdicts = verdicts
