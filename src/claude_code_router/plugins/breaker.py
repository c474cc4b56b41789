"""Leaves a script alone for a while when it keeps failing. Pure: time is an argument."""

from __future__ import annotations

FAILURES = 3
WINDOW_S = 60.0
OPEN_S = 30.0


class Breaker:
    """Three failures within a minute open it for half a minute; then one request tries, and its fate decides."""

    def __init__(self) -> None:
        self._failed_at: list[float] = []
        self._open_until = 0.0
        self._trying = False

    def opens_in_s(self, now: float) -> float:
        """How long it still lets nothing through; 0.0: ask, and report the outcome."""
        if not self._open_until:
            return 0.0
        if now < self._open_until:
            return self._open_until - now
        if self._trying:
            return OPEN_S
        self._trying = True
        return 0.0

    def succeeded(self) -> None:
        """Ends a trial. Failures within the window still count: a script that fails every other time is no good one."""
        if self._open_until:
            self.reset()

    def failed(self, now: float) -> bool:
        """True when this failure has opened it."""
        self._failed_at = [at for at in self._failed_at if now - at < WINDOW_S]
        self._failed_at.append(now)
        again, self._trying = self._trying, False
        if again or len(self._failed_at) >= FAILURES:
            self._open_until, self._failed_at = now + OPEN_S, []
            return True
        return False

    def abandoned(self) -> None:
        """Nobody waited for the outcome."""
        self._trying = False

    def reset(self) -> None:
        """A new script deserves a new trial."""
        self._failed_at, self._open_until, self._trying = [], 0.0, False
