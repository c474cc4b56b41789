"""One attempt's request and reply, sans-IO: what goes to this target, and what its bytes become for the client.

`Relay` when both sides speak the same dialect: bytes in, bytes out. `Translation` otherwise: bytes → reply events → bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from claude_code_router.catalog.cards import ModelCard
from claude_code_router.core.asked import Asked
from claude_code_router.core.chat import ChatRequest, Text
from claude_code_router.core.errors import BadReply, BadRequest, Refused
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.reply import BlockStarted, ReplyEnded, ReplyEvent, ReplyFailed, ReplyStarted, UsageKnown
from claude_code_router.core.secrets import NO_SECRETS, Secrets
from claude_code_router.core.signals import Signals
from claude_code_router.core.surrogates import without_half_pairs
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.client_side import CLIENT_SIDES, ClientSide
from claude_code_router.delivery.hosted import HOSTS, Hosted
from claude_code_router.delivery.near import near_relayed
from claude_code_router.delivery.policy import kind_of_error_type
from claude_code_router.delivery.provider_side import PROVIDER_SIDES, Call, ProviderSide
from claude_code_router.delivery.transport import UpstreamRequest
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.providers.headers import upstream_headers
from claude_code_router.providers.provider import Provider

_CUT = "The upstream's reply ended before it was complete."


class Exchange(Protocol):
    """One target's request and reply. `feed`/`finish` for a streamed reply, `whole` for one body."""

    request: UpstreamRequest
    verbatim: bool
    """Same dialect on both sides: the upstream's headers and error bodies go to the client as they are."""
    failure: Failure | None
    """Set by feed, finish or whole when the reply itself says or shows that it failed."""

    @property
    def content_started(self) -> bool: ...

    @property
    def usage(self) -> Usage | None: ...

    @property
    def stop_reason(self) -> str: ...

    @property
    def upstream_model(self) -> str: ...

    @property
    def at_boundary(self) -> bool:
        """Something may be inserted here without breaking an event."""

    def feed(self, chunk: bytes) -> bytes: ...

    def finish(self) -> bytes:
        """The upstream ended its stream: what is still to be said."""

    def break_off(self, failure: Failure) -> bytes:
        """The error event that closes a stream of which the client already has a part."""

    def whole(self, body: bytes) -> bytes:
        """A reply in one body. Sets `failure` when it is none."""

    def decode_error(self, status: int, body: bytes) -> tuple[str, str]: ...

    def retry_after_s(self, body: bytes) -> float | None:
        """The pause that an error's body asks for; None when it does not."""


def exchange_for(
    inbound: Inbound, signals: Signals, target: Target, provider: Provider | None, secrets: Secrets = NO_SECRETS
) -> Exchange:
    """`secrets` are struck out of error events. Raises Refused when this target cannot be spoken to."""
    if provider is None:
        raise Refused(f"There is no provider named {target.provider!r} in the config.", hint="Add it to `Providers`.")
    exchange = _exchange(inbound, signals, target, provider, secrets)
    if provider.hosting:
        exchange = Hosted(exchange, HOSTS[provider.hosting], provider.url, target.model)
    if provider.auth in ("google", "aws"):
        exchange.request = msgspec.structs.replace(exchange.request, auth=provider.auth)
    return exchange


def _exchange(inbound: Inbound, signals: Signals, target: Target, provider: Provider, secrets: Secrets) -> Exchange:
    client = CLIENT_SIDES[inbound.dialect]
    if provider.dialect == client.dialect:
        return Relay(inbound, signals, target, provider, client, secrets)
    side = PROVIDER_SIDES.get(provider.dialect)
    if side is None:
        raise Refused(
            f"Provider {provider.name!r} speaks {provider.dialect}, which this version cannot speak yet.",
            hint="Use its OpenAI-compatible or Anthropic-compatible endpoint as `api_base_url`.",
        )
    return Translation(inbound, signals, target, provider, client, side, secrets)


_NO_SEARCH = (
    "The web search tool that this request offers does not exist here. Unless you can search by other means, say plainly that "
    "you could not search; never invent results or sources."
)


def without_search(chat: ChatRequest) -> ChatRequest:
    """For a model whose server runs no searches: better told than guessed."""
    return msgspec.structs.replace(chat, system=(*chat.system, Text(_NO_SEARCH)))


class Relay:
    """One dialect on both sides. Only the model's value is spliced; our own marks are taken out where they stand."""

    verbatim = True

    def __init__(
        self,
        inbound: Inbound,
        signals: Signals,
        target: Target,
        provider: Provider,
        client: ClientSide,
        secrets: Secrets,
    ) -> None:
        body = client.relayed_body(inbound.body, target.model, signals.model)
        headers = upstream_headers(provider, inbound.headers, inbound.dialect)
        if client.dialect == "anthropic":
            body, headers = near_relayed(body, headers, signals, target.model, provider)
        url = client.relayed_url(provider.url, inbound.query, target.model, signals.stream)
        self.request = UpstreamRequest(url=url, headers=headers, body=body)
        self.failure: Failure | None = None
        self._client = client
        self._secrets = secrets
        self._seen = client.observer()
        self._withheld = b""
        """Of an event that may be an error and is not complete: a secret in it could be cut in two."""

    @property
    def content_started(self) -> bool:
        return self._seen.content_started

    @property
    def usage(self) -> Usage | None:
        return self._seen.usage

    @property
    def stop_reason(self) -> str:
        return self._seen.stop_reason

    @property
    def upstream_model(self) -> str:
        return self._seen.model

    @property
    def at_boundary(self) -> bool:
        return self._seen.at_boundary

    def feed(self, chunk: bytes) -> bytes:
        self._seen.feed(chunk)
        if self._withheld:
            chunk, self._withheld = self._withheld + chunk, b""
        if self._seen.error is not None and self.failure is None:
            self.failure = self._secrets.struck_failure(_error_event(*self._seen.error))
        if self.failure is not None:
            return self._secrets.struck(chunk)
        begun = self._seen.unfinished
        if begun and _may_be_error(begun):
            at = max(chunk.rfind(blank) + len(blank) if blank in chunk else 0 for blank in _BLANK_LINES)
            chunk, self._withheld = chunk[:at], chunk[at:]
        return chunk

    def finish(self) -> bytes:
        if not self._seen.ended and self.failure is None:
            self.failure = Failure(kind=FailureKind.CUT, fault="upstream", message=_CUT)
        return self._secrets.struck(self._withheld)

    def break_off(self, failure: Failure) -> bytes:
        if self._seen.error is not None:
            return b""  # the upstream's own error event has been relayed already
        # overloaded_error: today's client repeats the stream or resumes behind the last finished block; any other type
        # makes it repeat the whole request without streaming.
        return self._seen.ending + self._client.encode_error_event("overloaded_error", failure.message)

    def whole(self, body: bytes) -> bytes:
        self._seen = self._client.observe_reply(body)
        if self._seen.error is not None:
            self.failure = self._secrets.struck_failure(_error_event(*self._seen.error))
        return body if self.failure is None else self._secrets.struck(body)

    def decode_error(self, status: int, body: bytes) -> tuple[str, str]:
        return self._client.decode_error(status, body)

    def retry_after_s(self, body: bytes) -> float | None:
        return self._client.retry_after_s(body)


_BLANK_LINES = (b"\n\n", b"\r\n\r\n", b"\r\r")
_ERROR_BEGINS = (
    b"event: error",
    b"event:error",
    b'data: {"type":"error"',
    b'data: {"type": "error"',
    b'data: {"error"',
)


def _may_be_error(begun: bytes) -> bool:
    return any(begun.startswith(mark) or mark.startswith(begun) for mark in _ERROR_BEGINS)


class Translation:
    """Two dialects: the client's request is decoded and encoded for the provider, its reply the other way round."""

    verbatim = False
    at_boundary = True  # the writer only ever gives whole events

    def __init__(
        self,
        inbound: Inbound,
        signals: Signals,
        target: Target,
        provider: Provider,
        client: ClientSide,
        side: ProviderSide,
        secrets: Secrets,
    ) -> None:
        known = provider.card_for(target.model)
        chat = _decoded(inbound.body, client)
        call = Call(
            chat=chat,
            model=target.model,
            quirks=_for_card(provider.quirks_for(target.model), known),
            origin=str(target),
            card=known,
            relay=provider.relay_for(target.model),
        )
        if chat.offers_search and not side.searches(call):
            call = msgspec.structs.replace(call, chat=without_search(chat))
        self.request = UpstreamRequest(
            url=side.url(provider.url, target.model, chat.stream),
            headers=upstream_headers(provider, inbound.headers, inbound.dialect),
            body=side.encode_request(call),
        )
        self._call = call
        self._client = client
        self._side = side
        self._secrets = secrets
        self._asked = Asked(
            id=inbound.id,
            model=signals.model,
            tokens=signals.tokens,
            created_s=int(inbound.received_at),
            body=inbound.body,
        )
        self._reader = side.reply_reader(call)
        self._writer = client.reply_writer(self._asked)
        self.content_started = False
        self.failure: Failure | None = None
        self.usage: Usage | None = None
        self.stop_reason = ""
        self.upstream_model = ""

    def feed(self, chunk: bytes) -> bytes:
        return self._encoded(self._reader.feed(chunk))

    def finish(self) -> bytes:
        return self._encoded(self._reader.close())

    def break_off(self, failure: Failure) -> bytes:
        if self.failure is failure:
            return b""  # it came as an event, and the encoder has said it
        return self._writer.feed(ReplyFailed("overloaded_error", failure.message))

    def whole(self, body: bytes) -> bytes:
        events = self._side.decode_reply(body, self._call)
        self._note(events)
        if self.failure is not None:
            return b""
        try:
            return self._client.encode_reply(events, self._asked)
        except BadReply as error:
            self.failure = Failure(kind=FailureKind.MALFORMED, fault="upstream", message=error.message)
            return b""

    def decode_error(self, status: int, body: bytes) -> tuple[str, str]:
        return self._side.decode_error(status, body)

    def retry_after_s(self, body: bytes) -> float | None:
        return self._side.retry_after_s(body)

    def _encoded(self, events: Iterable[ReplyEvent]) -> bytes:
        events = tuple(events)
        self._note(events)
        if self.failure is not None:
            events = tuple(self._struck(event) for event in events)
        feed = self._writer.feed
        return b"".join([feed(event) for event in events])

    def _struck(self, event: ReplyEvent) -> ReplyEvent:
        if not isinstance(event, ReplyFailed):
            return event
        return msgspec.structs.replace(event, message=self._secrets.struck_text(event.message))

    def _note(self, events: Iterable[ReplyEvent]) -> None:
        for event in events:
            match event:
                case BlockStarted():
                    self.content_started = True
                case UsageKnown(usage):
                    self.usage = usage
                case ReplyStarted(_, model):
                    self.upstream_model = model
                case ReplyEnded(stop_reason):
                    self.stop_reason = stop_reason
                case ReplyFailed(error_type, message, cut):
                    failure = _cut(message) if cut else _error_event(error_type, message)
                    self.failure = self._secrets.struck_failure(failure)
                case _:
                    pass


def _decoded(body: bytes, client: ClientSide) -> ChatRequest:
    try:
        return client.decode_request(body)
    except BadRequest:
        mended = without_half_pairs(body)
        if mended == body:
            raise
        return client.decode_request(mended)


def _for_card(quirks: ChatQuirks, known: ModelCard) -> ChatQuirks:
    """What the model cannot do is not asked of it: more output than it gives, and seeing."""
    if quirks.max_output_tokens is None and known.max_output_tokens is not None:
        quirks = msgspec.structs.replace(quirks, max_output_tokens=known.max_output_tokens)
    return msgspec.structs.replace(quirks, images=False) if known.vision is False and quirks.images else quirks


def _error_event(error_type: str, message: str) -> Failure:
    return Failure(
        kind=kind_of_error_type(error_type, message), fault="upstream", message=message, error_type=error_type
    )


def _cut(message: str) -> Failure:
    return Failure(kind=FailureKind.CUT, fault="upstream", message=message or _CUT)
