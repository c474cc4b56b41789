"""What the client of one request is told: its status and headers, its pings, the reply or the error, an end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Protocol

from claude_code_router.core.decision import Decision
from claude_code_router.core.failure import Failure
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.target import Target
from claude_code_router.delivery.client_side import CLIENT_SIDES
from claude_code_router.delivery.knock import JSON_HEADERS, SSE_HEADERS, Headers, Theirs, header_safe, with_length
from claude_code_router.delivery.policy import FAILURES, client_status
from claude_code_router.delivery.settings import DeliverySettings


class Sink(Protocol):
    """The client's side of the wire."""

    async def start(self, status: int, headers: Headers) -> None: ...

    async def send(self, body: bytes) -> None: ...

    async def end(self, body: bytes = b"") -> None: ...


class ClientReply:
    """Knows what has left, so that nobody says twice, or too late, what can be said once."""

    def __init__(
        self,
        inbound: Inbound,
        decision: Decision,
        settings: DeliverySettings,
        sink: Sink,
        elapsed_ms: Callable[[], float],
        *,
        stream: bool,
    ) -> None:
        self._client = CLIENT_SIDES[inbound.dialect]
        self._request_id = inbound.id
        self._decision = decision
        self._settings = settings
        self._sink = sink
        self._elapsed_ms = elapsed_ms
        """Since the request came."""
        self._stream = stream
        self._sent_s = 0.0
        """When the client last got something, since the request came."""
        self.status = 499
        self.started = False
        """Status and headers have left for the client, maybe pings: an error can only be told as an event."""
        self.left = False
        """Some of a reply has left: no retreat."""
        self.ended = False
        self.upstream_streams = False
        """The upstream has begun a stream."""

    @property
    def beat_s(self) -> float | None:
        """How often `keep_alive` wants to be called; None: not at all."""
        return self._settings.ping_after_s if self._stream else None

    async def keep_alive(self) -> None:
        """A ping for a client that waits for its stream's first content. Before the upstream has begun one, a status of
        its own is still possible: it is given up only when the client is about to give up itself."""
        silent_s = self._elapsed_ms() / 1000 - self._sent_s
        patience_s = self._settings.ping_after_s if self.upstream_streams or self.started else self._settings.early_s
        if not self._stream or self.left or silent_s < patience_s:
            return
        if not self.started:
            await self.start(200, list(SSE_HEADERS), self._decision.route.first)
        if not self.left:
            await self.ping()

    async def ping(self) -> None:
        await self.send(self._client.ping)

    async def start(self, status: int, headers: Headers, target: Target) -> None:
        self.started = True
        self.status = status
        await self._sink.start(status, headers + self._marks(target))

    async def send(self, body: bytes) -> None:
        self._sent_s = self._elapsed_ms() / 1000
        await self._sink.send(body)

    async def end(self, body: bytes = b"") -> None:
        self.ended = True
        await self._sink.end(body)

    async def release(self, status: int, headers: Headers, target: Target, parts: Sequence[bytes]) -> None:
        """The first of a stream's content, with all that was held before it."""
        self.left = True
        if not self.started:
            await self.start(status, headers, target)
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if body:
            await self.send(body)

    async def let_go(self, status: int, headers: Headers, target: Target, parts: Sequence[bytes]) -> None:
        """A reply that was held whole, streamed or not."""
        self.left = True
        if not self.started:
            await self.start(status, headers, target)
        for part in parts:
            await self.send(part)
        await self.end()

    async def whole(self, status: int, headers: Headers, target: Target, body: bytes) -> None:
        """A reply in one body."""
        self.left = True
        await self.start(status, with_length(headers, body), target)
        await self.end(body)

    async def theirs(self, theirs: Theirs, target: Target) -> None:
        """Nothing better was to be had than this answer without content: the client gets it as it came."""
        self.left = True
        if not self.started:
            await self.start(theirs.status, theirs.headers, target)
        await self.end(theirs.body)

    async def error(self, failure: Failure, note: str, theirs: Theirs | None, target: Target) -> None:
        """`theirs`: the upstream's own words for it; they go out as they came where nothing is to be added."""
        self.left = True
        message = f"{failure.message} {note}".rstrip()
        if self.started:
            # overloaded_error: today's client asks for the stream again; on any other type it does so without streaming.
            await self.end(self._client.encode_error_event("overloaded_error", message))
            return
        line = FAILURES[failure.kind]
        headers = list(theirs.headers) if theirs is not None else []
        if theirs is not None and theirs.body and not note:
            body = theirs.body
        else:
            headers = [h for h in headers if h[0] != b"content-type"] + list(JSON_HEADERS)
            body = self._client.encode_error(failure.error_type or line.client_type, message, self._request_id)
        if theirs is None and failure.retry_after_s is not None:
            headers.append((b"retry-after", str(ceil(failure.retry_after_s)).encode()))
        if not line.client_retries and not any(name == b"x-should-retry" for name, _ in headers):
            headers.append((b"x-should-retry", b"false"))
        status = client_status(failure)
        await self.start(self._client.statuses.get(status, status), with_length(headers, body), target)
        await self.end(body)

    async def cut_short(self, message: str, break_off: Callable[[], bytes] | None) -> None:
        """The router itself is ending. `break_off`: the event that closes a stream of which a part has left."""
        if not self.started:
            body = self._client.encode_error("overloaded_error", message, self._request_id)
            await self.start(503, with_length(JSON_HEADERS, body), self._decision.route.first)
            await self.end(body)
        elif self.left and break_off is not None:
            await self.end(break_off())
        else:
            await self.end(self._client.encode_error_event("overloaded_error", message))

    def _marks(self, target: Target) -> Headers:
        """What the router says about itself; the body is never touched for it."""
        return [
            (b"x-ccr-request-id", self._request_id.encode()),
            (b"x-ccr-target", header_safe(str(target))),
            (b"x-ccr-rule", header_safe(self._decision.rule)),
        ]
