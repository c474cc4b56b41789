"""Moonshot AI (Kimi)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import ModelRule, Preset
from claude_code_router.providers.reasoning import switch
from claude_code_router.providers.relaying import OTHER_MODELS

_SWITCHES = r"kimi-k2[.-][5-9]"
_KEEPS = r"kimi-k2[.-][6-9]"
_NEWEST = r"kimi-k2[.-][5-9]|kimi-k[3-9]|kimi-latest"


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`thinking: {type}`, off for a forced tool, for the models that can do both; from K2.6 on earlier thoughts are kept."""
    name = model.lower()
    if not re.search(_SWITCHES, name):
        return {}
    fields = switch(chat)
    if re.search(_KEEPS, name) and fields == {"thinking": {"type": "enabled"}}:
        return {"thinking": {"type": "enabled", "keep": "all"}}
    return fields


PRESET = Preset(
    name="moonshot",
    title="Moonshot AI (Kimi)",
    hosts=("api.moonshot.ai", "api.moonshot.cn", "api.kimi.com"),
    endpoints={
        "openai_chat": "https://api.moonshot.ai/v1/chat/completions",
        "anthropic": "https://api.moonshot.ai/anthropic/v1/messages",
    },
    auth={"anthropic": "bearer"},
    quirks=(
        QuirkChange(
            source="https://github.com/continuedev/continue/issues/11600: an assistant message with tool calls needs "
            "reasoning_content; LiteLLM 1.109.1: no tool_choice `required`; read 2026-11",
            fields={
                "reasoning_fields": reasoning,
                "reasoning_replay": "reasoning_content",
                "reasoning_replay_required": True,
                "tool_choice_any": "auto",
                "named_tool_choice": False,
                "parallel_tool_calls_field": False,
                "empty_assistant_content": "empty_string",
            },
        ),
    ),
    model_rules=(
        ModelRule(
            models=_SWITCHES,
            change=QuirkChange(
                source="https://github.com/can1357/oh-my-pi/pull/1078: a forced tool is taken with thinking off; `keep`: "
                "https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model; 2026-06",
                fields={"tool_choice_any": "required", "named_tool_choice": True},
            ),
        ),
        ModelRule(
            models=r"kimi-k[3-9]",
            change=QuirkChange(
                source="https://github.com/UKGovernmentBEIS/inspect_ai/pull/5152: from K3 on `required` is taken while "
                "thinking, 2026-08",
                fields={"tool_choice_any": "required"},
            ),
        ),
        ModelRule(
            models=_NEWEST,
            change=QuirkChange(
                source="LiteLLM 1.109.1: only the model's own temperature is taken, so none is sent; read 2026-11",
                fields={"sampling": "none"},
            ),
        ),
        ModelRule(
            models=r"kimi-k2(?![.-][5-9])|moonshot-v1-(?!.*vision)",
            change=QuirkChange(
                source="LiteLLM 1.109.1: text-only models take plain strings; read 2026-11",
                fields={"content_parts": "never", "images": False},
            ),
        ),
    ),
    relay=(
        OTHER_MODELS,
        RelayChange(
            source="https://platform.moonshot.ai/docs/guide/agent-support: manual thinking; effort is not documented; not "
            "checked live, 2026-11",
            fields={"thinking": ("enabled", "disabled"), "effort": (), "output_format": False},
        ),
    ),
)
