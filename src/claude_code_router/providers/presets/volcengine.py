"""Volcengine Ark (Doubao), and BytePlus outside China."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import ModelRule, Preset
from claude_code_router.providers.reasoning import switch
from claude_code_router.providers.relaying import OTHER_MODELS


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`thinking: {type}`, for the models that are known to take it (an endpoint id `ep-…` says nothing of its model)."""
    known = re.search(
        r"doubao-(seed|1[.-]5-thinking)|deepseek-v(3[.-][1-9]|[4-9])|glm-|kimi-k2[.-][5-9]", model.lower()
    )
    return switch(chat) if known else {}


PRESET = Preset(
    name="volcengine",
    title="Volcengine Ark",
    hosts=("volces.com", "bytepluses.com"),
    endpoints={
        "openai_chat": "https://ark.cn-beijing.volces.com/api/v3/chat/completions",
        "anthropic": "https://ark.cn-beijing.volces.com/api/coding/v1/messages",
    },
    auth={"anthropic": "bearer"},
    quirks=(
        QuirkChange(
            source="LiteLLM 1.109.1 (thinking enabled, disabled, auto), read 2026-11",
            fields={"reasoning_fields": reasoning, "json_schema_output": False},
        ),
    ),
    model_rules=(
        ModelRule(
            models=r"deepseek|coder|glm-(?!.*v)|kimi-k2(?![.-][5-9])",
            change=QuirkChange(
                source="the makers' model pages: text only, not checked live, 2026-11", fields={"images": False}
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
