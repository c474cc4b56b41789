"""Claude on Amazon Bedrock's Mantle endpoint: Anthropic's dialect as it is."""

from __future__ import annotations

from claude_code_router.providers.preset import Preset

PRESET = Preset(
    name="bedrock_mantle",
    title="Amazon Bedrock (Mantle)",
    host_pattern=r"bedrock-mantle\.[a-z0-9-]+\.api\.aws",
    endpoints={"anthropic": "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1/messages"},
    auth={"anthropic": "aws"},
)
