"""Cerebras."""

from __future__ import annotations

from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks, QuirkChange
from claude_code_router.providers.preset import Effect, Options, Preset, Transformer
from claude_code_router.providers.reasoning import effort, wish


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`reasoning_effort` low to high for gpt-oss, `none` to switch GLM off; other models take neither."""
    name = model.lower()
    if "gpt-oss" in name:
        return effort(chat, ("low", "medium", "high"))
    return {"reasoning_effort": "none"} if "glm" in name and wish(chat).on is False else {}


def own_form(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(fields={"cache_control": False})


PRESET = Preset(
    name="cerebras",
    title="Cerebras",
    hosts=("api.cerebras.ai",),
    endpoints={"openai_chat": "https://api.cerebras.ai/v1/chat/completions"},
    quirks=(
        QuirkChange(
            source="https://inference-docs.cerebras.ai/api-reference/chat-completions, read 2026-11",
            fields={
                "reasoning_fields": reasoning,
                "max_tokens_field": "max_completion_tokens",
                "images": False,
                "content_parts": "never",
                "empty_assistant_content": "empty_string",
            },
        ),
    ),
    transformers=(
        Transformer(
            name="cerebras",
            does="No `reasoning` object is sent; the vendor's own `reasoning_effort` is, to the models that take it.",
            effect=own_form,
        ),
    ),
)
