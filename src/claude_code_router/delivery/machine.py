"""The walk along a Route, sans-IO: happenings in, orders out.

    begin ─▶ Try(target)
    failed before content left ─▶ Try(same or next target) | Tell(failure)
    failed after content left  ─▶ BreakOff(failure)

A walk always ends: every `Try` consumes a target or one of its few repetitions.
"""

from __future__ import annotations

import msgspec

from claude_code_router.core.failure import Failure
from claude_code_router.core.target import Route, Target
from claude_code_router.delivery.policy import FAILURES


class Try(msgspec.Struct, frozen=True, tag="try"):
    """Knock on this target."""

    target: Target
    last: bool
    """Nothing comes after it, so its bytes need not be held back."""


class Tell(msgspec.Struct, frozen=True, tag="tell"):
    """Nothing has left for the client yet: answer with this failure."""

    failure: Failure
    attempt: int
    """Which attempt's own words to pass on, counted from 0."""


class BreakOff(msgspec.Struct, frozen=True, tag="break_off"):
    """Content has left: close the stream in the client's own dialect with an error."""

    failure: Failure


Order = Try | Tell | BreakOff


class Walk:
    """One request's way along its Route."""

    def __init__(self, route: Route) -> None:
        self._targets = route.targets
        self._at = 0
        self._again = 0
        self._failures: list[Failure] = []

    def begin(self) -> Try:
        return self._try()

    def failed(self, failure: Failure, *, content_left: bool) -> Order:
        """The current attempt failed. `content_left`: some of its reply is already with the client."""
        self._failures.append(failure)
        if content_left:
            return BreakOff(failure)
        line = FAILURES[failure.kind]
        if self._again < line.again_here:
            self._again += 1
            return self._try()
        if line.next_target and self._at + 1 < len(self._targets):
            self._at += 1
            self._again = 0
            return self._try()
        # All targets tried: the planned target's own error says most. A failure that ends the walk speaks for itself.
        told = 0 if line.next_target else len(self._failures) - 1
        return Tell(self._failures[told], told)

    def _try(self) -> Try:
        return Try(self._targets[self._at], last=self._at + 1 == len(self._targets))
