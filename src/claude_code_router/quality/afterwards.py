"""Replies that have left, looked at in the background: for the session's next turn, and to know whether an escalation was
worth it. Bounded; what does not fit is not looked at."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

import msgspec

from claude_code_router.core.escalation import Check, Trouble
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.score import Score
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.quality.backlog import Backlog
from claude_code_router.quality.inspector import Looked, ReplyInspector
from claude_code_router.quality.settings import JudgeSettings
from claude_code_router.quality.troubles import Troubles

_CAPACITY = 100
_CAPACITY_BYTES = 32 << 20
_UNSEEN = Looked(good=True, because="nobody looked at it")


class Discarded(msgspec.Struct, frozen=True, kw_only=True):
    """The reply that fell short, in whose place another one was given."""

    tier: str
    target: Target
    scores: tuple[Score, ...]
    cost_usd: float | None = None
    body: bytes = b""
    """As the client would have got it; empty when nobody compares it."""


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """One reply that has left whole."""

    inbound: Inbound
    signals: Signals
    body: bytes
    """As the client got it."""
    conversation: str
    rule: str
    tier: str
    """Of who answered; empty when it is in none."""
    top: bool
    """Above that tier there is none."""
    target: Target
    check: Check
    enough: int
    """So many good turns end a trouble."""
    cost_usd: float | None = None
    discarded: Discarded | None = None
    comparing: JudgeSettings | None = None
    """Who compares it with that one; None: nobody."""
    known: Looked | None = None
    """It was looked at before it left."""
    looked: asyncio.Future[Looked]
    """Tells others what was found; that nobody looked is told, too."""

    @property
    def size(self) -> int:
        return len(self.inbound.body) + len(self.body) + (len(self.discarded.body) if self.discarded else 0)


class Afterwards:
    """One per process: `put` from the request's end, `run` once as a task."""

    def __init__(
        self,
        inspector: ReplyInspector,
        troubles: Troubles,
        put: Callable[[Score], None],
        pair: Callable[[Left, Discarded, Looked], None],
    ) -> None:
        """`pair`: takes what was escalated, with what was found of the reply that came instead."""
        self._inspector = inspector
        self._troubles = troubles
        self._put = put
        self._pair = pair
        self._backlog = Backlog(self._look, most=_CAPACITY, most_bytes=_CAPACITY_BYTES)

    @property
    def waiting(self) -> int:
        """With those that are being looked at."""
        return self._backlog.waiting

    @property
    def dropped(self) -> int:
        return self._backlog.dropped

    def put(self, left: Left) -> None:
        """Never blocks, never fails."""
        if not self._backlog.put(left):
            left.looked.set_result(left.known or _UNSEEN)

    async def run(self) -> None:
        await self._backlog.run()

    async def _look(self, left: Left) -> None:
        with _told(left.looked):
            found = left.known
            if found is None:
                found = await self._inspector.look(left.inbound, left.signals, left.body, left.check)
                for score in found.scores:
                    self._put(score)
            left.looked.set_result(found)
        if left.discarded is not None:
            self._pair(left, left.discarded, found)
        if found.good:
            if found.final:
                self._troubles.went_well(left.conversation, left.enough)
        elif left.top:
            self._troubles.no_better(left.conversation)
        else:
            because = f"the last reply of {left.tier or left.target} fell short: {found.because}"
            self._troubles.fell_short(left.conversation, Trouble(because=because, tier=left.tier))


@contextlib.contextmanager
def _told(looked: asyncio.Future[Looked]) -> Iterator[None]:
    """Whatever goes wrong: somebody may wait for it."""
    try:
        yield
    finally:
        if not looked.done():
            looked.set_result(_UNSEEN)
