"""Where a model lives and how it is spoken to there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from claude_code_router.catalog.cards import ModelCard, OwnCard, card
from claude_code_router.core.limits import Budget, Limits
from claude_code_router.dialects.anthropic_messages.relay_quirks import NOTHING, RelayQuirks
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks

ProviderDialect = Literal["anthropic", "openai_chat", "openai_responses", "gemini", "vertex", "ollama_chat"]
SPOKEN: frozenset[ProviderDialect] = frozenset(
    {"anthropic", "gemini", "ollama_chat", "openai_chat", "openai_responses"}
)
"""The dialects that delivery can speak today; a target in any other is refused with a sentence, never guessed at."""

AuthStyle = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "google", "aws", "none"]
"""`google` and `aws`: made for each request (delivery.authorising); the others are a header with the key."""

Hosting = Literal["", "vertex", "bedrock"]


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One of several keys of a provider."""

    name: str
    """What records and pages show: the owner's, or a fingerprint of the key (`fingerprint`)."""
    key: str
    """A secret, as `Provider.key`."""
    weight: float = 1.0
    """Its share of the sessions."""
    limits: Limits = Limits()


def fingerprint(key: str) -> str:
    """Tells keys apart without showing any part of them."""
    return "key-" + hashlib.sha256(key.encode()).hexdigest()[:8]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the owner's `Providers`, resolved against the presets and the classic transformer names."""

    name: str
    """As the owner wrote it; the first half of a target."""
    url: str
    """The complete endpoint, as in the npm tool: `…/v1/messages`, `…/v1/chat/completions`."""
    key: str = ""
    """A secret: never in logs, records, errors, pages or exports. Empty for local servers."""
    models: tuple[str, ...] = ()
    dialect: ProviderDialect = "openai_chat"
    auth: AuthStyle = "bearer"
    headers: Mapping[str, str] = {}
    """Sent with every request, besides authorisation."""
    quirks: ChatQuirks = ChatQuirks()
    model_quirks: Mapping[str, ChatQuirks] = {}
    """Complete quirks of the listed models."""
    quirks_of_unlisted: Callable[[str], ChatQuirks] | None = None
    """For models that the owner did not list (`provider,anything` is honoured); None when no model differs."""
    relay: RelayQuirks = NOTHING
    """Anthropic dialect only: what the server must not receive, whatever the model."""
    relay_of: Callable[[str], RelayQuirks] | None = None
    """The same for one model; None when no model differs."""
    counts_tokens: bool = False
    """Anthropic dialect only: `…/v1/messages/count_tokens` is served there."""
    prices: Mapping[str, Mapping[str, float]] = {}
    """The owner's own: model (or `*`) -> USD per million tokens by kind (`catalog.prices.owner_rates`)."""
    hosting: Hosting = ""
    """Anthropic dialect only: the cloud that wraps it in its own URLs, bodies and frames."""
    cards: Mapping[str, OwnCard] = {}
    """What the owner knows of single models, by their id here."""
    preset: str = ""
    """Name of the preset that matched; empty for a plain gateway."""
    credentials: tuple[Credential, ...] = ()
    """When there are several keys; `key` is then the first's."""
    limits: Limits = Limits()
    budget: Budget = Budget()
    proxy: str = ""
    """The proxy's URL, already resolved against `PROXY_URL` and `NO_PROXY`; empty: none."""
    ca_file: str = ""
    """Certificates to trust in place of the system's."""
    http2: bool = False
    """Asked for in the TLS handshake; the server may choose HTTP/1.1 all the same."""

    def relay_for(self, model: str) -> RelayQuirks:
        return self.relay if self.relay_of is None else self.relay_of(model)

    def quirks_for(self, model: str) -> ChatQuirks:
        listed = self.model_quirks.get(model)
        if listed is not None:
            return listed
        return self.quirks if self.quirks_of_unlisted is None else self.quirks_of_unlisted(model)

    def card_for(self, model: str) -> ModelCard:
        own = self.cards.get(model)
        return card(model) if own is None else own.over(card(model))
