"""Anthropic itself: relayed byte for byte."""

from __future__ import annotations

from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.providers.preset import Effect, Options, Preset, Transformer


def relay(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del model, quirks
    return Effect(dialect="anthropic", auth="bearer" if options.get("UseBearer") is True else None)


PRESET = Preset(
    name="anthropic",
    title="Anthropic",
    hosts=("api.anthropic.com",),
    endpoints={"anthropic": "https://api.anthropic.com/v1/messages"},
    counts_tokens=True,
    transformers=(
        Transformer(
            name="Anthropic",
            does="The endpoint speaks the Anthropic dialect: requests and replies are relayed byte for byte, only the model "
            "is replaced. The key goes as `x-api-key`, or as `Authorization: Bearer` with `UseBearer: true`; the npm tool "
            "sends both. Beside other names the URL decides, as there the npm tool translates.",
            effect=relay,
            options=("UseBearer",),
        ),
    ),
)
