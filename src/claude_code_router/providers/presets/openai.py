"""OpenAI: the Responses API, which its newest models need for tools beside reasoning, and chat/completions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks, QuirkChange
from claude_code_router.dialects.openai_responses.quirks import ResponsesQuirks
from claude_code_router.providers.preset import Caution, Effect, ModelRule, Options, Preset, Transformer
from claude_code_router.providers.reasoning import effort, nearest, wish

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


_RESPONSES_LEVELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (_NO_TOOLS, ("low", "medium", "high", "xhigh", "max")),
    (r"gpt-6(\.[01])?-", ("none", "low", "medium", "high", "xhigh", "max")),
    (r"gpt-5-pro", ("high",)),
    (r"gpt-5-codex", ("low", "medium", "high")),
    *_LEVELS[1:],
)
"""chat/completions ends one step earlier for the newest (LiteLLM 1.109.1's tables; gpt-6.2 not checked, 2026-11)."""


def responses_reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`reasoning: {effort}` in the levels of the model, tools or not."""
    name = model.lower()
    levels = next((levels for pattern, levels in _RESPONSES_LEVELS if re.search(pattern, name)), ())
    wanted = wish(chat)
    if not levels or not re.search(_REASONS, name) or (wanted.on is None and not wanted.level):
        return {}
    if any(tool.server_type for tool in chat.tools):
        levels = tuple(level for level in levels if level != "minimal")  # beside which it does not search
    if wanted.on is False:
        return {"effort": levels[0]}
    return {"effort": nearest(wanted.level or "medium", levels)}


def over_responses(model: str) -> ResponsesQuirks:
    """Models that do not reason answer 400 when they are asked for encrypted reasoning."""
    reasons = re.search(_REASONS, model.lower()) is not None
    return ResponsesQuirks(reasoning=responses_reasoning, encrypted_reasoning=reasons, web_search=True, cache_key=True)


def unchanged(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(dialect="openai_chat")


def responses(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, quirks
    return Effect(dialect="openai_responses", fields={"responses": over_responses(model)})


QUIRKS = (
    QuirkChange(
        source="OpenAI API reference, max_tokens is deprecated and refused by reasoning models, read 2026-11",
        fields={"max_tokens_field": "max_completion_tokens", "files": True},
    ),
    QuirkChange(
        source="https://developers.openai.com/api/docs/guides/tools-web-search, /guides/prompt-caching; encrypted reasoning "
        "is refused by models without reasoning; not checked live, 2026-11",
        fields={"responses": over_responses("")},
    ),
)

MODEL_RULES = (
    ModelRule(
        models=r"search-(preview|api)",
        change=QuirkChange(
            source="https://platform.openai.com/docs/guides/tools-web-search: on chat/completions only these search; "
            "not checked live, 2026-11",
            fields={"web_search": {"web_search_options": {}}},
        ),
    ),
    ModelRule(
        models=_REASONS,
        change=QuirkChange(
            source="OpenAI deployment checklist: no temperature or top_p beside reasoning, no "
            "stop (the last: not checked live, 2026-11)",
            fields={
                "reasoning_fields": reasoning,
                "sampling": "none",
                "stop_limit": 0,
                "responses": over_responses("gpt-5"),
            },
        ),
    ),
)

_USE_RESPONSES = "`…/v1/responses` as `api_base_url`"

CAUTIONS = (
    Caution(
        models=_NO_TOOLS,
        expected=f"{_USE_RESPONSES}: this model calls tools only over the Responses API",
    ),
    Caution(
        models=_TOOLS_ONLY_WITHOUT_EFFORT,
        expected=f"{_USE_RESPONSES}: over chat/completions this model takes tools only with its reasoning switched off, which "
        "we do",
    ),
)

PRESET = Preset(
    name="openai",
    title="OpenAI",
    hosts=("api.openai.com",),
    endpoints={
        "openai_responses": "https://api.openai.com/v1/responses",
        "openai_chat": "https://api.openai.com/v1/chat/completions",
    },
    quirks=QUIRKS,
    model_rules=MODEL_RULES,
    cautions=CAUTIONS,
    transformers=(
        Transformer(
            name="OpenAI", does="The endpoint speaks OpenAI chat/completions, which is the default.", effect=unchanged
        ),
        Transformer(
            name="openai-responses",
            does="The endpoint speaks OpenAI's Responses API: tools beside reasoning, reasoning that comes back to its model "
            "in later turns, pictures in tool results, the vendor's own web search. A URL that ends in `/chat/completions` "
            "stays what it says.",
            effect=responses,
        ),
    ),
)
