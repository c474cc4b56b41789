"""Scores and pairs in the background: after the reply, never in the request's way, from memory, and forgotten afterwards.

    draw(…)      before the reply begins: is this one looked at?      microseconds
    put(item)    after it has ended                                   never blocks, never fails; beyond the bounds it is dropped
    run()        once, as a task: the workers

First the checks; then the judge; then, for those that were drawn, the other tier's answer and both of them compared, blind
and in both orders.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.errors import RouterError
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.record import Purpose
from claude_code_router.core.reply import Reply
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.delivery.ask import Answer, Asking, Errand
from claude_code_router.delivery.client_side import CLIENT_SIDES
from claude_code_router.delivery.read_reply import read_reply
from claude_code_router.quality.backlog import Backlog
from claude_code_router.quality.checks import check_reply, faults
from claude_code_router.quality.inspector import Looked
from claude_code_router.quality.judge import epoch_of
from claude_code_router.quality.judging import About, Judging, scores_of_checks
from claude_code_router.quality.sampling import Draw, draw
from claude_code_router.quality.settings import JudgeSettings, QualitySettings
from claude_code_router.routing.declared import Tier

log = logging.getLogger("ccr.scores")

CAPACITY = 200
"""Replies that may wait, with those that are being judged."""
CAPACITY_BYTES = 64 << 20
"""Their bodies together."""


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """One request with its whole reply."""

    settings: QualitySettings
    """Of the config that it was answered under."""
    draw: Draw
    inbound: Inbound
    signals: Signals
    reply_body: bytes
    """As the client got it."""
    rule: str
    tier: str
    """Of who answered."""
    target: Target
    cost_usd: float | None = None
    other_target: Target | None = None
    """Whom to ask for the pair that was drawn; None: nobody."""
    looked: asyncio.Future[Looked] | None = None
    """What escalation finds of this reply; None: it does not look at it."""
    keep_bodies: bool = False
    """On the other tier's row; only where the owner keeps bodies."""

    @property
    def about(self) -> About:
        known = self.signals
        return About(
            request_id=self.inbound.id, namespace=known.namespace, session=known.session, category=known.category
        )

    @property
    def size(self) -> int:
        return len(self.inbound.body) + len(self.reply_body)


class Tally(msgspec.Struct, kw_only=True):
    """Since the start."""

    scored: int = 0
    """Replies with a judge's score."""
    paired: int = 0
    dropped: int = 0
    """Not looked at: too many waited."""
    unjudged: int = 0
    """The judge had no answer: down, too slow, over its budget, or nonsense. Likewise the other tier."""


class Scorer:
    """One per process. `dice` gives numbers in [0, 1); `now` Unix seconds."""

    def __init__(
        self,
        asking: Asking,
        judging: Judging,
        put: Callable[[Score | Pair], None],
        *,
        dice: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._asking = asking
        self._judging = judging
        self._put = put
        self._dice = dice
        self._now = now
        self._backlog = Backlog(self._judge, most=CAPACITY, most_bytes=CAPACITY_BYTES)
        self.tally = Tally()

    def draw(
        self,
        settings: QualitySettings,
        signals: Signals,
        *,
        rule: str,
        scenario: str,
        tier: Tier | None,
        tiers: Mapping[str, Tier],
    ) -> Draw | None:
        return draw(settings, signals, rule=rule, scenario=scenario, tier=tier, tiers=tiers, dice=self._dice)

    @property
    def waiting(self) -> int:
        """With those that are being judged."""
        return self._backlog.waiting

    def put(self, item: Finished) -> None:
        if not self._backlog.put(item):
            self.tally.dropped = self._backlog.dropped

    async def run(self) -> None:
        await self._backlog.run()

    async def _judge(self, item: Finished) -> None:
        read = await asyncio.to_thread(_read, item)
        if read is None:
            return
        chat, reply = read
        served = await self._known(item) or await self._opinion(item, item.about, chat, reply)
        if item.draw.pair_probability and item.settings.judge is not None:
            await self._pair(item, item.settings.judge, chat, reply, served)

    async def _known(self, item: Finished) -> _Opinion | None:
        """What escalation has found of it: one judge is not asked twice. None when it has not, or asked another judge."""
        # Shielded: it belongs to who looks, and whoever waits for it may be ended first.
        scores = (await asyncio.shield(item.looked)).scores if item.looked is not None else ()
        if any(score.by == "check" for score in scores):
            return _Opinion(value=0.0)
        judges = [str(target) for target in item.settings.judge.targets] if item.settings.judge else []
        judged = next((score for score in scores if score.judge in judges), None)
        if judged is None:
            return None
        self.tally.scored += 1
        return _Opinion(value=judged.value, score=judged)

    async def _opinion(self, item: Finished, about: About, chat: ChatRequest, reply: Reply) -> _Opinion:
        """What stands on the records of one reply from now on, and what it comes to."""
        drawn = item.draw
        probability = drawn.score_probability if about == item.about else drawn.pair_probability
        findings = await asyncio.to_thread(check_reply, chat, reply)
        for score in scores_of_checks(about, findings, self._now()):
            self._put(msgspec.structs.replace(score, probability=probability))
        if faults(findings):
            return _Opinion(value=0.0)
        if item.settings.judge is None:
            return _Opinion()
        judged = await self._judging.score(item.settings.judge, about, chat, reply)
        if judged is None:
            self.tally.unjudged += 1
            return _Opinion()
        if judged.cost_usd is None and not self.tally.scored:
            log.warning("the price of %s is not known: the day's budget for judging cannot be kept", judged.judge)
        self.tally.scored += 1
        self._put(msgspec.structs.replace(judged, probability=probability))
        return _Opinion(value=judged.value, score=judged)

    async def _pair(
        self, item: Finished, judge: JudgeSettings, chat: ChatRequest, reply: Reply, served: _Opinion
    ) -> None:
        if reply.searched:
            return  # the other one may not: it would be no fair comparison
        other = await self._ask(item)
        if other is None or other.failed:
            self.tally.unjudged += 1
            return
        # Both replies are judged by the same one.
        named = served.score.judge if served.score else str(judge.targets[0])
        judge = msgspec.structs.replace(judge, targets=tuple(one for one in judge.targets if str(one) == named))
        item = msgspec.structs.replace(item, settings=msgspec.structs.replace(item.settings, judge=judge))
        about = msgspec.structs.replace(item.about, request_id=other.id)
        second = await self._opinion(item, about, chat, other.reply)
        preferred, cost_usd = await self._preferred(item.about, judge, chat, (reply, other.reply), (served, second))
        # Where checks have decided, no judge was asked: it still counts among the pairs of the one that would have been.
        by = str(judge.targets[0])
        costs = [usd for usd in (served.cost_usd, second.cost_usd, cost_usd) if usd is not None]
        self.tally.paired += 1
        self._put(
            Pair(
                request_id=item.inbound.id,
                other_id=other.id,
                at=item.inbound.received_at,
                probability=item.draw.pair_probability,
                namespace=item.signals.namespace,
                category=item.signals.category,
                rule=item.rule,
                served_tier=item.tier,
                other_tier=item.draw.pair_tier,
                served_target=str(item.target),
                other_target=str(other.target),
                served_value=served.value,
                other_value=second.value,
                preferred=preferred,
                judge=by,
                epoch=epoch_of(by),
                served_cost_usd=item.cost_usd,
                other_cost_usd=other.cost_usd,
                judge_cost_usd=sum(costs) if costs else None,
            )
        )

    async def _ask(self, item: Finished) -> Answer | None:
        """The other tier's answer, when there is money for it and for judging it."""
        pairs, judge, namespace = item.settings.pairs, item.settings.judge, item.signals.namespace
        allowed = self._asking.allowance.allows(Purpose.SHADOW, namespace, pairs.a_day_usd, self._now())
        if item.other_target is None or judge is None or not allowed or not self._judging.may_spend(judge, namespace):
            return None
        errand = Errand(
            purpose=Purpose.SHADOW,
            target=item.other_target,
            parent=item.inbound.id,
            namespace=namespace,
            tier=item.draw.pair_tier,
            session=item.signals.session,
            timeout_s=pairs.timeout_s,
            keep_bodies=item.keep_bodies,
        )
        inbound, signals = item.inbound, item.signals
        if signals.search_aside:
            body = CLIENT_SIDES[inbound.dialect].without_search(inbound.body)
            inbound = msgspec.structs.replace(inbound, body=body)
            signals = msgspec.structs.replace(signals, server_tools=(), search_aside=False)
        return await self._asking.once_more(errand, inbound, signals)

    async def _preferred(
        self,
        about: About,
        judge: JudgeSettings,
        chat: ChatRequest,
        replies: tuple[Reply, Reply],
        opinions: tuple[_Opinion, _Opinion],
    ) -> tuple[Literal["", "served", "other", "tie"], float | None]:
        """A reply with a fault has lost without a judge."""
        served, other = opinions
        if served.score is None and other.score is None:
            return ("tie" if served.value == other.value == 0.0 else ""), None
        if served.score is None or other.score is None:
            missing = served if served.score is None else other
            lost: Literal["served", "other"] = "other" if missing is served else "served"
            return (lost if missing.value == 0.0 else ""), None
        outcome = await self._judging.compare(judge, about, chat, *replies)
        return outcome.preferred, outcome.cost_usd


class _Opinion(msgspec.Struct, frozen=True, kw_only=True):
    value: float | None = None
    """0 when a check failed; None without any judgement."""
    score: Score | None = None
    """The judge's, when it was asked."""

    @property
    def cost_usd(self) -> float | None:
        return self.score.cost_usd if self.score else None


def _read(item: Finished) -> tuple[ChatRequest, Reply] | None:
    """In a thread of its own: bodies may be large. None when the request cannot be read as a conversation."""
    try:
        chat = CLIENT_SIDES[item.inbound.dialect].decode_request(item.inbound.body)
    except RouterError:
        return None
    return chat, read_reply(item.inbound, item.reply_body)
