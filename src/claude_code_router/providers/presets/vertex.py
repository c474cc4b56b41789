"""Google's Vertex AI."""

from __future__ import annotations

from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.providers.preset import Effect, Options, Preset, Transformer


def vertex(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(dialect="vertex")


_VERTEX = "Google's Vertex AI is not spoken by this version: requests to the provider are refused with a sentence."

PRESET = Preset(
    name="vertex",
    title="Google Vertex AI",
    host_pattern=r"([a-z0-9-]+-)?aiplatform\.googleapis\.com|aiplatform\.(us|eu)\.rep\.googleapis\.com",
    endpoints={},
    native_urls=((r"aiplatform\.googleapis\.com", "vertex"),),
    transformers=(
        Transformer(name="vertex-gemini", does=_VERTEX, effect=vertex),
        Transformer(name="vertex-claude", does=_VERTEX, effect=vertex),
        Transformer(name="vertex-openai", does=_VERTEX, effect=vertex, options=("client_email", "private_key")),
    ),
)
