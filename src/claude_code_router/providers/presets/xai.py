"""xAI."""

from __future__ import annotations

from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import ModelRule, Preset
from claude_code_router.providers.reasoning import effort


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`reasoning_effort` low or high, for Grok 3 mini; the others refuse it."""
    return effort(chat, ("low", "high")) if "grok-3-mini" in model.lower() else {}


PRESET = Preset(
    name="xai",
    title="xAI",
    hosts=("api.x.ai",),
    endpoints={"openai_chat": "https://api.x.ai/v1/chat/completions"},
    quirks=(
        QuirkChange(
            source="https://docs.x.ai/docs/guides/reasoning, not checked live, 2026-11",
            fields={"reasoning_fields": reasoning, "max_tokens_field": "max_completion_tokens"},
        ),
    ),
    model_rules=(
        ModelRule(
            models=r"grok-([4-9]|3-mini|code)",
            change=QuirkChange(
                source="https://docs.x.ai/docs/guides/reasoning: reasoning models refuse stop, not checked live, 2026-11",
                fields={"stop_limit": 0},
            ),
        ),
        ModelRule(
            models=r"grok-(3|code)",
            change=QuirkChange(
                source="https://docs.x.ai/docs/models: text only, not checked live, 2026-11", fields={"images": False}
            ),
        ),
    ),
)
