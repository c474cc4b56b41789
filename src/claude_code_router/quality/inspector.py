"""Is a reply good enough? First what can be told without a model, then the judge. For held replies (a `delivery.holding.
Inspector`) and for those that have left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

import msgspec

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.errors import RouterError
from claude_code_router.core.escalation import Check
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.reply import Reply
from claude_code_router.core.score import Score
from claude_code_router.core.signals import Signals
from claude_code_router.delivery.budget import Spending
from claude_code_router.delivery.client_side import CLIENT_SIDES
from claude_code_router.delivery.holding import Held, Inspection
from claude_code_router.delivery.read_reply import read_reply
from claude_code_router.quality.checks import Finding, check_reply, faults
from claude_code_router.quality.judging import About, Judging, scores_of_checks
from claude_code_router.quality.settings import JudgeSettings

log = logging.getLogger("ccr.escalation")

SHORT = "-short"
"""Behind a request's id: the reply that fell short and that nobody got. It has no row but its attempt's."""
_GRACE_S = 1.0
_NOT_MENDED = frozenset({"failed", "truncation"})
"""What a stronger model would not mend: a reply that we cannot read, and one that was cut off by its own limit."""


class Ledger:
    """What escalation has cost, by namespace and calendar day."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._spending = Spending()
        self._reserved: dict[str, float] = {}

    def reserve(self, namespace: str, usd: float) -> None:
        """For one reply that is held: many at once must not all see the same money. Give it back with the opposite sign."""
        self._reserved[namespace] = self._reserved.get(namespace, 0.0) + usd

    def spent(self, namespace: str, usd: float | None) -> None:
        if usd:
            self._spending.add_to(namespace, usd, self._now())

    def recall(self, spent: Mapping[str, float]) -> None:
        """What the records of today say, by namespace."""
        for namespace, usd in spent.items():
            self._spending.recall(namespace, "day", usd, self._now())

    def today_usd(self, namespace: str) -> float:
        """With what is reserved."""
        return self._spending.spent_usd(namespace, "day", self._now()) + max(self._reserved.get(namespace, 0.0), 0.0)


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a look at one reply."""

    good: bool
    because: str
    scores: tuple[Score, ...] = ()
    final: bool = True
    """It ends the turn: no tool is called. Also when it could not be read."""


class ReplyInspector:
    """One per process. `put` takes what belongs on the records; `now` is Unix seconds."""

    def __init__(self, judging: Judging, put: Callable[[Score], None], now: Callable[[], float]) -> None:
        self._judging = judging
        self._put = put
        self._now = now

    async def inspect(self, held: Held) -> Inspection:
        """A bug of ours must not cost the client its reply: it is released."""
        try:
            # The judge has a limit of its own, so that its row says that it was too slow; this is for what stands before it.
            async with asyncio.timeout(held.plan.check.wait_s + _GRACE_S):
                found = await self.look(held.inbound, held.signals, held.body, held.plan.check)
        except TimeoutError:
            return Inspection(good=True, because=f"nobody had judged it within {held.plan.check.wait_s:g} s")
        except Exception:  # an outermost ring, seen from the reply
            log.exception("bug: the held reply of %s was released unchecked", held.inbound.id)
            return Inspection(good=True, because="the check has a bug; the router's log says more")
        for score in found.scores:
            self._put(score if found.good else msgspec.structs.replace(score, request_id=score.request_id + SHORT))
        short = b"" if found.good else held.body
        return Inspection(good=found.good, because=found.because, scores=found.scores, short=short)

    async def look(self, inbound: Inbound, signals: Signals, body: bytes, check: Check) -> Looked:
        """Nothing is put on the records here: whose reply it was depends on what is done with it."""
        ends_at = asyncio.get_running_loop().time() + check.wait_s
        read = await asyncio.to_thread(_read, inbound, body)
        if read is None:
            return Looked(good=True, because="it cannot be read")
        chat, reply, findings = read
        about = About(
            request_id=inbound.id,
            namespace=signals.namespace,
            session=signals.session,
            category=signals.category,
        )
        scores, final = scores_of_checks(about, findings, self._now()), not reply.calls
        wrong = [one for one in faults(findings) if one.check not in _NOT_MENDED]
        if wrong:
            because = f"the check {wrong[0].check} failed: {wrong[0].because}"
            return Looked(good=False, because=because, scores=scores, final=final)
        if not check.judge or reply.failed:
            return Looked(good=True, because="the checks found no fault", scores=scores, final=final)
        left_s = ends_at - asyncio.get_running_loop().time()
        judge = JudgeSettings(targets=check.judge, tier=check.judge_tier, timeout_s=max(left_s, 0.001))
        judged = await self._judging.score(judge, about, chat, reply)
        if judged is None:
            return Looked(good=True, because="the judge had no answer", scores=scores, final=final)
        good = judged.value >= check.accept_from
        word = "which is good enough" if good else f"below {check.accept_from:g}"
        because = f"{judged.judge} gave {judged.value:g} of 1, {word}"
        return Looked(good=good, because=because, scores=(*scores, judged), final=final)


def _read(inbound: Inbound, body: bytes) -> tuple[ChatRequest, Reply, tuple[Finding, ...]] | None:
    """In a thread of its own: bodies may be large."""
    try:
        chat = CLIENT_SIDES[inbound.dialect].decode_request(inbound.body)
    except RouterError:
        return None
    reply = read_reply(inbound, body)
    return chat, reply, check_reply(chat, reply)
