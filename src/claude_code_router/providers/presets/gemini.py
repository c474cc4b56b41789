"""Google Gemini, through Google's own OpenAI-compatible endpoint."""

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


def vertex(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(dialect="vertex")


_VERTEX = "Google's Vertex AI is not spoken by this version: requests to the provider are refused with a sentence."

PRESET = Preset(
    name="gemini",
    title="Google Gemini (OpenAI-compatible endpoint)",
    hosts=("googleapis.com",),
    endpoints={"openai_chat": "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"},
    native_urls=((r"aiplatform\.googleapis\.com", "vertex"), (r"/v1(beta\d?)?/models", "gemini")),
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
            does="On Google's own host the OpenAI-compatible endpoint `/v1beta/openai/chat/completions` is used, with a "
            "warning: grounding with Google Search and thought signatures are not carried. On other "
            "hosts the native protocol is not spoken by this version: requests to the provider are refused with a sentence.",
            effect=native,
        ),
        Transformer(name="vertex-gemini", does=_VERTEX, effect=vertex),
        Transformer(name="vertex-claude", does=_VERTEX, effect=vertex),
        Transformer(name="vertex-openai", does=_VERTEX, effect=vertex, options=("client_email", "private_key")),
    ),
)
