"""OpenAI's chat/completions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks, QuirkChange
from claude_code_router.providers.preset import Caution, Effect, ModelRule, Options, Preset, Transformer
from claude_code_router.providers.reasoning import effort

_REASONS = r"(^|/)(o\d|gpt-(5|[6-9]|\d\d))(?!.*chat)"
_TOOLS_ONLY_WITHOUT_EFFORT = r"gpt-(5\.[6-9]|[6-9])"
_NO_TOOLS = r"gpt-6-astra|gpt-6\.1-sol"
_LEVELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (_NO_TOOLS, ("low", "medium", "high", "xhigh")),
    (r"gpt-(5\.[2-9]|[6-9])", ("none", "low", "medium", "high", "xhigh")),
    (r"gpt-5\.1", ("none", "low", "medium", "high")),
    (r"gpt-5", ("minimal", "low", "medium", "high")),
    (r"(^|/)o\d", ("low", "medium", "high")),
)


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`reasoning_effort` in the levels of the model; `none` beside tools where the two exclude each other."""
    name = model.lower()
    if chat.tools and re.search(_TOOLS_ONLY_WITHOUT_EFFORT, name):
        return {} if re.search(_NO_TOOLS, name) else {"reasoning_effort": "none"}
    for pattern, levels in _LEVELS:
        if re.search(pattern, name):
            return effort(chat, levels)
    return {}


def unchanged(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(dialect="openai_chat")


def responses(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(dialect="openai_responses")


PRESET = Preset(
    name="openai",
    title="OpenAI",
    hosts=("api.openai.com",),
    endpoints={"openai_chat": "https://api.openai.com/v1/chat/completions"},
    quirks=(
        QuirkChange(
            source="OpenAI API reference, max_tokens is deprecated and refused by reasoning models, read 2026-11",
            fields={"max_tokens_field": "max_completion_tokens", "files": True},
        ),
    ),
    model_rules=(
        ModelRule(
            models=r"search-(preview|api)",
            change=QuirkChange(
                source="https://platform.openai.com/docs/guides/tools-web-search: on chat/completions only these search; "
                "not checked live, 2026-11",
                fields={"web_search_options": True},
            ),
        ),
        ModelRule(
            models=_REASONS,
            change=QuirkChange(
                source="OpenAI deployment checklist: no temperature or top_p beside reasoning, no "
                "stop (the last: not checked live, 2026-11)",
                fields={"reasoning_fields": reasoning, "sampling": "none", "stop_limit": 0},
            ),
        ),
    ),
    cautions=(
        Caution(
            models=_NO_TOOLS,
            expected="another model for Claude Code: this one calls tools only over the Responses API, which this version does "
            "not speak",
        ),
        Caution(
            models=_TOOLS_ONLY_WITHOUT_EFFORT,
            expected="a request without tools where reasoning matters: over chat/completions this model takes tools only with "
            "its reasoning switched off, which we do (the Responses API, which takes both, is not spoken by this version)",
        ),
    ),
    transformers=(
        Transformer(
            name="OpenAI", does="The endpoint speaks OpenAI chat/completions, which is the default.", effect=unchanged
        ),
        Transformer(
            name="openai-responses",
            does="The Responses API is not spoken by this version. On the vendor's own host the chat/completions endpoint is "
            "used instead, with a warning; elsewhere requests to the provider are refused with a sentence.",
            effect=responses,
        ),
    ),
)
