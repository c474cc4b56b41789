"""Vercel AI Gateway."""

from __future__ import annotations

from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks, QuirkChange
from claude_code_router.providers.preset import Effect, ModelRule, Options, Preset, RelayRule, Transformer
from claude_code_router.providers.relaying import OTHER_MODELS


def routed(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del quirks
    fields: dict[str, object] = {"force_body": dict(options)}
    if "claude" in model.lower():
        fields["cache_control"] = True
    return Effect(fields=fields)


PRESET = Preset(
    name="vercel",
    title="Vercel AI Gateway",
    hosts=("ai-gateway.vercel.sh",),
    endpoints={
        "openai_chat": "https://ai-gateway.vercel.sh/v1/chat/completions",
        "anthropic": "https://ai-gateway.vercel.sh/v1/messages",
    },
    auth={"anthropic": "bearer"},
    model_rules=(
        ModelRule(
            models=r"claude",
            change=QuirkChange(
                source="the npm tool keeps cache breakpoints for Claude models here (@musistudio/llms 1.0.51, 2026-01)",
                fields={"cache_control": True},
            ),
        ),
    ),
    transformers=(
        Transformer(
            name="vercel",
            does="The options are merged into the body and win. Cache breakpoints are kept for Claude models.",
            effect=routed,
            options=("*",),
        ),
    ),
    relay_rules=(
        RelayRule(
            models=r"^(?!anthropic/)",
            change=RelayChange(
                source="other makers' models are translated by the gateway, which knows the dialect's thinking and effort; not "
                "checked live, 2026-11",
                fields=OTHER_MODELS.fields,
            ),
        ),
    ),
)
