"""Models asked for our own sake: a judge's question, or a client's request once more at another target.

Through the same delivery as everything else (keys, limits, health, retries), into memory instead of to a client. Each
leaves a row of its own on the records, marked by its purpose, so that it never counts as the owner's traffic.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence

import msgspec

from claude_code_router.core.chat import Image
from claude_code_router.core.decision import Decision
from claude_code_router.core.errors import RouterError
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.record import Outcome, Purpose, Record
from claude_code_router.core.reply import Reply
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.allowance import Allowance
from claude_code_router.delivery.deliver import Delivery, Means
from claude_code_router.delivery.knock import Headers
from claude_code_router.delivery.read_reply import read_reply
from claude_code_router.dialects.anthropic_messages.turns import image_block

_HEADERS = ((b"content-type", b"application/json"), (b"anthropic-version", b"2023-06-01"))
_CLIENTS_TRACE = frozenset({b"traceparent", b"tracestate"})
_REPLY_LIMIT_BYTES = 8 << 20
_BYTES_A_TOKEN = 3.5
"""Only for the limits' sake: our own prompts are short and English."""


Book = Callable[[str, float], None]
"""Takes a namespace, and the US dollars that were spent in it."""


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """For whose sake, and how long it may take."""

    purpose: Purpose
    target: Target
    parent: str = ""
    """The id of the request that it is about."""
    namespace: str = ""
    tier: str = ""
    """The target's, for the record."""
    session: str = ""
    """Of the request that it is about: it keeps its session's key."""
    timeout_s: float = 60.0
    """Whole, retries included."""
    keep_bodies: bool = False
    """On the record; only where the owner keeps bodies."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `reply.failed` says why there is none."""

    id: str
    """Its row on the records."""
    target: Target
    reply: Reply
    usage: Usage | None = None
    cost_usd: float | None = None
    """None: nothing was used, or the price is not known."""
    first_event_ms: float | None = None
    """Until the first content; of an answer that was not streamed, until the whole."""
    duration_ms: float = 0.0

    @property
    def text(self) -> str:
        return self.reply.text

    @property
    def failed(self) -> str:
        return self.reply.failed


class Asking:
    """`means` gives those of the config in force, by namespace (empty: the whole file's)."""

    def __init__(self, means: Callable[[str], Means], put: Callable[[Record], None], allowance: Allowance) -> None:
        self._means = means
        self._put = put
        self.allowance = allowance
        self._rule = ""
        self._book: Book | None = None

    def on_account_of(self, rule: str, book: Book) -> Asking:
        """The same, whose rows are told apart by this rule, and whose costs are booked there too, come of it what may."""
        other = Asking(self._means, self._put, self.allowance)
        other._rule, other._book = rule, book
        return other

    async def question(
        self, errand: Errand, system: str, user: str, *, max_tokens: int = 300, pictures: Sequence[Image] = ()
    ) -> Answer:
        """A prompt of ours, in one piece. Never raises for what goes wrong upstream."""
        content = [*map(image_block, pictures), {"type": "text", "text": user}]
        body = {
            "model": errand.target.model,
            "max_tokens": max_tokens,
            "system": system,
            "messages": [{"role": "user", "content": content if pictures else user}],
        }
        inbound = Inbound(
            id=f"req_{uuid.uuid4().hex[:24]}",
            path="/v1/messages",
            query="",
            headers=_HEADERS,
            header={name.decode(): value.decode() for name, value in _HEADERS},
            body=msgspec.json.encode(body),
            received_at=self._means(errand.namespace).now(),
        )
        signals = Signals(
            model=errand.target.model,
            max_tokens=max_tokens,
            tokens=round(len(inbound.body) / _BYTES_A_TOKEN),
            body_bytes=len(inbound.body),
            turns=1,
            session=errand.session,
            namespace=errand.namespace,
        )
        return await self._deliver(errand, inbound, signals)

    async def once_more(self, errand: Errand, inbound: Inbound, signals: Signals) -> Answer:
        """A client's request, answered by another target into memory. It is no part of the client's trace."""
        renamed = msgspec.structs.replace(
            inbound,
            id=f"req_{uuid.uuid4().hex[:24]}",
            headers=tuple(header for header in inbound.headers if header[0] not in _CLIENTS_TRACE),
            received_at=self._means(errand.namespace).now(),
        )
        return await self._deliver(errand, renamed, signals)

    async def _deliver(self, errand: Errand, inbound: Inbound, signals: Signals) -> Answer:
        means, memory = self._means(errand.namespace), _InMemory()
        decision = Decision(
            route=Route((errand.target,)),
            rule=self._rule or errand.purpose.value,
            scenario="default",
            because=f"asked for the sake of {errand.parent or 'the router itself'}",
            verdicts=(),
            config_hash="",
        )
        began = means.clock()
        delivery = Delivery(inbound, signals, decision, means, memory)
        failed = ""
        try:
            async with asyncio.timeout(errand.timeout_s):
                await delivery.run()
        except TimeoutError:
            failed = f"There was no answer within {errand.timeout_s:g} s."
        except RouterError as error:
            failed = error.message
        finally:
            took_ms = (means.clock() - began) * 1000
            cost_usd = self._settle(errand, delivery, means)
            self._put(_record(errand, inbound, signals, decision, delivery, took_ms, failed, memory.body))
        if not failed and delivery.outcome != Outcome.DELIVERED:
            failed = delivery.error or "There was no answer."
        last = delivery.attempts[-1] if delivery.attempts else None
        return Answer(
            id=inbound.id,
            target=errand.target,
            reply=Reply(failed=failed) if failed else read_reply(inbound, memory.body),
            usage=last.usage if last else None,
            cost_usd=cost_usd,
            first_event_ms=delivery.first_event_ms,
            duration_ms=took_ms,
        )

    def _settle(self, errand: Errand, delivery: Delivery, means: Means) -> float | None:
        """What it cost counts in the owner's budgets and in the allowance of its purpose."""
        costs = [
            (attempt.target.provider, means.expected_usd(attempt.target, attempt.usage))
            for attempt in delivery.attempts
            if attempt.usage is not None
        ]
        known = [(provider, usd) for provider, usd in costs if usd is not None]
        for provider, usd in known:
            means.gate.spent(provider, usd, errand.namespace)
            self.allowance.spent(errand.purpose, errand.namespace, usd, means.now())
            if self._book is not None:
                self._book(errand.namespace, usd)
        return sum(usd for _, usd in known) if known else None


class _InMemory:
    """A `Sink` that keeps what would have left for a client."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def body(self) -> bytes:
        return b"".join(self._parts)

    async def start(self, status: int, headers: Headers) -> None:
        """The delivery's own outcome says how it went."""

    async def send(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= _REPLY_LIMIT_BYTES:
            self._parts.append(body)

    async def end(self, body: bytes = b"") -> None:
        await self.send(body)


def _record(
    errand: Errand,
    inbound: Inbound,
    signals: Signals,
    decision: Decision,
    delivery: Delivery,
    took_ms: float,
    failed: str,
    reply: bytes,
) -> Record:
    return Record(
        id=inbound.id,
        at=inbound.received_at,
        path=inbound.path,
        outcome=Outcome.EXHAUSTED if failed else delivery.outcome,
        status=delivery.status,
        purpose=errand.purpose,
        parent=errand.parent,
        tier=errand.tier,
        signals=signals,
        decision=decision,
        attempts=tuple(delivery.attempts),
        first_event_ms=delivery.first_event_ms,
        total_ms=took_ms,
        error=failed or delivery.error,
        request_body=inbound.body if errand.keep_bodies else None,
        reply_body=reply if errand.keep_bodies else None,
    )
