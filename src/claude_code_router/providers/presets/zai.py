"""Z.ai, and the same company's bigmodel.cn: the GLM models."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import ModelRule, Preset, RelayRule
from claude_code_router.providers.reasoning import effort, wish
from claude_code_router.providers.relaying import OTHER_MODELS

_ALWAYS_THINKS = r"glm-(5\.[3-9]|[6-9])"
_HAS_LEVELS = r"glm-5\.2"


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`thinking: {type}` from GLM 4.5 on; from 5.2 with `reasoning_effort`; from 5.3 it cannot be off, so the lowest level."""
    name = model.lower()
    on = wish(chat).on
    if re.search(_ALWAYS_THINKS, name):
        return {"thinking": {"type": "enabled"}, **effort(chat, ("low", "high", "max"))}
    if on is None or not re.search(r"glm-(4\.[5-9]|5)", name):
        return {}
    if on and re.search(_HAS_LEVELS, name):
        return {"thinking": {"type": "enabled"}, **effort(chat, ("high", "max"))}
    return {"thinking": {"type": "enabled" if on else "disabled"}}


PRESET = Preset(
    name="zai",
    title="Z.ai / BigModel (GLM)",
    hosts=("api.z.ai", "open.bigmodel.cn"),
    endpoints={
        "openai_chat": "https://api.z.ai/api/paas/v4/chat/completions",
        "anthropic": "https://api.z.ai/api/anthropic/v1/messages",
    },
    auth={"anthropic": "bearer"},
    quirks=(
        QuirkChange(
            source="https://github.com/theopenco/llmgateway/pull/3605 and hermes-agent/issues/85890: GLM 5.3 "
            "answers 1210 to `disabled` and to other levels than low, high, max; 2026-08",
            fields={"reasoning_fields": reasoning},
        ),
        QuirkChange(
            source="https://docs.z.ai/api-reference/llm/chat-completion: thinking, tool_choice only auto, one stop word, "
            "json_object only; not checked live, 2026-11",
            fields={
                "tool_choice_any": "auto",
                "named_tool_choice": False,
                "parallel_tool_calls_field": False,
                "stop_limit": 1,
                "json_schema_output": False,
            },
        ),
        QuirkChange(
            source="https://docs.z.ai/guides/tools/web-search: a tool of type web_search beside the functions, its pages in "
            "the reply's web_search; not checked live, 2026-11",
            fields={
                "web_search": {
                    "tools": ({"type": "web_search", "web_search": {"enable": True, "search_result": True}},)
                }
            },
        ),
    ),
    model_rules=(
        ModelRule(
            models=r"^(?!.*glm-[\d.]+v)",
            change=QuirkChange(
                source="https://docs.z.ai/guides/overview: only the V models see, not checked live, 2026-11",
                fields={"images": False, "content_parts": "never"},
            ),
        ),
        ModelRule(
            models=r"glm-4\.5",
            change=QuirkChange(
                source="LiteLLM 1.109.1: 400 above the cap; read 2026-11", fields={"max_output_tokens": 98304}
            ),
        ),
        ModelRule(
            models=r"glm-(4\.[67]|[5-9])",
            change=QuirkChange(
                source="LiteLLM 1.109.1: 400 above the cap; read 2026-11", fields={"max_output_tokens": 131072}
            ),
        ),
        ModelRule(
            models=r"glm-4\.\dv",
            change=QuirkChange(
                source="https://docs.z.ai/api-reference/llm/chat-completion: cap of the V models, not checked live, 2026-11",
                fields={"max_output_tokens": 16384},
            ),
        ),
    ),
    relay=(
        OTHER_MODELS,
        RelayChange(
            source="https://docs.z.ai/devpack/tool/claude: manual thinking; effort is not documented; not checked "
            "live, 2026-11",
            fields={"thinking": ("enabled", "disabled"), "effort": (), "output_format": False},
        ),
    ),
    relay_rules=(
        RelayRule(
            models=_ALWAYS_THINKS,
            change=RelayChange(
                source="LiteLLM 1.109.1: models that always think refuse `disabled`; read 2026-11",
                fields={"thinking": ("enabled",)},
            ),
        ),
    ),
)
