"""Ollama, on the owner's machine or in its cloud."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import Preset
from claude_code_router.providers.reasoning import effort
from claude_code_router.providers.relaying import OTHER_MODELS

# A model without the ability answers 400 "does not support thinking" when asked to
# (https://github.com/Gitlawb/openclaude/issues/1371, 2026-05): ask only those that are known to have it.
_THINKS = (
    r"gpt-oss|gemma-?4|qwen3(?!.*(coder|instruct))|qwq|deepseek-(r1|v3\.[1-9]|v[4-9])|magistral|glm-[45]|minimax"
    r"|kimi-k2.*thinking|kimi-k[23]\."
)


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`reasoning_effort`, for models that are known to think."""
    if not re.search(_THINKS, model.lower()):
        return {}
    levels = ("low", "medium", "high") if "gpt-oss" in model.lower() else ("none", "low", "medium", "high", "max")
    return effort(chat, levels)


PRESET = Preset(
    name="ollama",
    title="Ollama",
    hosts=("ollama.com",),
    loopback_ports=(11434,),
    endpoints={
        "openai_chat": "http://127.0.0.1:11434/v1/chat/completions",
        "anthropic": "http://127.0.0.1:11434/v1/messages",
        "ollama_chat": "http://127.0.0.1:11434/api/chat",
    },
    auth={"anthropic": "bearer"},
    quirks=(
        QuirkChange(
            source="https://github.com/ollama/ollama/blob/main/openai/openai.go (reasoning, reasoning_effort), read 2026-08",
            fields={"reasoning_fields": reasoning, "reasoning_replay": "reasoning", "parallel_tool_calls_field": False},
        ),
    ),
    relay=(
        OTHER_MODELS,
        RelayChange(
            source="https://docs.ollama.com/api/anthropic-compatibility: no documents, no cache_control; its own web_search; "
            "https://github.com/ollama/ollama/issues/18431: system messages are hoisted, which ruins the prefix cache; 2026-09",
            fields={
                "documents": False,
                "cache_control": "drop",
                "server_tools": ("web_search_",),
                "output_format": False,
            },
        ),
    ),
)
