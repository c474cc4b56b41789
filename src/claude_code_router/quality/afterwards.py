"""Replies that have left, looked at in the background: for the session's next turn, and to know whether an escalation was
worth it. Bounded; what does not fit is not looked at."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

import msgspec

from claude_code_router.core.escalation import Check, Trouble
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.quality.backlog import Backlog
from claude_code_router.quality.inspector import SHORT, Looked, ReplyInspector
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
    known: Looked | None = None
    """It was looked at before it left."""
    looked: asyncio.Future[Looked]
    """Tells others what was found; that nobody looked is told, too."""

    @property
    def size(self) -> int:
        return len(self.inbound.body) + len(self.body)


class Afterwards:
    """One per process: `put` from the request's end, `run` once as a task."""

    def __init__(self, inspector: ReplyInspector, troubles: Troubles, put: Callable[[Score | Pair], None]) -> None:
        self._inspector = inspector
        self._troubles = troubles
        self._put = put
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

    def _pair(self, left: Left, other: Discarded, found: Looked) -> None:
        """Only where both values are known, of one judge in one epoch."""
        served, short = _value(found.scores), _value(other.scores)
        if served is None or short is None:
            return
        by = _judged(found.scores) or _judged(other.scores)
        costs = [one.cost_usd for one in (*found.scores, *other.scores) if one.cost_usd is not None]
        self._put(
            Pair(
                request_id=left.inbound.id,
                other_id=left.inbound.id + SHORT,
                at=left.inbound.received_at,
                probability=1.0,
                escalated=True,
                namespace=left.signals.namespace,
                category=left.signals.category,
                rule=left.rule,
                served_tier=left.tier,
                other_tier=other.tier,
                served_target=str(left.target),
                other_target=str(other.target),
                served_value=served,
                other_value=short,
                judge=by.judge if by else "",
                epoch=by.epoch if by else "",
                served_cost_usd=left.cost_usd,
                other_cost_usd=other.cost_usd,
                judge_cost_usd=sum(costs) if costs else None,
            )
        )


@contextlib.contextmanager
def _told(looked: asyncio.Future[Looked]) -> Iterator[None]:
    """Whatever goes wrong: somebody may wait for it."""
    try:
        yield
    finally:
        if not looked.done():
            looked.set_result(_UNSEEN)


def _judged(scores: tuple[Score, ...]) -> Score | None:
    return next((score for score in scores if score.by == "model"), None)


def _value(scores: tuple[Score, ...]) -> float | None:
    """The judge's where there is one; 0 where a check has failed."""
    judged = _judged(scores)
    if judged is not None:
        return judged.value
    return 0.0 if scores else None
