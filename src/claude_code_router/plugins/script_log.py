"""What a script prints, in the router's log: bounded, so that a chatty one does not fill a disk."""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger("ccr.custom")

_LINES_PER_MINUTE = 300
_LINE_CHARACTERS = 500
_UNFINISHED_LIMIT_BYTES = 1 << 16


class ScriptLog:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._minute = 0
        self._lines = 0
        self._unfinished = b""

    def printed(self, data: bytes) -> None:
        """Raw output; whole lines are logged."""
        *lines, rest = (self._unfinished + data).split(b"\n")
        self._unfinished = rest[-_UNFINISHED_LIMIT_BYTES:]
        for line in lines:
            self.said(logging.INFO, line.decode(errors="replace"))

    def said(self, level: int, text: str) -> None:
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute, self._lines = minute, 0
        self._lines += 1
        if self._lines < _LINES_PER_MINUTE:
            log.log(level, "custom router says: %s", text.rstrip()[:_LINE_CHARACTERS])
        elif self._lines == _LINES_PER_MINUTE:
            log.warning("the custom router says too much: the rest of this minute is not logged")
