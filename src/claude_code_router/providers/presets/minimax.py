"""MiniMax."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import ModelRule, Preset, RelayRule
from claude_code_router.providers.reasoning import wish
from claude_code_router.providers.relaying import OTHER_MODELS


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`thinking: {type}` adaptive or disabled from M3 on; M2 always thinks."""
    on = wish(chat).on
    if on is None or not re.search(r"minimax-m[3-9]", model.lower()):
        return {}
    return {"thinking": {"type": "adaptive" if on else "disabled"}}


PRESET = Preset(
    name="minimax",
    title="MiniMax",
    hosts=("api.minimax.io", "api.minimaxi.com", "api.minimax.chat"),
    endpoints={
        "openai_chat": "https://api.minimax.io/v1/chat/completions",
        "anthropic": "https://api.minimax.io/anthropic/v1/messages",
    },
    quirks=(
        QuirkChange(
            source="AgentScope's notes on the official schema: no tool_choice, parallel_tool_calls, response_format; "
            "max_tokens deprecated; reasoning_split keeps thoughts apart; "
            "https://java.agentscope.io/v2/en/integration/model/minimax, "
            "read 2026-11",
            fields={
                "reasoning_fields": reasoning,
                "max_tokens_field": "max_completion_tokens",
                "reasoning_replay": "reasoning_details",
                "extra_body": {"reasoning_split": True},
                "inline_think_tags": True,
                "tool_choice_any": "auto",
                "named_tool_choice": False,
                "parallel_tool_calls_field": False,
                "json_schema_output": False,
            },
        ),
    ),
    model_rules=(
        ModelRule(
            models=r"minimax-m[12]",
            change=QuirkChange(
                source="the maker's model pages: text only, not checked live, 2026-11",
                fields={"images": False, "content_parts": "never"},
            ),
        ),
    ),
    relay=(
        OTHER_MODELS,
        RelayChange(
            source="https://platform.minimax.io/docs/api-reference/text-anthropic-api: adaptive thinking from M3 on; no "
            "documents; read 2026-11",
            fields={"documents": False, "effort": (), "output_format": False},
        ),
    ),
    relay_rules=(
        RelayRule(
            models=r"minimax-m[12]",
            change=RelayChange(
                source="https://platform.minimaxi.com/docs/api-reference/text-anthropic-api: M2 takes text and tools only, and "
                "always thinks; read 2026-11",
                fields={"images": False, "thinking": ("enabled",)},
            ),
        ),
    ),
)
