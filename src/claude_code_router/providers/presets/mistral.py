"""Mistral."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import ModelRule, Preset
from claude_code_router.providers.reasoning import wish


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`reasoning_effort` none or high, for the models that take it; others refuse the field."""
    if not re.search(r"mistral-small-(4|26\d\d)|mistral-medium-3[.-]5", model.lower()):
        return {}
    on = wish(chat).on
    return {} if on is None else {"reasoning_effort": "high" if on else "none"}


PRESET = Preset(
    name="mistral",
    title="Mistral",
    hosts=("api.mistral.ai", "codestral.mistral.ai"),
    endpoints={"openai_chat": "https://api.mistral.ai/v1/chat/completions"},
    quirks=(
        QuirkChange(
            source="LiteLLM 1.109.1: unknown keys answer 422 extra_forbidden; these schema keys are refused; tool_choice is a "
            "word, `any` forces; read 2026-11",
            fields={
                "drop_schema_keys": frozenset({"$schema", "$id", "additionalProperties", "strict"}),
                "tool_choice_any": "any",
                "named_tool_choice": False,
                "stream_usage_option": False,
            },
        ),
        QuirkChange(
            source="mistral-common validator: tool call ids are exactly nine letters or digits, read 2026-11",
            fields={"tool_id": "nine_alnum"},
        ),
        QuirkChange(
            source='https://github.com/NousResearch/hermes-agent/issues/20154: 400 "Unexpected role user after role tool", '
            "seen until 2026-08",
            fields={"user_after_tool": False, "empty_assistant_content": "empty_string"},
        ),
        QuirkChange(
            source="https://docs.mistral.ai/capabilities/reasoning, not checked live, 2026-11",
            fields={"reasoning_fields": reasoning},
        ),
    ),
    model_rules=(
        ModelRule(
            models=r"codestral|devstral|magistral|ministral-8b-2410|open-mistral|open-mixtral|mistral-large-24",
            change=QuirkChange(
                source="https://docs.mistral.ai/capabilities/vision: not among the models that see, not checked live, 2026-11",
                fields={"images": False},
            ),
        ),
    ),
)
