"""LM Studio, on the owner's machine."""

from __future__ import annotations

from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import Preset
from claude_code_router.providers.reasoning import effort
from claude_code_router.providers.relaying import OTHER_MODELS


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`reasoning_effort`, for gpt-oss."""
    return effort(chat, ("low", "medium", "high")) if "gpt-oss" in model.lower() else {}


PRESET = Preset(
    name="lmstudio",
    title="LM Studio",
    loopback_ports=(1234,),
    endpoints={
        "openai_chat": "http://127.0.0.1:1234/v1/chat/completions",
        "anthropic": "http://127.0.0.1:1234/v1/messages",
    },
    quirks=(
        QuirkChange(
            source="https://lmstudio.ai/docs/developer/openai-compat (tool_choice is a word), read 2026-04",
            fields={
                "reasoning_fields": reasoning,
                "named_tool_choice": False,
                "parallel_tool_calls_field": False,
                "sampling": "all",
                "inline_think_tags": True,
            },
        ),
    ),
    relay=(
        OTHER_MODELS,
        RelayChange(
            source="https://lmstudio.ai/docs/developer/anthropic-compat (tools, tool_choice, images), read 2026-04; the rest "
            "is the careful middle, not checked live, 2026-11",
            fields={
                "cache_control": "drop",
                "documents": False,
                "thinking": ("enabled", "disabled"),
                "effort": (),
                "output_format": False,
            },
        ),
    ),
)
