"""MiniMax."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import ModelRule, Preset
from claude_code_router.providers.reasoning import wish


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
)
