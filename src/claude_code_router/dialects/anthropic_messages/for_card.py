"""A request that was made for another model: what its new model would refuse, told by the facts that are known of both, so
that a request which needs nothing costs nothing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from claude_code_router.catalog.cards import ModelCard
from claude_code_router.core.signals import Signals
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayQuirks

LONG_CONTEXT_BETA = "context-1m-2025-08-07"
"""Refused for models whose window is the old one (protocol notes, 2026-11: body and header are a pair, and so are beta and
model)."""
_OLD_WINDOW_TOKENS = 200_000
_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_NEWEST = "claude"
"""The family of a Claude of which only the name is known: nothing is known of its effort levels."""


def for_card(quirks: RelayQuirks, known: ModelCard, signals: Signals) -> RelayQuirks:
    """`quirks`, and what besides must not reach a model with this card. The very same object when that is nothing."""
    changes = dict(_changes(quirks, known, signals))
    return msgspec.structs.replace(quirks, **changes) if changes else quirks


def takes_long_context_beta(known: ModelCard) -> bool:
    return not known.claude or known.context_tokens is None or known.context_tokens > _OLD_WINDOW_TOKENS


def _changes(quirks: RelayQuirks, known: ModelCard, signals: Signals) -> Iterator[tuple[str, object]]:
    most = known.max_output_tokens
    if most is not None and signals.max_tokens is not None and signals.max_tokens > most:
        yield "max_output_tokens", most if quirks.max_output_tokens is None else min(most, quirks.max_output_tokens)
    if signals.images and known.vision is False:
        yield "images", False
    if known.claude:
        yield from _claudes(quirks, known, signals)


def _claudes(quirks: RelayQuirks, known: ModelCard, signals: Signals) -> Iterator[tuple[str, object]]:
    """A vendor's own word on thinking and effort goes before the model's card."""
    dropped = quirks.drop_fields
    if signals.sampled and not known.sampling:
        dropped |= _SAMPLING
    if signals.fast and not known.fast:
        dropped |= {"speed"}
    if dropped != quirks.drop_fields:
        yield "drop_fields", dropped
    if signals.forced_tool and not known.forced_tool:
        yield "forced_tool", False
    if signals.prefilled and not known.prefill:
        yield "prefill", False
    if signals.system_turns and not known.mid_system:
        yield "system_turns", False
    if signals.turn_settings and not known.turn_settings:
        yield "turn_settings", False
    if quirks.effort is None and known.family != _NEWEST and _odd_effort(known, signals):
        yield "effort", known.efforts
    if signals.thinking and quirks.thinking is None:
        yield from _thinking(known, signals)


def _odd_effort(known: ModelCard, signals: Signals) -> bool:
    """With settings in single messages, the one in force is not the only one."""
    return bool(signals.effort) and (signals.effort not in known.efforts or signals.turn_settings)


def _thinking(known: ModelCard, signals: Signals) -> Iterator[tuple[str, object]]:
    if not known.thinking and known.reasons is not False:
        return
    if signals.thinking not in known.thinking:
        yield "thinking", tuple(sorted(known.thinking))
    by_budget = signals.thinking == "enabled" or (signals.thinking == "adaptive" and "adaptive" not in known.thinking)
    if by_budget and signals.tool_depth and "enabled" in known.thinking:
        yield "thinking_opens_turns", True
