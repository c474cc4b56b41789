"""Google's Vertex AI: Gemini in Google's dialect, Claude in Anthropic's."""

from __future__ import annotations

from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.providers.preset import Effect, Options, Preset, Transformer


def gemini(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(dialect="gemini")


def claude(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(dialect="anthropic")


def openai(options: Options, model: str, quirks: ChatQuirks) -> Effect:
    del options, model, quirks
    return Effect(dialect="vertex")


_BASE = "https://aiplatform.googleapis.com/v1/projects/{project}/locations/{location}/publishers"
_ACCESS = (
    "Project, place and credentials come from `GOOGLE_CLOUD_PROJECT`, `GOOGLE_CLOUD_LOCATION` (`global` when not said) and "
    "`GOOGLE_APPLICATION_CREDENTIALS`, at the config's top level or in the environment; needs the extra `vertex`."
)

PRESET = Preset(
    name="vertex",
    title="Google Vertex AI",
    host_pattern=r"([a-z0-9-]+-)?aiplatform\.googleapis\.com|aiplatform\.(us|eu)\.rep\.googleapis\.com",
    endpoints={"gemini": f"{_BASE}/google/models/", "anthropic": f"{_BASE}/anthropic/models/"},
    auth={"gemini": "google", "anthropic": "google"},
    hosting="vertex",
    native_urls=((r"/endpoints/openapi", "vertex"),),
    transformers=(
        Transformer(
            name="vertex-gemini", does=f"Gemini on Vertex AI, in Google's own protocol. {_ACCESS}", effect=gemini
        ),
        Transformer(
            name="vertex-claude",
            does=f"Claude on Vertex AI: relayed, with the model in the URL and the version in the body. {_ACCESS}",
            effect=claude,
        ),
        Transformer(
            name="vertex-openai",
            does="Other makers' models on Vertex AI are not spoken to by this version: requests to the provider are refused "
            "with a sentence.",
            effect=openai,
            options=("client_email", "private_key"),
        ),
    ),
)
