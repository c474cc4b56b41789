"""A relayed Anthropic request as its target takes it: what its server or its model would refuse is taken out. Where nothing
would be, the bytes are the client's."""

from __future__ import annotations

from claude_code_router.core.signals import Signals
from claude_code_router.dialects.anthropic_messages.for_card import (
    LONG_CONTEXT_BETA,
    for_card,
    takes_long_context_beta,
)
from claude_code_router.dialects.anthropic_messages.near_relay import adapt
from claude_code_router.providers.headers import without_beta
from claude_code_router.providers.provider import Provider

Headers = list[tuple[str, str]]


def near_relayed(
    body: bytes, headers: Headers, signals: Signals, model: str, provider: Provider
) -> tuple[bytes, Headers]:
    """Who asks for this very model by its name knows it, and is told by it; not so its owner's own word on it."""
    quirks = provider.relay_for(model)
    if signals.model != model or model in provider.cards:
        known = provider.card_for(model)
        quirks = for_card(quirks, known, signals)
        if not takes_long_context_beta(known):
            headers = without_beta(headers, LONG_CONTEXT_BETA)
    return adapt(body, quirks), headers
