"""The driver: carries out the walk's orders on the wire. After the first byte has left for the client there is no retreat."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Decision
from claude_code_router.core.errors import Refused, TransportFailed
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.record import Outcome
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.delivery.exchange import Exchange, exchange_for
from claude_code_router.delivery.machine import Order, Tell, Try, Walk
from claude_code_router.delivery.policy import FAILURES, client_status, kind_of_status
from claude_code_router.delivery.transport import Timeouts, Transport, UpstreamReply, UpstreamRequest
from claude_code_router.dialects.anthropic_messages.encoder import PING
from claude_code_router.dialects.anthropic_messages.errors import encode_error
from claude_code_router.providers.headers import reply_headers
from claude_code_router.providers.provider import Provider

_ERROR_BODY_LIMIT_BYTES = 1 << 20
_REPLY_BODY_LIMIT_BYTES = 64 << 20

Headers = list[tuple[bytes, bytes]]


class Sink(Protocol):
    """The client's side of the wire."""

    async def start(self, status: int, headers: Headers) -> None: ...

    async def send(self, body: bytes) -> None: ...

    async def end(self, body: bytes = b"") -> None: ...


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What a delivery needs of the house."""

    providers: Mapping[str, Provider]
    transport: Transport
    timeouts: Timeouts
    proxy_for: Callable[[str], str]
    """URL -> proxy URL or empty."""
    clock: Callable[[], float]
    """Monotonic seconds."""


class Delivery:
    """One request on its way to an answer. Its fields are the Record's, valid at every moment, even after a cancel."""

    def __init__(self, inbound: Inbound, signals: Signals, decision: Decision, means: Means, sink: Sink) -> None:
        self._inbound = inbound
        self._signals = signals
        self._decision = decision
        self._means = means
        self._sink = sink
        self._began = means.clock()
        self._left = False
        """Something has left for the client."""
        self._errors: list[_UpstreamError | None] = []
        """Per attempt, the upstream's own error reply."""
        self.attempts: list[Attempt] = []
        self.outcome = Outcome.CLIENT_GONE  # until proven otherwise: a cancel leaves it standing
        self.status = 499
        self.error = ""
        self.first_event_ms: float | None = None

    async def run(self) -> None:
        """Ends when the client has its answer, whatever it is. Raises BadRequest if the request cannot be translated."""
        walk = Walk(self._decision.route)
        order: Order = walk.begin()
        while isinstance(order, Try):
            failure = await self._attempt(order)
            if failure is None:
                self.outcome = Outcome.DELIVERED
                return
            order = walk.failed(failure, content_left=self._left)
        if isinstance(order, Tell):
            await self._tell(order)
        else:
            self.outcome, self.error = Outcome.BROKEN_OFF, order.failure.message

    def elapsed_ms(self) -> float:
        return (self._means.clock() - self._began) * 1000

    # --- one attempt ---

    async def _attempt(self, order: Try) -> Failure | None:
        knock = _Knock(order.target, self.elapsed_ms())
        self._errors.append(None)
        try:
            knock.failure = await self._knock(knock, hold=not order.last)
        except TransportFailed as error:
            knock.failure = _wire_failure(error, order.target)
        except Refused as error:
            knock.failure = Failure(kind=FailureKind.UNSUPPORTED, fault="owner", message=str(error))
        finally:
            self.attempts.append(knock.attempt(self.elapsed_ms()))
        if self._left and knock.failure is not None and knock.exchange is not None:
            await self._sink.end(knock.exchange.break_off(knock.failure))
        return knock.failure

    async def _knock(self, knock: _Knock, *, hold: bool) -> Failure | None:
        target = knock.target
        exchange = exchange_for(self._inbound, self._signals, target, self._means.providers.get(target.provider))
        knock.exchange = exchange
        reply = await self._means.transport.post(self._proxied(exchange.request), self._means.timeouts)
        try:
            knock.status = reply.status
            if not 200 <= reply.status < 300:
                return await self._error_reply(exchange, reply)
            if self._signals.stream and "json" not in _content_type(reply):
                return await self._stream(knock, exchange, reply, hold=hold or not exchange.verbatim)
            return await self._whole(knock, exchange, reply)
        finally:
            reply.close()

    def _proxied(self, request: UpstreamRequest) -> UpstreamRequest:
        proxy = self._means.proxy_for(request.url)
        return msgspec.structs.replace(request, proxy=proxy) if proxy else request

    async def _stream(self, knock: _Knock, exchange: Exchange, reply: UpstreamReply, *, hold: bool) -> Failure | None:
        """Relay or translate chunk by chunk. `hold`: nothing leaves before the first content, so that another target
        can still be asked; a client that has waited for a ping's time gets what there is."""
        held: list[bytes] = []
        silent_s = 0.0
        begun = False
        while True:
            try:
                async with asyncio.timeout(self._means.timeouts.ping_after_s):
                    chunk = await reply.next_chunk()
            except TimeoutError:
                silent_s += self._means.timeouts.ping_after_s
                if silent_s >= self._means.timeouts.idle_s:
                    return _silent(knock.target, silent_s)
                if exchange.at_boundary:
                    await self._release(knock.target, exchange, reply, [*held, PING])
                    held.clear()
                continue
            silent_s = 0.0
            if not begun and chunk:
                begun = True
                if chunk.lstrip()[:1] == b"<":
                    return _malformed(knock.target)
            out = exchange.feed(chunk) if chunk else exchange.finish()
            if knock.first_event_ms is None and exchange.content_started:
                knock.first_event_ms = self.elapsed_ms()
                self.first_event_ms = self.first_event_ms or knock.first_event_ms
            if exchange.failure is not None and not self._left and (hold or not chunk):
                return exchange.failure if begun else _empty(knock.target)
            if hold and not (self._left or exchange.content_started or not chunk):
                held.append(out)
                continue
            await self._release(knock.target, exchange, reply, [*held, out])
            held.clear()
            if not chunk and exchange.failure is None:
                await self._sink.end()
            if not chunk or (exchange.failure is not None and not exchange.verbatim):
                return exchange.failure

    async def _release(self, target: Target, exchange: Exchange, reply: UpstreamReply, parts: Sequence[bytes]) -> None:
        if not self._left:
            self._left = True
            self.status = 200
            headers = reply_headers(reply.headers) if exchange.verbatim else list(_SSE_HEADERS)
            await self._sink.start(reply.status, headers + self._marks(target))
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if body:
            await self._sink.send(body)

    async def _whole(self, knock: _Knock, exchange: Exchange, reply: UpstreamReply) -> Failure | None:
        if self._signals.stream and not exchange.verbatim:
            # A streaming client must get a stream; the decoder reads a JSON body as well.
            return await self._stream(knock, exchange, reply, hold=True)
        body = await _read(reply, _REPLY_BODY_LIMIT_BYTES)
        knock.first_event_ms = self.elapsed_ms()
        if not body.strip():
            return _empty(knock.target)
        first = body.lstrip()[:1]
        if first == b"<" or (exchange.verbatim and first != b"{"):
            return _malformed(knock.target)
        out = exchange.whole(body)
        if exchange.failure is not None:
            return exchange.failure
        self._left = True
        self.status = reply.status
        self.first_event_ms = knock.first_event_ms
        headers = reply_headers(reply.headers) if exchange.verbatim else list(_JSON_HEADERS)
        await self._sink.start(self.status, _with_length(headers, out) + self._marks(knock.target))
        await self._sink.end(out)
        return None

    async def _error_reply(self, exchange: Exchange, reply: UpstreamReply) -> Failure:
        body = await _read(reply, _ERROR_BODY_LIMIT_BYTES)
        error_type, message = exchange.decode_error(reply.status, body)
        kind = FailureKind.MALFORMED if reply.status < 400 else kind_of_status(reply.status, message)
        if exchange.verbatim and reply.status >= 400 and body.lstrip()[:1] == b"{":
            self._errors[-1] = _UpstreamError(reply.status, reply.headers, body)
        elif reply.status >= 400:
            self._errors[-1] = _UpstreamError(reply.status, [h for h in reply.headers if h[0].lower() in _TOLD], b"")
        return Failure(
            kind=kind,
            fault="upstream",
            status=reply.status,
            error_type=error_type,
            message=message or f"The upstream answered {reply.status} without a word.",
            retry_after_s=_retry_after_s(reply.headers),
        )

    # --- telling the client ---

    async def _tell(self, order: Tell) -> None:
        failure, theirs = order.failure, self._errors[order.attempt]
        line = FAILURES[failure.kind]
        self.outcome, self.error = Outcome.EXHAUSTED, failure.message
        self.status = client_status(failure)
        headers = reply_headers(theirs.headers) if theirs is not None else []
        if theirs is not None and theirs.body:
            body = theirs.body
        else:
            headers = [h for h in headers if h[0] != b"content-type"] + list(_JSON_HEADERS)
            body = encode_error(failure.error_type or line.client_type, failure.message, self._inbound.id)
        if not line.client_retries and not any(name == b"x-should-retry" for name, _ in headers):
            headers.append((b"x-should-retry", b"false"))
        self._left = True
        marks = self._marks(self.attempts[order.attempt].target)
        await self._sink.start(self.status, _with_length(headers, body) + marks)
        await self._sink.end(body)

    def _marks(self, target: Target) -> Headers:
        """What the router says about itself; the body is never touched for it."""
        return [
            (b"x-ccr-request-id", self._inbound.id.encode()),
            (b"x-ccr-target", _header_safe(str(target))),
            (b"x-ccr-rule", _header_safe(self._decision.rule)),
        ]


class _Knock:
    """An Attempt in the making."""

    def __init__(self, target: Target, started_ms: float) -> None:
        self.target = target
        self.started_ms = started_ms
        self.first_event_ms: float | None = None
        self.status: int | None = None
        self.failure: Failure | None = None
        self.exchange: Exchange | None = None

    def attempt(self, ended_ms: float) -> Attempt:
        seen = self.exchange
        return Attempt(
            target=self.target,
            started_ms=self.started_ms,
            first_event_ms=self.first_event_ms,
            ended_ms=ended_ms,
            status=self.status,
            failure=self.failure,
            usage=seen.usage if seen else None,
            stop_reason=seen.stop_reason if seen else "",
            upstream_model=seen.upstream_model if seen else "",
        )


class _UpstreamError(msgspec.Struct, frozen=True):
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    """Verbatim, when the dialects agree; else empty."""


_SSE_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
_JSON_HEADERS: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)
_TOLD = frozenset({"retry-after", "request-id", "x-request-id"})
"""Of a foreign dialect's error headers, those that mean the same to our client."""


def _header_safe(value: str) -> bytes:
    return re.sub(r"[^\x21-\x7e]", "?", value).encode()


def _with_length(headers: Headers, body: bytes) -> Headers:
    return [*headers, (b"content-length", str(len(body)).encode())]


def _content_type(reply: UpstreamReply) -> str:
    return next((value for name, value in reply.headers if name.lower() == "content-type"), "").lower()


def _retry_after_s(headers: Sequence[tuple[str, str]]) -> float | None:
    value = next((v for name, v in headers if name.lower() == "retry-after"), "")
    return float(value) if re.fullmatch(r"\d+(\.\d+)?", value) else None


async def _read(reply: UpstreamReply, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := await reply.next_chunk():
        parts.append(chunk)
        size += len(chunk)
        if size > limit_bytes:
            raise TransportFailed(FailureKind.MALFORMED, f"The upstream's reply is over {limit_bytes >> 20} MB.")
    return b"".join(parts)


def _wire_failure(error: TransportFailed, target: Target) -> Failure:
    return Failure(kind=FailureKind(error.kind), fault="network", message=f"{target}: {error.message}")


def _silent(target: Target, seconds: float) -> Failure:
    message = f"{target}: the upstream's reply fell silent for {seconds:.0f} s."
    return Failure(kind=FailureKind.IDLE_TIMEOUT, fault="upstream", message=message)


def _malformed(target: Target) -> Failure:
    message = f"{target}: the upstream answered with something that is no model's reply. Check the provider's URL."
    return Failure(kind=FailureKind.MALFORMED, fault="upstream", message=message)


def _empty(target: Target) -> Failure:
    return Failure(kind=FailureKind.EMPTY, fault="upstream", message=f"{target}: the upstream's reply was empty.")
