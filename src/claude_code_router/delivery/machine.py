"""What to do next, sans-IO: the walk along a Route. It is told what happened and answers with the next order.

    begin ─▶ Try(target)
    failed before content left ─▶ Wait(seconds) ─▶ Try(same) | Try(same, other key) | Try(next target) | Tell(failure)
    failed after content left  ─▶ BreakOff(failure)

A walk always ends: attempts are counted, targets are passed once, and no attempt begins after `max_s`. Time and dice are
arguments.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from claude_code_router.catalog.cards import card
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.target import Route, Target
from claude_code_router.delivery.backoff import SHORT_S, RetrySettings, pause_s
from claude_code_router.delivery.policy import FAILURES, NOT_ASKED, Line


class Try(msgspec.Struct, frozen=True, tag="try"):
    """Knock on this target."""

    target: Target
    last: bool
    """Neither another target nor a repetition can come after it."""


class Wait(msgspec.Struct, frozen=True, tag="wait"):
    """Then call `waited`: the same target is asked again."""

    seconds: float


class Tell(msgspec.Struct, frozen=True, tag="tell"):
    """Nothing of a reply has left for the client yet: answer with this failure."""

    failure: Failure
    attempt: int
    """Which attempt's own words to pass on, counted from 0."""
    note: str = ""
    """Said besides: why a further target was not asked."""


class BreakOff(msgspec.Struct, frozen=True, tag="break_off"):
    """Content has left: close the stream in the client's own dialect with an error."""

    failure: Failure


Order = Try | Wait | Tell | BreakOff
_DEFAULT = RetrySettings()
_MOST_ROTATIONS = 8
"""Keys tried besides the first, over the whole Route. Each that fails rests, so that only one request goes so far."""


def _window_of(target: Target) -> int | None:
    return card(target.model).context_tokens


class Walk:
    """One request's way along its Route."""

    def __init__(
        self,
        route: Route,
        settings: RetrySettings = _DEFAULT,
        *,
        repeats: bool = True,
        tokens: int = 0,
        stronger: tuple[Target, ...] = (),
        window_of: Callable[[Target], int | None] = _window_of,
    ) -> None:
        """`repeats` False: the client repeats by itself, each target is asked once. `tokens`: the prompt's. `stronger`: who
        is asked after a reply that fell short, in place of the rest of the Route."""
        self._targets = route.targets
        self._settings = settings
        self._most = settings.max_attempts if repeats else 0
        self._window_of = window_of
        self._tokens = tokens
        self._needs_over: int | None = None
        """Set by an overflow: only targets with a larger window than this may follow."""
        self._stronger = stronger
        self._short: int | None = None
        """Which attempt's reply fell short."""
        self._at = 0
        self._repetitions = 0
        self._rotations = 0
        self._spent = 0
        self._failures: list[tuple[int, Failure]] = []
        """With the place of its target in the Route."""

    @property
    def escalated(self) -> bool:
        """A reply fell short: what is asked now are the stronger targets."""
        return self._short is not None

    def begin(self) -> Try:
        return self._try()

    def failed(
        self,
        failure: Failure,
        *,
        content_left: bool,
        now_s: float = 0.0,
        dice: float = 0.0,
        may_repeat: bool = True,
        other_key: bool = False,
    ) -> Order:
        """The current attempt failed. `content_left`: some of its reply is already with the client; `now_s`: since the
        request came; `dice` in [0, 1); `may_repeat`: the provider's retry budget has something left; `other_key`: the
        provider has another key that is well."""
        self._failures.append((self._at, failure))
        self._spent += failure.kind not in NOT_ASKED
        if content_left:
            return BreakOff(failure)
        if failure.kind == FailureKind.FELL_SHORT and not self.escalated:
            return self._escalate(now_s)
        line = FAILURES[failure.kind]
        further = self._further(line)
        rotates = other_key and line.cools == "key" and self._rotations < _MOST_ROTATIONS
        pause = self._pause(line, failure, dice, further=rotates or further is not None) if may_repeat else None
        if pause is not None and now_s + pause <= self._settings.max_s:
            self._repetitions += 1
            return Wait(pause)
        if rotates and now_s <= self._settings.max_s:
            self._rotations += 1
            return self._try()
        if further is not None and now_s <= self._settings.max_s:
            self._at, self._repetitions = further, 0
            return self._try()
        return self._tell(line)

    def _escalate(self, now_s: float) -> Order:
        """With a budget of attempts of its own: the first reply was no failed one."""
        self._short = len(self._failures) - 1
        self._targets = self._stronger
        place = next((place for place in range(len(self._targets)) if self._is_large_enough(place)), None)
        if place is None or now_s > self._settings.max_s:
            return self._tell(FAILURES[FailureKind.FELL_SHORT])
        self._at, self._repetitions, self._spent = place, 0, 0
        return self._try()

    def waited(self) -> Try:
        return self._try()

    def _try(self) -> Try:
        behind = any(self._is_large_enough(place) for place in range(self._at + 1, len(self._targets)))
        return Try(self._targets[self._at], last=not behind and self._spent + 1 >= self._most)

    def _pause(self, line: Line, failure: Failure, dice: float, *, further: bool) -> float | None:
        """None: not the same target again."""
        after = failure.retry_after_s
        soon = after is not None and after <= SHORT_S
        if self._repetitions >= line.again_here or (further and not (soon or line.again_first)):
            return None
        if after is not None and after > (SHORT_S if further else self._settings.retry_after_max_s):
            return None
        reserved = len(self._targets) - self._at - 1 if further else 0
        if self._spent + 1 + reserved > self._most:
            return None
        pause = 0.0 if line.at_once and not self._repetitions else pause_s(self._repetitions, self._settings, dice)
        return max(pause, after or 0.0)

    def _further(self, line: Line) -> int | None:
        if line.next_target == "no":
            return None
        if line.next_target == "larger":
            known = self._window_of(self._targets[self._at])
            self._needs_over = max(known if known is not None else self._tokens, self._needs_over or 0)
        places = range(self._at + 1, len(self._targets))
        return next((place for place in places if self._is_large_enough(place)), None)

    def _is_large_enough(self, place: int) -> bool:
        if self._needs_over is None:
            return True
        window = self._window_of(self._targets[place])
        return window is not None and window > self._needs_over

    def _tell(self, line: Line) -> Tell:
        """A failure that ends the walk speaks for itself. When all targets failed, the planned target's own error says
        most: its last, unless it was not asked at all."""
        if self._short is not None:  # a whole reply, though a poor one, says more than any failure behind it
            return Tell(self._failures[self._short][1], self._short)
        last = len(self._failures) - 1
        told = last
        if line.next_target == "yes":
            asked = [n for n, (_, failure) in enumerate(self._failures) if failure.kind not in NOT_ASKED] or [0]
            first_place = self._failures[asked[0]][0]
            told = max(n for n in asked if self._failures[n][0] == first_place)
        capped = [failure.message for _, failure in self._failures if failure.kind == FailureKind.CAPPED]
        return Tell(self._failures[told][1], told, " ".join(dict.fromkeys(capped)))
