"""ModelScope's inference API."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import ModelRule, Preset
from claude_code_router.providers.reasoning import enable_thinking
from claude_code_router.providers.relaying import OTHER_MODELS


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`enable_thinking` for the hybrid Qwen 3 models, which think only in streams."""
    name = model.lower()
    if not re.search(r"qwen3-\d", name) or "instruct" in name or "coder" in name or "thinking" in name:
        return {}
    return enable_thinking(chat, stream_only=True)


PRESET = Preset(
    name="modelscope",
    title="ModelScope",
    hosts=("api-inference.modelscope.cn", "api-inference.modelscope.ai"),
    endpoints={
        "openai_chat": "https://api-inference.modelscope.cn/v1/chat/completions",
        "anthropic": "https://api-inference.modelscope.cn/v1/messages",
    },
    auth={"anthropic": "bearer"},
    quirks=(
        QuirkChange(
            source="LiteLLM 1.109.1: lists of text become strings; read 2026-11",
            fields={"reasoning_fields": reasoning, "parallel_tool_calls_field": False, "json_schema_output": False},
        ),
    ),
    model_rules=(
        ModelRule(
            models=r"^(?!.*(vl|omni|qvq|qwen3\.[5-9]))",
            change=QuirkChange(
                source="LiteLLM 1.109.1: lists of text become strings; read 2026-11",
                fields={"content_parts": "never", "images": False},
            ),
        ),
    ),
    relay=(
        OTHER_MODELS,
        RelayChange(
            source="the careful middle: manual thinking, no effort; not checked live, 2026-11",
            fields={"thinking": ("enabled", "disabled"), "effort": (), "output_format": False},
        ),
    ),
)
