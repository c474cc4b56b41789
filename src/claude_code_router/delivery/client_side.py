"""How each client is listened to and answered: one line a dialect, the functions themselves are the dialects'."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from claude_code_router.core.asked import Asked
from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.inbound import ClientDialect
from claude_code_router.core.reply import ReplyEvent
from claude_code_router.core.usage import Usage
from claude_code_router.dialects.anthropic_messages import encoder as anthropic_encoder
from claude_code_router.dialects.anthropic_messages import errors as anthropic_errors
from claude_code_router.dialects.anthropic_messages import observer as anthropic_observer
from claude_code_router.dialects.anthropic_messages import request as anthropic_request
from claude_code_router.dialects.anthropic_messages import splice
from claude_code_router.dialects.gemini import client_errors as gemini_client_errors
from claude_code_router.dialects.gemini import encoder as gemini_encoder
from claude_code_router.dialects.gemini import errors as gemini_errors
from claude_code_router.dialects.gemini import inbound as gemini_inbound
from claude_code_router.dialects.gemini import observer as gemini_observer
from claude_code_router.dialects.gemini.door import without_url
from claude_code_router.dialects.gemini.endpoint import endpoint as gemini_endpoint
from claude_code_router.dialects.gemini.relay import strip_foreign_thoughts, strip_thoughts
from claude_code_router.dialects.openai_chat import encoder as chat_encoder
from claude_code_router.dialects.openai_chat import envelope as openai_envelope
from claude_code_router.dialects.openai_chat import errors as chat_errors
from claude_code_router.dialects.openai_chat import inbound as chat_inbound
from claude_code_router.dialects.openai_chat import observer as chat_observer
from claude_code_router.dialects.openai_chat.relay import strip_thinking_blocks
from claude_code_router.dialects.openai_responses import encoder as responses_encoder
from claude_code_router.dialects.openai_responses import errors as responses_errors
from claude_code_router.dialects.openai_responses import inbound as responses_inbound
from claude_code_router.dialects.openai_responses import observer as responses_observer
from claude_code_router.dialects.openai_responses.relay import strip_foreign_reasoning, strip_reasoning
from claude_code_router.dialects.without_search import gemini_without_search, openai_without_search


class ReplyWriter(Protocol):
    """Reply events in, the client's stream out."""

    def feed(self, event: ReplyEvent) -> bytes: ...


class Observer(Protocol):
    """Watches a relayed reply without changing it (dialects.observer says what each field means)."""

    content_started: bool
    ended: bool
    error: tuple[str, str] | None
    usage: Usage | None
    stop_reason: str
    model: str

    @property
    def at_boundary(self) -> bool: ...

    @property
    def ending(self) -> bytes: ...

    @property
    def unfinished(self) -> bytes:
        """How the event begins that is not complete yet; empty when there is none."""

    def feed(self, chunk: bytes) -> None: ...


def _with_query(url: str, query: str, model: str, stream: bool) -> str:
    del model, stream
    return f"{url}?{query}" if query else url


def _as_it_is(body: bytes) -> bytes:
    return body


def _not_in_the_body(body: bytes) -> float | None:
    del body
    return None


class ClientSide(msgspec.Struct, frozen=True, kw_only=True):
    dialect: ClientDialect
    decode_request: Callable[[bytes], ChatRequest]
    """Raises BadRequest."""
    reply_writer: Callable[[Asked], ReplyWriter]
    encode_reply: Callable[[Iterable[ReplyEvent], Asked], bytes]
    """A whole reply. Raises BadReply when the events end in ReplyFailed, or in nothing at all."""
    encode_error: Callable[[str, str, str], bytes]
    """(Anthropic's error type, message, request id) -> the body of an error reply."""
    encode_error_event: Callable[[str, str], bytes]
    """(Anthropic's error type, message) -> what ends a stream that has failed."""
    decode_error: Callable[[int, bytes], tuple[str, str]]
    """Of an upstream that speaks the same dialect: (status, body) -> (Anthropic's error type, message)."""
    ping: bytes
    """Fills a silence; means nothing."""
    statuses: Mapping[int, int] = {}
    """Statuses that this dialect does not know -> those that say the same in it."""
    relayed_body: Callable[[bytes, str, str], bytes]
    """(body, model, model asked for) -> the body for an upstream of the same dialect: the client's bytes, but for what must
    change."""
    without_thinking: Callable[[bytes], bytes]
    """The body without any earlier thinking; the very same object when there is none."""
    without_search: Callable[[bytes], bytes] = _as_it_is
    """The body without the provider's own web search (`Signals.search_aside`: never an Anthropic client's)."""
    observer: Callable[[], Observer]
    observe_reply: Callable[[bytes], Observer]
    relayed_url: Callable[[str, str, str, bool], str] = _with_query
    """(the provider's URL, the client's query, model, stream) -> where to post."""
    retry_after_s: Callable[[bytes], float | None] = _not_in_the_body
    """The pause that an error's body asks for."""


def _relayed_to_anthropic(body: bytes, model: str, asked: str) -> bytes:
    return splice.strip_minted_thinking(splice.strip_subagent_tag(splice.splice_model(body, model, asked)))


CLIENT_SIDES: Mapping[ClientDialect, ClientSide] = {
    "anthropic": ClientSide(
        dialect="anthropic",
        decode_request=lambda body: anthropic_request.decode_request(splice.strip_subagent_tag(body)),
        reply_writer=lambda asked: anthropic_encoder.ReplyEncoder(asked.named("msg_"), asked.model, asked.tokens),
        encode_reply=lambda events, asked: anthropic_encoder.encode_reply(
            events, asked.named("msg_"), asked.model, asked.tokens
        ),
        encode_error=anthropic_errors.encode_error,
        encode_error_event=anthropic_errors.encode_error_event,
        decode_error=lambda _status, body: anthropic_errors.decode_error(body),
        ping=anthropic_encoder.PING,
        relayed_body=_relayed_to_anthropic,
        without_thinking=splice.strip_thinking,
        observer=anthropic_observer.ReplyObserver,
        observe_reply=anthropic_observer.observe_reply,
    ),
    "openai_chat": ClientSide(
        dialect="openai_chat",
        decode_request=chat_inbound.decode_request,
        reply_writer=chat_encoder.ReplyEncoder,
        encode_reply=chat_encoder.encode_reply,
        encode_error=openai_envelope.encode_error,
        encode_error_event=openai_envelope.encode_error_event,
        decode_error=chat_errors.decode_error,
        ping=chat_encoder.PING,
        statuses=openai_envelope.STATUSES,
        relayed_body=lambda body, model, asked: strip_thinking_blocks(splice.splice_model(body, model, asked)),
        without_thinking=strip_thinking_blocks,
        without_search=openai_without_search,
        observer=chat_observer.ReplyObserver,
        observe_reply=chat_observer.observe_reply,
    ),
    "openai_responses": ClientSide(
        dialect="openai_responses",
        decode_request=responses_inbound.decode_request,
        reply_writer=responses_encoder.ReplyEncoder,
        encode_reply=responses_encoder.encode_reply,
        encode_error=openai_envelope.encode_error,
        encode_error_event=responses_encoder.encode_error_event,
        decode_error=responses_errors.decode_error,
        ping=responses_encoder.PING,
        statuses=openai_envelope.STATUSES,
        relayed_body=lambda body, model, asked: strip_foreign_reasoning(splice.splice_model(body, model, asked)),
        without_thinking=strip_reasoning,
        without_search=openai_without_search,
        observer=responses_observer.ReplyObserver,
        observe_reply=responses_observer.observe_reply,
    ),
    "gemini": ClientSide(
        dialect="gemini",
        decode_request=gemini_inbound.decode_request,
        reply_writer=gemini_encoder.ReplyEncoder,
        encode_reply=gemini_encoder.encode_reply,
        encode_error=gemini_client_errors.encode_error,
        encode_error_event=gemini_client_errors.encode_error_event,
        decode_error=gemini_errors.decode_error,
        ping=gemini_encoder.PING,
        statuses=gemini_client_errors.STATUSES,
        relayed_body=lambda body, _model, _asked: strip_foreign_thoughts(without_url(body)),
        without_thinking=strip_thoughts,
        without_search=gemini_without_search,
        observer=gemini_observer.ReplyObserver,
        observe_reply=gemini_observer.observe_reply,
        relayed_url=lambda url, _query, model, stream: gemini_endpoint(url, model, stream=stream),
        retry_after_s=gemini_errors.retry_after_s,
    ),
}
