"""Google Gemini: its own protocol, and the OpenAI-compatible endpoint for who asks for it by its URL."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks, QuirkChange
from claude_code_router.providers.preset import Effect, ModelRule, Options, Preset, Transformer
from claude_code_router.providers.reasoning import effort


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`reasoning_effort`; only the 2.5 Flash models can be told `none`."""
    name = model.lower()
    if "2.5-flash" in name:
        return effort(chat, ("none", "low", "medium", "high"))
    return effort(chat, ("low", "medium", "high")) if re.search(r"gemini-(2\.5|[3-9]|.*latest)", name) else {}


def native(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(dialect="gemini")


PRESET = Preset(
    name="gemini",
    title="Google Gemini",
    hosts=("generativelanguage.googleapis.com",),
    endpoints={
        "gemini": "https://generativelanguage.googleapis.com/v1beta/models/",
        "openai_chat": "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
    },
    native_urls=((r"/v1(beta\d?)?/models", "gemini"),),
    quirks=(
        QuirkChange(
            source="https://ai.google.dev/gemini-api/docs/openai, read 2026-11",
            fields={"reasoning_fields": reasoning, "parallel_tool_calls_field": False},
        ),
        QuirkChange(
            source="Gemini's function declarations take a subset of OpenAPI schemas: these answer 400; LiteLLM 1.109.1, read "
            "2026-11",
            fields={
                "drop_schema_keys": frozenset(
                    {
                        "$schema",
                        "$id",
                        "additionalProperties",
                        "exclusiveMinimum",
                        "exclusiveMaximum",
                        "propertyNames",
                        "patternProperties",
                    }
                )
            },
        ),
    ),
    model_rules=(
        ModelRule(
            models=r"gemini-([3-9]|.*latest)",
            change=QuirkChange(
                source="https://ai.google.dev/gemini-api/docs/thought-signatures: calls sent back need a signature, and for "
                "those made elsewhere this one is accepted; needed on this endpoint too, "
                "https://github.com/securo-finance/securo/issues/884, 2026-09",
                fields={
                    "tool_call_extra": {
                        "extra_content": {"google": {"thought_signature": "skip_thought_signature_validator"}}
                    }
                },
            ),
        ),
    ),
    transformers=(
        Transformer(
            name="gemini",
            does="Google's own protocol (`generateContent`), with thought signatures carried between turns, thinking by level "
            "or budget as the model takes it, and Google's search for the web search tool. The base URL ends in `/models/`.",
            effect=native,
        ),
    ),
)
