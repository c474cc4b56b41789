"""What the anthropic endpoints of other makers' models have in common, for their presets."""

from __future__ import annotations

from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange

OTHER_MODELS = RelayChange(
    source="Claude Code's own wire (2.1.330) against servers that know the dialect of 2025: "
    "https://github.com/vllm-project/vllm/issues/44000 (role system), https://github.com/anomalyco/opencode/issues/34694 "
    "(context_management), https://github.com/anthropics/claude-code/issues/31033 (defer_loading), "
    "https://github.com/ggml-org/llama.cpp/pull/20623 (the billing block ruins prefix caches); 2026-03 to 2026-07",
    fields={
        "attribution": False,
        "betas": False,
        "server_tools": (),
        "system_turns": False,
        "cache_control": "plain",
        "redacted_thinking": False,
    },
)
"""Models that are not Claude, behind a server that is not Anthropic's."""
