"""DashScope (Alibaba Cloud Model Studio): the Qwen models."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import ModelRule, Preset
from claude_code_router.providers.reasoning import enable_thinking
from claude_code_router.providers.relaying import OTHER_MODELS

_SWITCHES = (
    r"qwen-(plus|turbo|flash|max)|qwen3(?!.*(coder|instruct))|qwen[4-9]"
    r"|deepseek-v(3\.[1-9]|[4-9])|glm-(4\.[5-9]|[5-9])|kimi-k2\.[5-9]"
)
_OPEN_WEIGHTS = r"qwen3-\d+(\.\d+)?b"


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`enable_thinking` and `thinking_budget`; open-weights Qwen 3 thinks only in streams."""
    name = model.lower()
    if not re.search(_SWITCHES, name):
        return {}
    return enable_thinking(chat, stream_only=re.search(_OPEN_WEIGHTS, name) is not None)


PRESET = Preset(
    name="dashscope",
    title="DashScope (Qwen)",
    hosts=("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com", "maas.aliyuncs.com"),
    endpoints={
        "openai_chat": "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
        "anthropic": "https://dashscope.aliyuncs.com/apps/anthropic/v1/messages",
    },
    quirks=(
        QuirkChange(
            source="https://help.aliyun.com/zh/model-studio/deep-thinking: enable_thinking, thinking_budget; no forced tool "
            "while thinking; not checked live, 2026-11",
            fields={"reasoning_fields": reasoning},
        ),
    ),
    model_rules=(
        ModelRule(
            models=r"qwen",
            change=QuirkChange(
                source="https://help.aliyun.com/zh/model-studio/web-search: enable_search; the pages are not named in this "
                "dialect; not checked live, 2026-11",
                fields={"web_search": {"enable_search": True}},
            ),
        ),
        ModelRule(
            models=r"qwen",
            change=QuirkChange(
                source="LiteLLM 1.109.1: cache breakpoints are taken; read 2026-11", fields={"cache_control": True}
            ),
        ),
        ModelRule(
            models=r"^(?!.*(vl|omni|qwen3\.[5-9]|qwen[4-9]|qvq|kimi-k2\.[5-9]))",
            change=QuirkChange(
                source="https://help.aliyun.com/zh/model-studio/vision: only these see, not checked live, 2026-11",
                fields={"images": False},
            ),
        ),
    ),
    relay=(
        OTHER_MODELS,
        RelayChange(
            source="LiteLLM 1.109.1: no server web_search, manual thinking; effort is not documented; read 2026-11",
            fields={"thinking": ("enabled", "disabled"), "effort": (), "output_format": False},
        ),
    ),
)
