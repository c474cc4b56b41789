"""One Attempt in the making, and the small readings of an upstream's reply that it needs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import msgspec

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.target import Target
from claude_code_router.delivery.backoff import retry_after_s
from claude_code_router.delivery.exchange import Exchange
from claude_code_router.delivery.gate import Admission
from claude_code_router.delivery.network import HOP_HEADER, hops
from claude_code_router.delivery.quota import quota_reset_s
from claude_code_router.delivery.transport import UpstreamReply, UpstreamRequest
from claude_code_router.providers.provider import Provider

Headers = list[tuple[bytes, bytes]]

ERROR_BODY_LIMIT_BYTES = 1 << 20
REPLY_BODY_LIMIT_BYTES = 64 << 20

SSE_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
JSON_HEADERS: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)
TOLD = frozenset({"retry-after", "request-id", "x-request-id"})
"""Of a foreign dialect's error headers, those that mean the same to our client."""


class Theirs(msgspec.Struct, frozen=True):
    """The upstream's own words for the client, should nothing better follow: an error reply, or a poor answer."""

    status: int
    headers: Headers
    body: bytes
    """Verbatim (or translated) reply. Empty for an error of another dialect: it is worded anew."""


class HeldReply(msgspec.Struct, frozen=True):
    """What would have left for the client, in the pieces in which it would have."""

    status: int
    headers: Headers
    parts: tuple[bytes, ...]

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    def as_theirs(self) -> Theirs:
        """For the client after all, should nothing better follow."""
        return Theirs(self.status, self.headers, self.body)


class Knock:
    """Fields are filled in as it goes; `attempt` is valid at every moment."""

    def __init__(self, target: Target, started_ms: float) -> None:
        self.target = target
        self.provider: Provider | None = None
        """With the key that is used; None: there is none of that name."""
        self._admission: Admission | None = None
        self.started_ms = started_ms
        self.first_event_ms: float | None = None
        self.status: int | None = None
        self.failure: Failure | None = None
        self.exchange: Exchange | None = None
        self.theirs: Theirs | None = None
        self.upward = False
        self.held: HeldReply | None = None
        """Its reply is whole, and nobody has got it yet."""
        self.ended_ms: float | None = None
        """When its reply was whole, if something was done with it before the attempt was over."""

    def admitted(self, admission: Admission) -> None:
        self._admission, self.provider = admission, admission.provider

    def attempt(self, ended_ms: float) -> Attempt:
        seen, admission = self.exchange, self._admission
        return Attempt(
            target=self.target,
            started_ms=self.started_ms,
            first_event_ms=self.first_event_ms,
            ended_ms=self.ended_ms or ended_ms,
            status=self.status,
            failure=self.failure,
            usage=seen.usage if seen else None,
            stop_reason=seen.stop_reason if seen else "",
            upstream_model=seen.upstream_model if seen else "",
            credential=admission.credential if admission else "",
            moved_from=admission.moved_from if admission else "",
            upward=self.upward,
        )

    def silent(self, seconds: float) -> Failure:
        return self._failure(FailureKind.IDLE_TIMEOUT, f"the upstream's reply fell silent for {seconds:.0f} s.")

    def too_long(self, seconds: float) -> Failure:
        return self._failure(
            FailureKind.TOTAL_TIMEOUT, f"the upstream's reply took longer than {seconds:.0f} s in all."
        )

    def malformed(self) -> Failure:
        what = "the upstream answered with something that is no model's reply. Check the provider's URL."
        return self._failure(FailureKind.MALFORMED, what)

    def empty(self) -> Failure:
        return self._failure(FailureKind.EMPTY, "the upstream's reply was empty.")

    def poor(self) -> Failure | None:
        """A reply that is complete, and says nothing. None for one that may well be meant so: a model that was cut off by
        `max_tokens` before it said anything would be elsewhere too."""
        seen = self.exchange
        if seen is None or seen.content_started or seen.failure is not None:
            return None
        if seen.stop_reason == "refusal":
            return self._failure(FailureKind.REFUSAL, "the model declined to answer.")
        return self.empty() if seen.stop_reason in ("", "end_turn") else None

    def wire(self, error: TransportFailed) -> Failure:
        message = f"{self.target}: {error.message}"
        return Failure(kind=FailureKind(error.kind), fault="network", message=message)

    def _failure(self, kind: FailureKind, what: str) -> Failure:
        return Failure(kind=kind, fault="upstream", message=f"{self.target}: {what}")


def on_its_way(request: UpstreamRequest, provider: Provider | None, inbound: Inbound, instance: str) -> UpstreamRequest:
    """With the provider's proxy, certificates and HTTP/2, and our mark where another router may be: at an address that is no
    known vendor's."""
    if provider is None:
        return request
    if provider.proxy or provider.ca_file or provider.http2:
        request = msgspec.structs.replace(request, proxy=provider.proxy, ca_file=provider.ca_file, http2=provider.http2)
    if provider.preset or not instance:
        return request
    mark = (HOP_HEADER, hops(inbound.header.get(HOP_HEADER, ""), instance))
    return msgspec.structs.replace(request, headers=[*request.headers, mark])


def content_type(reply: UpstreamReply) -> str:
    return next((value for name, value in reply.headers if name.lower() == "content-type"), "").lower()


def told_retry_after_s(reply: UpstreamReply, now_unix_s: float) -> float | None:
    value = next((value for name, value in reply.headers if name.lower() == "retry-after"), "")
    said = retry_after_s(value, now_unix_s) if value else None
    return quota_reset_s(reply.headers, now_unix_s) if said is None and reply.status == 429 else said


async def read_all(reply: UpstreamReply, limit_bytes: int, idle_s: float = 30.0) -> bytes:
    """Raises TransportFailed when it is too long, or silent for `idle_s`."""
    parts: list[bytes] = []
    size = 0
    while chunk := await _next(reply, idle_s):
        parts.append(chunk)
        size += len(chunk)
        if size > limit_bytes:
            raise TransportFailed(FailureKind.MALFORMED, f"The upstream's reply is over {limit_bytes >> 20} MB.")
    return b"".join(parts)


async def _next(reply: UpstreamReply, idle_s: float) -> bytes:
    try:
        async with asyncio.timeout(idle_s):
            return await reply.next_chunk()
    except TimeoutError:
        message = f"The upstream's reply fell silent for {idle_s:.0f} s."
        raise TransportFailed(FailureKind.IDLE_TIMEOUT, message) from None


def header_safe(value: str) -> bytes:
    return re.sub(r"[^\x21-\x7e]", "?", value).encode()


def with_length(headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Headers:
    return [*headers, (b"content-length", str(len(body)).encode())]
