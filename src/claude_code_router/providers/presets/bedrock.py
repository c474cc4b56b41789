"""Claude on Amazon Bedrock, through InvokeModel. Where the newer Mantle endpoint has the model, that one is a plain relay."""

from __future__ import annotations

from claude_code_router.providers.preset import Preset

PRESET = Preset(
    name="bedrock",
    title="Amazon Bedrock (InvokeModel)",
    host_pattern=r"bedrock-runtime(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?",
    endpoints={"anthropic": "https://bedrock-runtime.us-east-1.amazonaws.com/model/"},
    auth={"anthropic": "aws"},
    hosting="bedrock",
)
