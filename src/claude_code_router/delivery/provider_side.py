"""How each kind of provider is asked and understood, for translations: one line a dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from claude_code_router.catalog.cards import THINKING_FORMS, UNKNOWN, ModelCard
from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.reply import ReplyEvent
from claude_code_router.dialects.anthropic_messages import errors as anthropic_errors
from claude_code_router.dialects.anthropic_messages import outbound as anthropic_outbound
from claude_code_router.dialects.anthropic_messages import reply as anthropic_reply
from claude_code_router.dialects.anthropic_messages.near_relay import adapt
from claude_code_router.dialects.anthropic_messages.relay_quirks import NOTHING, RelayQuirks
from claude_code_router.dialects.gemini import errors as gemini_errors
from claude_code_router.dialects.gemini import reply as gemini_reply
from claude_code_router.dialects.gemini import request as gemini_request
from claude_code_router.dialects.gemini.endpoint import endpoint as gemini_endpoint
from claude_code_router.dialects.ollama_chat import reply as ollama_reply
from claude_code_router.dialects.ollama_chat import request as ollama_request
from claude_code_router.dialects.openai_chat import errors as chat_errors
from claude_code_router.dialects.openai_chat import reply as chat_reply
from claude_code_router.dialects.openai_chat import request as chat_request
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_responses import errors as responses_errors
from claude_code_router.dialects.openai_responses import reply as responses_reply
from claude_code_router.dialects.openai_responses import request as responses_request
from claude_code_router.providers.provider import ProviderDialect


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request to one target."""

    chat: ChatRequest
    model: str
    """At the provider."""
    quirks: ChatQuirks
    origin: str
    """The target, `provider,model`: what it alone can read goes back to it alone."""
    card: ModelCard = UNKNOWN
    """What the model is able to do, the owner's word included."""
    relay: RelayQuirks = NOTHING
    """What a server of the anthropic dialect must not receive."""


class ReplyReader(Protocol):
    """Raw network bytes in, reply events out."""

    def feed(self, chunk: bytes) -> tuple[ReplyEvent, ...]: ...

    def close(self) -> tuple[ReplyEvent, ...]: ...


def _as_configured(url: str, model: str, stream: bool) -> str:
    del model, stream
    return url


def _not_in_the_body(body: bytes) -> float | None:
    del body
    return None


def _near_anthropic(call: Call) -> bytes:
    """Other makers' servers of the dialect must not receive from a translation what they must not from a relay."""
    known = call.card
    if not known.claude and call.relay.thinking is not None:
        forms = frozenset(form for form in THINKING_FORMS if form in call.relay.thinking)
        known = msgspec.structs.replace(known, thinking=forms, efforts=call.relay.effort or ())
    return adapt(anthropic_outbound.encode_request(call.chat, call.model, call.quirks, known), call.relay)


class ProviderSide(msgspec.Struct, frozen=True, kw_only=True):
    url: Callable[[str, str, bool], str] = _as_configured
    """(the provider's URL, model, stream) -> where to post."""
    encode_request: Callable[[Call], bytes]
    """Raises BadRequest for what this dialect cannot carry."""
    reply_reader: Callable[[Call], ReplyReader]
    decode_reply: Callable[[bytes, Call], tuple[ReplyEvent, ...]]
    decode_error: Callable[[int, bytes], tuple[str, str]]
    """(status, body) -> (Anthropic's error type, message)."""
    searches: Callable[[Call], bool] = lambda _call: True
    """A web search that the client offers is carried out there (or it is not known that it is not)."""
    retry_after_s: Callable[[bytes], float | None] = _not_in_the_body
    """The pause that an error's body asks for."""


PROVIDER_SIDES: Mapping[ProviderDialect, ProviderSide] = {
    "anthropic": ProviderSide(
        encode_request=_near_anthropic,
        reply_reader=lambda call: anthropic_reply.ReplyDecoder(call.chat),
        decode_reply=lambda body, call: anthropic_reply.decode_reply(body, call.chat),
        decode_error=lambda _status, body: anthropic_errors.decode_error(body),
    ),
    "openai_chat": ProviderSide(
        encode_request=lambda call: chat_request.encode_request(call.chat, call.model, call.quirks),
        reply_reader=lambda call: chat_reply.ReplyDecoder(call.quirks, call.chat),
        decode_reply=lambda body, call: chat_reply.decode_reply(body, call.quirks, call.chat),
        searches=lambda call: bool(call.quirks.web_search),
        decode_error=chat_errors.decode_error,
    ),
    "ollama_chat": ProviderSide(
        encode_request=lambda call: ollama_request.encode_request(call.chat, call.model, call.quirks),
        reply_reader=lambda call: ollama_reply.ReplyDecoder(call.quirks, call.chat),
        decode_reply=lambda body, call: ollama_reply.decode_reply(body, call.quirks, call.chat),
        searches=lambda _call: False,
        decode_error=chat_errors.decode_error,
    ),
    "openai_responses": ProviderSide(
        encode_request=lambda call: responses_request.encode_request(call.chat, call.model, call.quirks, call.origin),
        reply_reader=lambda call: responses_reply.ReplyDecoder(call.quirks, call.chat, call.origin),
        decode_reply=lambda body, call: responses_reply.decode_reply(body, call.quirks, call.chat, call.origin),
        searches=lambda call: call.quirks.responses.web_search,
        decode_error=responses_errors.decode_error,
    ),
    "gemini": ProviderSide(
        url=lambda url, model, stream: gemini_endpoint(url, model, stream=stream),
        encode_request=lambda call: gemini_request.encode_request(call.chat, call.model, call.quirks),
        reply_reader=lambda call: gemini_reply.ReplyDecoder(call.chat, call.model),
        decode_reply=lambda body, call: gemini_reply.decode_reply(body, call.chat, call.model),
        searches=lambda call: gemini_request.searches(call.chat),
        decode_error=gemini_errors.decode_error,
        retry_after_s=gemini_errors.retry_after_s,
    ),
}
