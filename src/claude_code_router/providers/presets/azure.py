"""Azure OpenAI (the v1 endpoints) and Claude on Azure AI Foundry. A model's name is that of the deployment: name it after the
model, or its rules are not known by it."""

from __future__ import annotations

from claude_code_router.providers.preset import Preset
from claude_code_router.providers.presets.openai import CAUTIONS, MODEL_RULES, QUIRKS

PRESET = Preset(
    name="azure",
    title="Azure OpenAI, Azure AI Foundry",
    hosts=("openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com"),
    endpoints={
        "openai_responses": "https://RESOURCE.openai.azure.com/openai/v1/responses",
        "openai_chat": "https://RESOURCE.openai.azure.com/openai/v1/chat/completions",
        "anthropic": "https://RESOURCE.services.ai.azure.com/anthropic/v1/messages",
    },
    auth={"openai_responses": "api-key", "openai_chat": "api-key"},
    quirks=QUIRKS,
    model_rules=MODEL_RULES,
    cautions=CAUTIONS,
)
