"""DeepSeek, which offers both dialects."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks, QuirkChange
from claude_code_router.providers.preset import Effect, ModelRule, Options, Preset, Transformer
from claude_code_router.providers.reasoning import effort, forces_tool, switch, wish
from claude_code_router.providers.relaying import OTHER_MODELS

_LEVELS = ("low", "medium", "high", "xhigh", "max")
_LEGACY_CAP_TOKENS = 8192  # of the V3 API; also what the npm tool's transformer of this name caps at


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`thinking: {type}`, off for a forced tool, and `reasoning_effort` when it is on. There is no budget."""
    del model
    fields = switch(chat)
    if wish(chat).on and not forces_tool(chat):
        fields.update(effort(chat, _LEVELS))
    return fields


def capped(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    """The cap was for the V3 API: on today's models it would only cut long answers short."""
    del options
    if re.search(r"v[4-9]", model.lower()):
        return Effect()
    known = quirks.max_output_tokens
    return Effect(fields={"max_output_tokens": _LEGACY_CAP_TOKENS if known is None else min(known, _LEGACY_CAP_TOKENS)})


PRESET = Preset(
    name="deepseek",
    title="DeepSeek",
    hosts=("api.deepseek.com",),
    endpoints={
        "openai_chat": "https://api.deepseek.com/chat/completions",
        "anthropic": "https://api.deepseek.com/anthropic/v1/messages",
    },
    quirks=(
        QuirkChange(
            source="https://api-docs.deepseek.com/guides/thinking_mode (on where nothing is said; earlier reasoning must be "
            "passed back); https://github.com/deepseek-ai/DeepSeek-V3/issues/1376 (no forced tool while "
            "thinking); 2026-08",
            fields={
                "reasoning_fields": reasoning,
                "reasoning_replay": "reasoning_content",
                "reasoning_replay_required": True,
            },
        ),
        QuirkChange(
            source="LiteLLM 1.109.1: text models take plain strings; no json_schema; read 2026-11",
            fields={
                "content_parts": "never",
                "images": False,
                "json_schema_output": False,
                "parallel_tool_calls_field": False,
                "empty_assistant_content": "empty_string",
            },
        ),
    ),
    model_rules=(
        ModelRule(
            models=r"^deepseek-chat$",
            change=QuirkChange(
                source="https://api-docs.deepseek.com/quick_start/pricing: 8k output, not checked live, 2026-11",
                fields={"max_output_tokens": _LEGACY_CAP_TOKENS},
            ),
        ),
    ),
    transformers=(
        Transformer(
            name="deepseek",
            does="`max_tokens` is capped at 8192, save for models from V4 on, which give more. `reasoning_content` comes back "
            "as thinking on every provider.",
            effect=capped,
        ),
    ),
    relay=(
        OTHER_MODELS,
        RelayChange(
            source="https://api-docs.deepseek.com/guides/anthropic_api: no images, documents, server tools or redacted "
            "thinking; budget_tokens is ignored, of output_config only effort counts; read 2026-11",
            fields={"images": False, "documents": False, "thinking": ("enabled", "disabled"), "output_format": False},
        ),
    ),
)
