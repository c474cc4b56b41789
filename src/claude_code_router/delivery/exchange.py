"""One attempt's request and reply, sans-IO: what goes to this target, and what its bytes become for the client.

`Relay` when both sides speak the same dialect: bytes in, bytes out. `Translation` otherwise: bytes → reply events → bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from claude_code_router.catalog.cards import card
from claude_code_router.core.errors import BadReply, Refused
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.reply import BlockStarted, ReplyEnded, ReplyEvent, ReplyFailed, ReplyStarted, UsageKnown
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.policy import kind_of_error_type
from claude_code_router.delivery.transport import UpstreamRequest
from claude_code_router.dialects.anthropic_messages.encoder import ReplyEncoder, encode_reply
from claude_code_router.dialects.anthropic_messages.errors import decode_error as decode_anthropic_error
from claude_code_router.dialects.anthropic_messages.errors import encode_error_event
from claude_code_router.dialects.anthropic_messages.observer import ReplyObserver, observe_reply
from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.anthropic_messages.splice import (
    splice_model,
    strip_minted_thinking,
    strip_subagent_tag,
)
from claude_code_router.dialects.openai_chat.errors import decode_error as decode_openai_error
from claude_code_router.dialects.openai_chat.reply import ReplyDecoder, decode_reply
from claude_code_router.dialects.openai_chat.request import encode_request
from claude_code_router.providers.headers import upstream_headers
from claude_code_router.providers.provider import SPOKEN, Provider

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


def exchange_for(inbound: Inbound, signals: Signals, target: Target, provider: Provider | None) -> Exchange:
    """Raises Refused when this target cannot be spoken to."""
    if provider is None:
        raise Refused(f"There is no provider named {target.provider!r} in the config.", hint="Add it to `Providers`.")
    if provider.dialect not in SPOKEN:
        raise Refused(
            f"Provider {provider.name!r} speaks {provider.dialect}, which this version cannot speak yet.",
            hint="Use its OpenAI-compatible or Anthropic-compatible endpoint as `api_base_url`.",
        )
    if provider.dialect == "anthropic":
        return Relay(inbound, target, provider)
    return Translation(inbound, signals, target, provider)


class Relay:
    """Anthropic to Anthropic. Only the model's value is spliced; our own marks are taken out where they stand."""

    verbatim = True

    def __init__(self, inbound: Inbound, target: Target, provider: Provider) -> None:
        body = strip_minted_thinking(strip_subagent_tag(splice_model(inbound.body, target.model)))
        url = f"{provider.url}?{inbound.query}" if inbound.query else provider.url
        self.request = UpstreamRequest(url=url, headers=upstream_headers(provider, inbound.headers), body=body)
        self.failure: Failure | None = None
        self._seen = ReplyObserver()

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
        if self._seen.error is not None and self.failure is None:
            self.failure = _error_event(*self._seen.error)
        return chunk

    def finish(self) -> bytes:
        if self._seen.ended or self.failure is not None:
            return b""
        self.failure = Failure(kind=FailureKind.CUT, fault="upstream", message=_CUT)
        return b""

    def break_off(self, failure: Failure) -> bytes:
        if self._seen.error is not None:
            return b""  # the upstream's own error event has been relayed already
        # overloaded_error: today's client repeats the stream or resumes behind the last finished block; any other type
        # makes it repeat the whole request without streaming.
        event = encode_error_event("overloaded_error", failure.message)
        return event if self._seen.at_boundary else b"\n\n" + event

    def whole(self, body: bytes) -> bytes:
        self._seen = observe_reply(body)
        if self._seen.error is not None:
            self.failure = _error_event(*self._seen.error)
        return body

    def decode_error(self, status: int, body: bytes) -> tuple[str, str]:
        del status
        return decode_anthropic_error(body)


class Translation:
    """Anthropic client, OpenAI chat/completions upstream."""

    verbatim = False
    at_boundary = True  # the encoder only ever gives whole events

    def __init__(self, inbound: Inbound, signals: Signals, target: Target, provider: Provider) -> None:
        chat = decode_request(strip_subagent_tag(inbound.body))
        quirks = provider.quirks_for(target.model)
        if quirks.max_output_tokens is None and card(target.model).max_output_tokens is not None:
            quirks = msgspec.structs.replace(quirks, max_output_tokens=card(target.model).max_output_tokens)
        self.request = UpstreamRequest(
            url=provider.url,
            headers=upstream_headers(provider, inbound.headers),
            body=encode_request(chat, target.model, quirks),
        )
        self._chat = chat
        self._quirks = quirks
        self._asked_model = signals.model
        self._estimate_tokens = signals.tokens
        self._message_id = inbound.id.replace("req_", "msg_", 1)
        self._decoder = ReplyDecoder(quirks, chat)
        self._encoder = ReplyEncoder(self._message_id, signals.model, signals.tokens)
        self.content_started = False
        self.failure: Failure | None = None
        self.usage: Usage | None = None
        self.stop_reason = ""
        self.upstream_model = ""

    def feed(self, chunk: bytes) -> bytes:
        return self._encoded(self._decoder.feed(chunk))

    def finish(self) -> bytes:
        return self._encoded(self._decoder.close())

    def break_off(self, failure: Failure) -> bytes:
        if self.failure is failure:
            return b""  # it came as an event, and the encoder has said it
        return self._encoder.feed(ReplyFailed("overloaded_error", failure.message))

    def whole(self, body: bytes) -> bytes:
        events = decode_reply(body, self._quirks, self._chat)
        self._note(events)
        if self.failure is not None:
            return b""
        try:
            return encode_reply(events, self._message_id, self._asked_model, self._estimate_tokens)
        except BadReply as error:
            self.failure = Failure(kind=FailureKind.MALFORMED, fault="upstream", message=error.message)
            return b""

    def decode_error(self, status: int, body: bytes) -> tuple[str, str]:
        return decode_openai_error(status, body)

    def _encoded(self, events: Iterable[ReplyEvent]) -> bytes:
        events = tuple(events)
        self._note(events)
        feed = self._encoder.feed
        return b"".join([feed(event) for event in events])

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
                    self.failure = _cut(message) if cut else _error_event(error_type, message)
                case _:
                    pass


def _error_event(error_type: str, message: str) -> Failure:
    return Failure(kind=kind_of_error_type(error_type, message), fault="upstream", message=message, error_type=error_type)


def _cut(message: str) -> Failure:
    return Failure(kind=FailureKind.CUT, fault="upstream", message=message or _CUT)
