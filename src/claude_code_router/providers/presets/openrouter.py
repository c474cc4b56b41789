"""OpenRouter: many vendors' models behind one chat/completions, and an Anthropic dialect."""

from __future__ import annotations

import re
from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks, QuirkChange
from claude_code_router.providers.preset import Effect, ModelRule, Options, Preset, RelayRule, Transformer
from claude_code_router.providers.reasoning import nearest, wish
from claude_code_router.providers.relaying import OTHER_MODELS

_LEVELS = ("minimal", "low", "medium", "high", "xhigh")
# Models that cannot stop reasoning answer 400 "Reasoning is mandatory for this endpoint and cannot be disabled".
_ALWAYS_REASON = (
    r"openai/(o\d|gpt-5|gpt-6|gpt-oss)|gemini-.*pro|claude-(fable|mythos|opus-5\.5|sonnet-5\.5)|minimax|deepseek-r1|grok-4"
    r"|thinking"
)


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """`reasoning: {effort | max_tokens | enabled}`, which the gateway turns into each vendor's own form."""
    wanted = wish(chat)
    if wanted.on is False:
        mandatory = re.search(_ALWAYS_REASON, model.lower())
        return {"reasoning": {"effort": "low"}} if mandatory else {"reasoning": {"enabled": False}}
    if wanted.budget_tokens is not None and not chat.effort:
        return {"reasoning": {"max_tokens": wanted.budget_tokens}}
    if wanted.level:
        return {"reasoning": {"effort": nearest(wanted.level, _LEVELS)}}
    return {"reasoning": {"enabled": True}} if wanted.on else {}


def routed(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    """The npm tool merges the options into the body and keeps cache breakpoints for Claude models only."""
    del quirks
    fields: dict[str, object] = {"force_body": dict(options)}
    if "claude" in model.lower():
        fields["cache_control"] = True
    return Effect(fields=fields)


PRESET = Preset(
    name="openrouter",
    title="OpenRouter",
    hosts=("openrouter.ai",),
    endpoints={
        "openai_chat": "https://openrouter.ai/api/v1/chat/completions",
        "anthropic": "https://openrouter.ai/api/v1/messages",
    },
    auth={"anthropic": "bearer"},
    quirks=(
        QuirkChange(
            source="https://openrouter.ai/docs/use-cases/reasoning-tokens, read 2026-11",
            fields={"reasoning_fields": reasoning, "reasoning_replay": "reasoning_details"},
        ),
        QuirkChange(
            source="https://openrouter.ai/docs/use-cases/usage-accounting: the reply's usage carries "
            "the cost; not checked live, 2026-11",
            fields={"extra_body": {"usage": {"include": True}}, "sampling": "all", "files": True},
        ),
        QuirkChange(
            source="https://openrouter.ai/docs/api_reference/responses/web-search: `openrouter:web_search` among the tools, "
            "which follows the plugin `web`; pages as url_citation; not checked live, 2026-11",
            fields={"web_search": {"tools": ({"type": "openrouter:web_search"},)}},
        ),
    ),
    model_rules=(
        ModelRule(
            models=r"claude|gemini|minimax|glm",
            change=QuirkChange(
                source="LiteLLM 1.109.1: the families whose cache breakpoints the gateway passes on, read 2026-11",
                fields={"cache_control": True},
            ),
        ),
        ModelRule(
            models=r"mistral|ministral|devstral|codestral|magistral",
            change=QuirkChange(
                source="https://github.com/zed-industries/zed/issues/37021: the maker's own role order holds here too, 2026-04",
                fields={"user_after_tool": False},
            ),
        ),
    ),
    transformers=(
        Transformer(
            name="openrouter",
            does="The options (`provider`, `models`, `route` …) are merged into the body and win. Cache breakpoints are kept "
            "for Claude models. `reasoning` comes back as thinking on every provider.",
            effect=routed,
            options=("*",),
        ),
    ),
    relay_rules=(
        RelayRule(
            models=r"^(?!~?anthropic/)",
            change=RelayChange(
                source="other makers' models are translated by the gateway, which knows the dialect's thinking and effort; not "
                "checked live, 2026-11",
                fields=OTHER_MODELS.fields,
            ),
        ),
    ),
)
