"""The driver: carries out the walk's orders on the wire. Once content has left for the client there is no retreat."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Decision
from claude_code_router.core.errors import BadRequest, Refused, TransportFailed
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.record import Outcome
from claude_code_router.core.secrets import NO_SECRETS, Secrets
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.beat import Beat, SilentTooLong
from claude_code_router.delivery.client_reply import ClientReply, Sink
from claude_code_router.delivery.exchange import Exchange, exchange_for
from claude_code_router.delivery.gate import Gate
from claude_code_router.delivery.healing import without_refused_thinking
from claude_code_router.delivery.holding import Held, Hold, Inspection, Inspector
from claude_code_router.delivery.knock import (
    ERROR_BODY_LIMIT_BYTES,
    JSON_HEADERS,
    REPLY_BODY_LIMIT_BYTES,
    SSE_HEADERS,
    TOLD,
    Headers,
    HeldReply,
    Knock,
    Theirs,
    content_type,
    on_its_way,
    read_all,
    told_retry_after_s,
    with_length,
)
from claude_code_router.delivery.machine import Order, Tell, Try, Wait, Walk
from claude_code_router.delivery.memory import Memory
from claude_code_router.delivery.policy import FAILURES, kind_of_status
from claude_code_router.delivery.settings import DeliverySettings, timeouts_for
from claude_code_router.delivery.transport import Timeouts, Transport, UpstreamReply
from claude_code_router.delivery.upward import UpwardStep
from claude_code_router.providers.headers import reply_headers
from claude_code_router.providers.provider import Provider

_USUAL_OUTPUT_TOKENS = 1000
"""What a reply is taken to be long when two targets' costs are compared before either has answered."""


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What a delivery needs of the house."""

    providers: Mapping[str, Provider]
    transport: Transport
    settings: DeliverySettings
    memory: Memory
    gate: Gate
    inspector: Inspector | None = None
    """Looks at the replies that are held; None: none is."""
    instance: str = ""
    """This process among routers: marks requests on their way, so that one that comes back is known."""
    secrets: Secrets = NO_SECRETS
    """Never told to a client, though an upstream repeats them in its errors."""
    expected_usd: Callable[[Target, Usage], float | None] = lambda _target, _usage: None
    """None: the price is unknown."""
    clock: Callable[[], float]
    """Monotonic seconds."""
    now: Callable[[], float] = time.time
    """Unix seconds."""
    dice: Callable[[], float] = random.random
    """In [0, 1)."""


class Delivery:
    """One request on its way to an answer. Its fields are the Record's, valid at every moment, even after a cancel."""

    def __init__(self, inbound: Inbound, signals: Signals, decision: Decision, means: Means, sink: Sink) -> None:
        self._inbound = inbound
        self._signals = signals
        self._decision = decision
        self._means = means
        self._began = means.clock()
        self._client = ClientReply(inbound, decision, means.settings, sink, self.elapsed_ms, stream=signals.stream)
        self._exchange: Exchange | None = None
        """Of the last attempt."""
        self._theirs: list[Theirs | None] = []
        """Per attempt."""
        self._route = decision.route
        """In the order of health."""
        self._plan = decision.escalation if means.inspector else None
        self._escalated = False
        """A held reply fell short: the targets of the plan are asked."""
        self._passed_by = 0
        """Attempts that stand before the walk's first."""
        self._other_key = False
        """After a failed attempt: its provider has another key that is well."""
        self.attempts: list[Attempt] = []
        self.outcome = Outcome.CLIENT_GONE  # until proven otherwise: a cancel leaves it standing
        self.error = ""
        self.inspection: Inspection | None = None
        """Of the reply that was held."""
        self.first_event_ms: float | None = None

    def show(self, inbound: Inbound) -> None:
        """Before `run`: the same request, with its pictures in words."""
        self._inbound = inbound

    async def run(self) -> None:
        """Ends when the client has its answer, whatever it is. Raises BadRequest if the request cannot be translated."""
        means = self._means
        memory, retry = means.memory, means.settings.retry
        # The SDK's clients say that they repeat; today's Claude Code does not.
        repetition = self._inbound.header.get("x-stainless-retry-count", "0") != "0" or memory.is_repetition(
            self._signals, self._began
        )
        self._pass_by()
        walk = Walk(
            self._route,
            retry,
            repeats=not repetition,
            tokens=self._signals.tokens,
            stronger=self._stronger,
            window_of=self._window_of,
        )
        order: Order = walk.begin()
        while isinstance(order, Try | Wait):
            if isinstance(order, Wait):
                memory.repeated(self.attempts[-1].target.provider)
                await asyncio.sleep(order.seconds)
                order = walk.waited()
                continue
            if not self.attempts or self.attempts[-1].target != order.target:
                memory.requested(order.target.provider, means.clock(), retry)
            failure = await self._attempt(order)
            if failure is None:
                self.outcome = Outcome.ESCALATED if self._escalated else Outcome.DELIVERED
                return
            order = walk.failed(
                failure,
                content_left=self._client.left,
                now_s=self.elapsed_ms() / 1000,
                dice=means.dice(),
                may_repeat=memory.may_repeat(order.target.provider),
                other_key=self._other_key,
            )
        if isinstance(order, Tell):
            await self._tell(order)
        else:
            self.outcome, self.error = Outcome.BROKEN_OFF, order.failure.message

    def elapsed_ms(self) -> float:
        return (self._means.clock() - self._began) * 1000

    @property
    def status(self) -> int:
        """What the client saw; 499 until it saw anything."""
        return self._client.status

    @property
    def beat_s(self) -> float | None:
        """How often `keep_alive` wants to be called while `run` runs; None: not at all."""
        return self._client.beat_s

    async def keep_alive(self) -> None:
        await self._client.keep_alive()

    async def cut_short(self) -> None:
        """`run` was cancelled although the client is there: the router itself is ending. It asks again, and finds the next."""
        if self._client.ended:
            return
        message, exchange = "The router is being stopped.", self._exchange
        self.outcome, self.error = Outcome.BROKEN_OFF, message
        failure = Failure(kind=FailureKind.CUT, fault="router", message=message)
        await self._client.cut_short(message, (lambda: exchange.break_off(failure)) if exchange else None)

    @property
    def _stronger(self) -> tuple[Target, ...]:
        return self._plan.targets if self._plan else ()

    def _pass_by(self) -> None:
        """Targets that rest go behind those that are well, and the record says so."""
        self._route, passed = self._means.gate.ordered(self._decision.route, self._means.providers)
        for target, failure in passed:
            knock = Knock(target, self.elapsed_ms())
            knock.failure = failure
            self.attempts.append(knock.attempt(knock.started_ms))
            self._theirs.append(None)
        self._passed_by = len(passed)

    # --- one attempt ---

    async def _attempt(self, order: Try) -> Failure | None:
        knock = Knock(order.target, self.elapsed_ms())
        step: UpwardStep | None = None
        try:
            step = self._upward_step(order.target)
            knock.upward = step is not None
            knock.failure = await self._admitted(knock)
            if knock.held is not None and knock.failure is None:
                knock.failure = await self._inspected(knock, knock.held)
        except TransportFailed as error:
            knock.failure = knock.wire(error)
        except Refused as error:
            kind = FailureKind.CAPPED if isinstance(error, _Capped) else FailureKind.UNSUPPORTED
            knock.failure = Failure(kind=kind, fault="owner", message=str(error))
        except BadRequest as error:
            if order.target == self._decision.route.first and not self._client.started:
                raise
            knock.failure = Failure(kind=FailureKind.UNSUPPORTED, fault="client", message=str(error))
        finally:
            self._client.upstream_streams = False
            if knock.failure is not None:
                knock.failure = self._means.secrets.struck_failure(knock.failure)
            attempt = knock.attempt(self.elapsed_ms())
            self.attempts.append(attempt)
            self._theirs.append(knock.theirs)
            if step is not None:
                usd = self._means.expected_usd(order.target, attempt.usage) if attempt.usage else 0.0
                self._means.memory.upward.settle(step, usd or 0.0)
        failure = knock.failure
        if self._client.left and failure is not None and knock.exchange is not None:
            await self._client.end(knock.exchange.break_off(failure))
        return failure

    async def _inspected(self, knock: Knock, held: HeldReply) -> Failure | None:
        """Lets the held reply go, piece by piece as it came; or keeps it for the case that nobody gives a better one."""
        inspector, plan = self._means.inspector, self._plan
        assert inspector is not None
        assert plan is not None
        knock.ended_ms = self.elapsed_ms()
        found = await inspector.inspect(
            Held(inbound=self._inbound, signals=self._signals, plan=plan, target=knock.target, body=held.body)
        )
        self.inspection = found
        if not found.good:
            knock.theirs = held.as_theirs()
            self._escalated, self._route = True, Route(plan.targets)
            message = f"{knock.target}: {found.because}"
            return Failure(kind=FailureKind.FELL_SHORT, fault="upstream", message=message)
        self.first_event_ms = self.elapsed_ms()
        await self._client.let_go(held.status, held.headers, knock.target, held.parts)
        return None

    def _window_of(self, target: Target) -> int | None:
        """As the owner's card says, or the catalogue's."""
        provider = self._means.providers.get(target.provider)
        return provider.card_for(target.model).context_tokens if provider is not None else None

    def _upward_step(self, target: Target) -> UpwardStep | None:
        """Books a step to a dearer target than the planned one. Raises _Capped beyond the owner's caps."""
        planned = self._decision.route.first
        if target == planned or self._escalated:
            return None
        usage = Usage(
            input_tokens=self._signals.tokens,
            output_tokens=min(self._signals.max_tokens or _USUAL_OUTPUT_TOKENS, _USUAL_OUTPUT_TOKENS),
        )
        price = self._means.expected_usd
        usd, planned_usd = price(target, usage), price(planned, usage)
        if usd is None or planned_usd is None or usd <= planned_usd:
            return None
        ledger, namespace, now_s = self._means.memory.upward, self._signals.namespace, self._means.clock()
        why = ledger.refusal(namespace, usd, self._means.settings.upward, now_s)
        if why:
            raise _Capped(f"{target} was not asked: it costs more than {planned}, and the cap is reached: {why}.")
        return ledger.take(namespace, usd, now_s)

    async def _admitted(self, knock: Knock) -> Failure | None:
        """With the key and the place that the gate gives it."""
        gate, signals, target = self._means.gate, self._signals, knock.target
        self._other_key = False
        knock.provider = self._means.providers.get(target.provider)
        ends_here = target == self._route.targets[-1]
        if knock.provider is None:
            return await self._in_time(knock, last=ends_here)  # refused there, in words
        admission = await gate.enter(target, knock.provider, signals.session, signals.tokens, last=ends_here)
        if isinstance(admission, Failure):
            return admission
        knock.admitted(admission)
        failure, ended = None, False
        try:
            failure = await self._in_time(knock, last=ends_here)
            ended = True
        except TransportFailed as error:
            failure, ended = knock.wire(error), True
        finally:
            gate.leave(admission, failure, knock.exchange.usage if knock.exchange else None, ended=ended)
        self._other_key = failure is not None and gate.has_other_key(admission)
        return failure

    async def _in_time(self, knock: Knock, *, last: bool) -> Failure | None:
        means, scenario = self._means, self._decision.scenario
        stream = self._signals.stream
        timeouts = timeouts_for(means.settings, knock.target.provider, scenario, stream=stream, last=last)
        try:
            async with asyncio.timeout(timeouts.total_s) as whole:
                return await self._knock(knock, timeouts)
        except TimeoutError:
            if not whole.expired():
                raise
            return knock.too_long(timeouts.total_s)

    async def _knock(self, knock: Knock, timeouts: Timeouts, healed: Inbound | None = None) -> Failure | None:
        target = knock.target
        exchange = exchange_for(healed or self._inbound, self._signals, target, knock.provider, self._means.secrets)
        knock.exchange = self._exchange = exchange
        reply = await self._means.transport.post(
            on_its_way(exchange.request, knock.provider, self._inbound, self._means.instance), timeouts
        )
        try:
            knock.status = reply.status
            if not 200 <= reply.status < 300:
                failure = await self._error_reply(knock, exchange, reply)
                again = without_refused_thinking(self._inbound, failure, verbatim=exchange.verbatim)
                return failure if again is None or healed else await self._knock(knock, timeouts, again)
            if self._signals.stream and (self._client.started or "json" not in content_type(reply)):
                return await self._stream(knock, exchange, reply, timeouts)
            return await self._whole(knock, exchange, reply, timeouts)
        finally:
            reply.close()

    async def _stream(
        self, knock: Knock, exchange: Exchange, reply: UpstreamReply, timeouts: Timeouts
    ) -> Failure | None:
        """Pings the client through an upstream's silences, once it has got something of the reply."""
        self._client.upstream_streams = True
        beat = Beat(min(self._means.settings.ping_after_s, timeouts.idle_s), timeouts.idle_s)

        async def ping() -> None:
            if self._client.left and exchange.at_boundary:
                await self._client.ping()

        try:
            return await self._pass_on(knock, exchange, reply, lambda: beat.next_chunk(reply, ping))
        except SilentTooLong:
            return knock.silent(timeouts.idle_s)
        finally:
            beat.stop()

    async def _pass_on(
        self, knock: Knock, exchange: Exchange, reply: UpstreamReply, next_chunk: Callable[[], Awaitable[bytes]]
    ) -> Failure | None:
        """Relay or translate chunk by chunk. Nothing leaves before the first content: until then the request can be repeated,
        another target asked, or the client told by a status of its own."""
        client = self._client
        hold = Hold(self._plan) if self._plan and not self._escalated else None
        held: list[bytes] = []
        begun = False
        while True:
            chunk = await next_chunk()
            if not begun and chunk:
                begun = True
                if chunk.lstrip()[:1] == b"<":
                    return knock.malformed()
            out = exchange.feed(chunk) if chunk else exchange.finish()
            if client.left and chunk and exchange.failure is None:  # nearly every event of nearly every stream
                if out:
                    await client.send(out)
                continue
            if knock.first_event_ms is None and exchange.content_started:
                knock.first_event_ms = self.elapsed_ms()
            if exchange.failure is not None and not client.left:
                return exchange.failure if begun else knock.empty()
            poor = None if chunk else knock.poor()
            if not (client.left or exchange.content_started) and (chunk or poor):
                held.append(out)
                if poor is None:
                    continue
                knock.theirs = Theirs(reply.status, self._reply_headers(exchange, reply), b"".join(held))
                return poor
            held.append(out)
            headers = self._reply_headers(exchange, reply)
            if hold is not None and chunk and hold.goes_on(out, self.elapsed_ms()):
                continue
            if hold is not None and not chunk:
                knock.held = HeldReply(reply.status, headers, tuple(filter(None, held)))
                return None
            hold = None  # without one, or there is no more time or room for it
            if self.first_event_ms is None and exchange.content_started:
                self.first_event_ms = self.elapsed_ms()
            await client.release(reply.status, headers, knock.target, held)
            held.clear()
            if not chunk and exchange.failure is None:
                await client.end()
                return None
            if not chunk or (exchange.failure is not None and not exchange.verbatim):
                return exchange.failure

    def _reply_headers(self, exchange: Exchange, reply: UpstreamReply) -> Headers:
        return reply_headers(reply.headers) if exchange.verbatim else list(SSE_HEADERS)

    async def _whole(
        self, knock: Knock, exchange: Exchange, reply: UpstreamReply, timeouts: Timeouts
    ) -> Failure | None:
        if self._signals.stream and not exchange.verbatim:
            # A streaming client must get a stream; the decoder reads a JSON body as well.
            return await self._stream(knock, exchange, reply, timeouts)
        body = await read_all(reply, REPLY_BODY_LIMIT_BYTES, timeouts.idle_s)
        knock.first_event_ms = self.elapsed_ms()
        if not body.strip():
            return knock.empty()
        first = body.lstrip()[:1]
        if first == b"<" or (exchange.verbatim and first != b"{"):
            return knock.malformed()
        out = exchange.whole(body)
        if exchange.failure is not None:
            return exchange.failure
        headers = reply_headers(reply.headers) if exchange.verbatim else list(JSON_HEADERS)
        poor = knock.poor()
        if poor is not None:
            knock.theirs = Theirs(reply.status, with_length(headers, out), out)
            return poor
        hold = Hold(self._plan) if self._plan and not self._escalated and not self._signals.stream else None
        if hold is not None and hold.goes_on(out, self.elapsed_ms()):
            knock.held = HeldReply(reply.status, with_length(headers, out), (out,))
            return None
        self.first_event_ms = knock.first_event_ms
        await self._client.whole(reply.status, headers, knock.target, out)
        return None

    async def _error_reply(self, knock: Knock, exchange: Exchange, reply: UpstreamReply) -> Failure:
        secrets = self._means.secrets
        body = secrets.struck(await read_all(reply, ERROR_BODY_LIMIT_BYTES))
        error_type, message = exchange.decode_error(reply.status, body)
        kind = FailureKind.MALFORMED if reply.status < 400 else kind_of_status(reply.status, message)
        if kind == FailureKind.BAD_REQUEST and error_type == "authentication_error":
            kind = FailureKind.AUTH  # Google's status for a wrong key is 400
        if exchange.verbatim and reply.status >= 400 and body.lstrip()[:1] == b"{":
            knock.theirs = Theirs(reply.status, secrets.struck_headers(reply_headers(reply.headers)), body)
        elif reply.status >= 400:
            told = [header for header in reply.headers if header[0].lower() in TOLD]
            knock.theirs = Theirs(reply.status, secrets.struck_headers(reply_headers(told)), b"")
        failure = Failure(
            kind=kind,
            fault="upstream",
            status=reply.status,
            error_type=error_type,
            message=message or f"The upstream answered {reply.status} without a word.",
            retry_after_s=told_retry_after_s(reply, self._means.now()) or exchange.retry_after_s(body),
        )
        return secrets.struck_failure(failure)  # again: it may have stood there in escapes

    async def _tell(self, order: Tell) -> None:
        failure, at = order.failure, order.attempt + self._passed_by
        theirs, target = self._theirs[at], self.attempts[at].target
        line = FAILURES[failure.kind]
        if line.answer and theirs is not None:
            self.outcome = Outcome.DELIVERED
            await self._client.theirs(theirs, target)
            return
        self.outcome, self.error = Outcome.EXHAUSTED, f"{failure.message} {order.note}".rstrip()
        if line.next_target == "yes":
            self._means.memory.told_exhausted(self._signals, self._means.clock())
        await self._client.error(failure, order.note, theirs, target)


class _Capped(Refused):
    """An upward step beyond the owner's caps."""
