"""What the other servers of Anthropic's dialect must not receive, as data. The default is to change nothing: Anthropic
itself, and any gateway of which nothing is known, gets the client's own bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from claude_code_router.dialects.openai_chat.quirks import grown


class RelayQuirks(msgspec.Struct, frozen=True, kw_only=True):
    attribution: bool = True
    """The client's billing block may stay in `system`. Elsewhere than at Anthropic it is prompt text that differs per
    conversation, so that no prefix cache is ever met."""
    betas: bool = True
    """The `anthropic-beta` header travels, and with it the body fields that need it; otherwise both halves are left out, and
    tools keep only what every server knows (name, description, input_schema)."""
    drop_fields: frozenset[str] = frozenset()
    """Top-level fields that are refused."""
    server_tools: tuple[str, ...] | None = None
    """Beginnings of the types of server tools that it runs; None: all. The others are left out, with their traces in the
    history told in text."""
    system_turns: bool = True
    """False: messages of role `system` become `<system-reminder>` text of the user's message before them."""
    cache_control: Literal["keep", "plain", "drop"] = "keep"
    """plain: `{"type":"ephemeral"}` and nothing else."""
    thinking: tuple[str, ...] | None = None
    """Values of `thinking.type` that are taken; None: any. Another one becomes the nearest of them, or nothing."""
    thinking_opens_turns: bool = False
    """Who thinks by budget must have thought before the tool calls that are answered now: else it does not think this time."""
    forced_tool: bool = True
    """False: a `tool_choice` that demands a tool becomes `auto`."""
    prefill: bool = True
    """False: a conversation that ends with the assistant's own words is asked to continue."""
    turn_settings: bool = True
    """Messages may carry an `output_config` of their own."""
    effort: tuple[str, ...] | None = None
    """Levels of `output_config.effort` in rising order; None: any; empty: none is sent."""
    output_format: bool = True
    """Takes `output_config.format` (a JSON schema for the reply)."""
    images: bool = True
    documents: bool = True
    redacted_thinking: bool = True
    """Claude's encrypted thinking may stand in the history."""
    max_output_tokens: int | None = None


NOTHING = RelayQuirks()


class RelayChange(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of replaced fields, as `QuirkChange` for chat."""

    source: str
    """Where it is known from, with its date."""
    fields: Mapping[str, object]

    def apply(self, quirks: RelayQuirks) -> RelayQuirks:
        return msgspec.structs.replace(
            quirks, **{name: grown(getattr(quirks, name), value) for name, value in self.fields.items()}
        )
