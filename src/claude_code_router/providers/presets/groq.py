"""Groq."""

from __future__ import annotations

from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks, QuirkChange
from claude_code_router.providers.preset import Effect, ModelRule, Options, Preset, Transformer
from claude_code_router.providers.reasoning import effort, wish


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`reasoning_effort` low to high for gpt-oss; `none` or `default` for Qwen 3, with its thoughts kept apart."""
    name = model.lower()
    if "gpt-oss" in name:
        return effort(chat, ("low", "medium", "high"))
    if "qwen3" not in name and "qwen-3" not in name:
        return {}
    return {"reasoning_effort": "none" if wish(chat).on is False else "default", "reasoning_format": "parsed"}


def plain(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(fields={"cache_control": False, "drop_schema_keys": frozenset({"$schema"})})


PRESET = Preset(
    name="groq",
    title="Groq",
    hosts=("api.groq.com",),
    endpoints={"openai_chat": "https://api.groq.com/openai/v1/chat/completions"},
    quirks=(
        QuirkChange(
            source="https://console.groq.com/docs/reasoning, read 2026-11",
            fields={"reasoning_fields": reasoning, "reasoning_replay": "reasoning"},
        ),
        QuirkChange(
            source="LiteLLM 1.109.1: null fields of assistant messages are refused; json_schema excludes streams and tools; "
            "read 2026-11",
            fields={"empty_assistant_content": "omit", "json_schema_output": False},
        ),
    ),
    model_rules=(
        ModelRule(
            models=r"^(?!.*(llama-4|scout|maverick|vision|vl))",
            change=QuirkChange(
                source="https://console.groq.com/docs/vision: only these take images, not checked live, 2026-11",
                fields={"images": False, "content_parts": "never"},
            ),
        ),
        ModelRule(
            models=r"gpt-oss",
            change=QuirkChange(
                source="https://console.groq.com/docs/models: output cap, not checked live, 2026-11",
                fields={"max_output_tokens": 65536},
            ),
        ),
        ModelRule(
            models=r"qwen3-32b",
            change=QuirkChange(
                source="https://console.groq.com/docs/models: output cap, not checked live, 2026-11",
                fields={"max_output_tokens": 40960},
            ),
        ),
        ModelRule(
            models=r"llama-3\.3-70b",
            change=QuirkChange(
                source="https://console.groq.com/docs/models: output cap, not checked live, 2026-11",
                fields={"max_output_tokens": 32768},
            ),
        ),
        ModelRule(
            models=r"kimi-k2",
            change=QuirkChange(
                source="https://console.groq.com/docs/models: output cap, not checked live, 2026-11",
                fields={"max_output_tokens": 16384},
            ),
        ),
    ),
    transformers=(
        Transformer(
            name="groq",
            does="Cache breakpoints and `$schema` are left out, which is our default everywhere. Tool call ids stay as the "
            "server gave them; the npm tool makes a new one for every fragment.",
            effect=plain,
        ),
    ),
)
