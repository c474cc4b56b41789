"""Escalated requests as pairs: the reply that fell short beside the one that came instead, compared blind and in both orders
where the owner has pairs compared. In the background and bounded; what does not fit, or may not cost anything, is a pair all
the same, without a preference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

import msgspec

from claude_code_router.core.errors import RouterError
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.score import Pair, Score
from claude_code_router.delivery.client_side import CLIENT_SIDES
from claude_code_router.delivery.read_reply import read_reply
from claude_code_router.quality.afterwards import Discarded, Left
from claude_code_router.quality.backlog import Backlog
from claude_code_router.quality.inspector import SHORT, Looked
from claude_code_router.quality.judging import About, Judging, Preferred
from claude_code_router.quality.settings import JudgeSettings

_CAPACITY = 50
_CAPACITY_BYTES = 32 << 20


class _Escalated(msgspec.Struct, frozen=True):
    left: Left
    other: Discarded
    found: Looked

    @property
    def inbound(self) -> Inbound:
        return self.left.inbound

    @property
    def size(self) -> int:
        return self.left.size


class EscalatedPairs:
    """One per process. `put` takes what belongs on the records."""

    def __init__(self, judging: Judging, put: Callable[[Pair], None]) -> None:
        self._judging = judging
        self._put = put
        self._backlog = Backlog(self._compare, most=_CAPACITY, most_bytes=_CAPACITY_BYTES)

    def add(self, left: Left, other: Discarded, found: Looked) -> None:
        """Only where both values are known, of one judge in one epoch."""
        judges = {score.epoch for score in (*found.scores, *other.scores) if score.by == "model"}
        if not found.scores or not other.scores or len(judges) > 1:
            return
        item = _Escalated(left, other, found)
        both = _judged(found.scores) is not None and _judged(other.scores) is not None
        if not both or left.comparing is None or not other.body or not self._backlog.put(item):
            self._put(_pair(item, _by_checks(found.scores, other.scores)))

    async def run(self) -> None:
        await self._backlog.run()

    async def _compare(self, item: _Escalated) -> None:
        left, found = item.left, Preferred()
        assert left.comparing is not None
        try:
            found = await self._preferred(left, item.other, _by_the_same(left.comparing, item.found.scores))
        except RouterError:
            pass  # the request cannot be read as a conversation
        finally:
            self._put(_pair(item, found))

    async def _preferred(self, left: Left, other: Discarded, judge: JudgeSettings) -> Preferred:
        chat = await asyncio.to_thread(CLIENT_SIDES[left.inbound.dialect].decode_request, left.inbound.body)
        replies = [await asyncio.to_thread(read_reply, left.inbound, body) for body in (left.body, other.body)]
        known = left.signals
        about = About(
            request_id=left.inbound.id, namespace=known.namespace, session=known.session, category=known.category
        )
        return await self._judging.compare(judge, about, chat, *replies)


def _by_the_same(judges: JudgeSettings, scores: tuple[Score, ...]) -> JudgeSettings:
    """Of several the one that scored the replies: the others are asked where it is down, and see with other eyes."""
    judged = _judged(scores)
    assert judged is not None
    return msgspec.structs.replace(judges, targets=tuple(one for one in judges.targets if str(one) == judged.judge))


def _pair(item: _Escalated, compared: Preferred) -> Pair:
    left, other, found = item.left, item.other, item.found
    by = _judged(found.scores) or _judged(other.scores)
    costs = [one.cost_usd for one in (*found.scores, *other.scores)]
    known = [usd for usd in (*costs, compared.cost_usd) if usd is not None]
    return Pair(
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
        served_value=_value(found.scores),
        other_value=_value(other.scores),
        preferred=compared.preferred,
        judge=by.judge if by else "",
        epoch=by.epoch if by else "",
        served_cost_usd=left.cost_usd,
        other_cost_usd=other.cost_usd,
        judge_cost_usd=sum(known) if known else None,
    )


def _by_checks(served: tuple[Score, ...], other: tuple[Score, ...]) -> Preferred:
    """A reply with a fault has lost without a judge to one that a judge has read; of two with faults neither is better."""
    failed = _judged(served) is None, _judged(other) is None
    words: dict[tuple[bool, bool], Literal["", "served", "other", "tie"]] = {
        (True, True): "tie",
        (True, False): "other",
        (False, True): "served",
        (False, False): "",
    }
    return Preferred(preferred=words[failed])


def _judged(scores: tuple[Score, ...]) -> Score | None:
    return next((score for score in scores if score.by == "model"), None)


def _value(scores: tuple[Score, ...]) -> float | None:
    """The judge's where there is one; 0 where a check has failed."""
    judged = _judged(scores)
    if judged is not None:
        return judged.value
    return 0.0 if scores else None
