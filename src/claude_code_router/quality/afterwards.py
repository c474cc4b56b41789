"""Replies that have left, looked at in the background: for the session's next turn, and to know whether an escalation was
worth it. Bounded; what does not fit is not looked at."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from claude_code_router.core.escalation import Check, Trouble
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.quality.inspector import SHORT, Looked, ReplyInspector
from claude_code_router.quality.troubles import Troubles

log = logging.getLogger("ccr.escalation")

_CAPACITY = 100
_CAPACITY_BYTES = 32 << 20
_WORKERS = 2


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

    @property
    def size(self) -> int:
        return len(self.inbound.body) + len(self.body)


class Afterwards:
    """One per process: `put` from the request's end, `run` once as a task."""

    def __init__(self, inspector: ReplyInspector, troubles: Troubles, put: Callable[[Score | Pair], None]) -> None:
        self._inspector = inspector
        self._troubles = troubles
        self._put = put
        self._queue: asyncio.Queue[Left] = asyncio.Queue(_CAPACITY)
        self._bytes = 0
        self.dropped = 0

    def put(self, left: Left) -> None:
        """Never blocks, never fails."""
        if self._queue.full() or self._bytes + left.size > _CAPACITY_BYTES:
            self.dropped += 1
            return
        self._bytes += left.size
        self._queue.put_nowait(left)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(_WORKERS):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            left = await self._queue.get()
            try:
                await self._look(left)
            except Exception:  # an outermost ring: the next reply must find a worker
                log.exception("bug: the reply of %s was not looked at", left.inbound.id)
            finally:
                self._bytes -= left.size

    async def _look(self, left: Left) -> None:
        found = left.known
        if found is None:
            found = await self._inspector.look(left.inbound, left.signals, left.body, left.check)
            for score in found.scores:
                self._put(score)
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


def _judged(scores: tuple[Score, ...]) -> Score | None:
    return next((score for score in scores if score.by == "model"), None)


def _value(scores: tuple[Score, ...]) -> float | None:
    """The judge's where there is one; 0 where a check has failed."""
    judged = _judged(scores)
    if judged is not None:
        return judged.value
    return 0.0 if scores else None
