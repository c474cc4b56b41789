"""SiliconFlow."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import ModelRule, Preset
from claude_code_router.providers.reasoning import enable_thinking
from claude_code_router.providers.relaying import OTHER_MODELS

# Others answer 400: the parameter is not supported by the model.
_SWITCHES = (
    r"^qwen/qwen3-(8b|14b|32b|30b-a3b|235b-a22b)$|qwen3\.\d|glm-(4\.[5-9]|[5-9])"
    r"|deepseek-v(3\.[1-9]|[4-9])|hunyuan-a13b"
)


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`enable_thinking` and `thinking_budget`, for the models that can do both."""
    return enable_thinking(chat) if re.search(_SWITCHES, model.lower()) else {}


PRESET = Preset(
    name="siliconflow",
    title="SiliconFlow",
    hosts=("api.siliconflow.cn", "api.siliconflow.com"),
    endpoints={
        "openai_chat": "https://api.siliconflow.cn/v1/chat/completions",
        "anthropic": "https://api.siliconflow.cn/v1/messages",
    },
    auth={"anthropic": "bearer"},
    quirks=(
        QuirkChange(
            source="https://github.com/CherryHQ/cherry-studio/issues/6642: 20015 where the model does not switch; "
            "https://github.com/CherryHQ/cherry-studio/pull/14782; 2026-05",
            fields={"reasoning_fields": reasoning, "parallel_tool_calls_field": False, "json_schema_output": False},
        ),
    ),
    model_rules=(
        ModelRule(
            models=r"^(?!.*(vl|-v\d|glm-[\d.]+v|qwen3\.[5-9]|kimi-k2\.[5-9]|omni|ocr))",
            change=QuirkChange(
                source="https://docs.siliconflow.cn/cn/userguide/capabilities/vision: only these see, "
                "not checked live, 2026-11",
                fields={"images": False, "content_parts": "never"},
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
