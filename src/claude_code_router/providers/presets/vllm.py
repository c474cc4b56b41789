"""vLLM. Its port says nothing, so it is chosen with `"preset": "vllm"` in the provider's entry."""

from __future__ import annotations

from collections.abc import Mapping

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import Preset
from claude_code_router.providers.reasoning import effort, wish
from claude_code_router.providers.relaying import OTHER_MODELS


def reasoning(chat: ChatRequest, model: str) -> Mapping[str, object]:
    """The chat template's own switch under both of its usual names; `reasoning_effort` for gpt-oss."""
    if "gpt-oss" in model.lower():
        return effort(chat, ("low", "medium", "high"))
    on = wish(chat).on
    return {} if on is None else {"chat_template_kwargs": {"enable_thinking": on, "thinking": on}}


PRESET = Preset(
    name="vllm",
    title="vLLM",
    endpoints={
        "openai_chat": "http://127.0.0.1:8000/v1/chat/completions",
        "anthropic": "http://127.0.0.1:8000/v1/messages",
    },
    auth={"anthropic": "bearer"},
    counts_tokens=True,
    quirks=(
        QuirkChange(
            source="https://docs.vllm.ai/en/latest/features/reasoning_outputs.html, not checked live, 2026-11",
            fields={"reasoning_fields": reasoning, "sampling": "all"},
        ),
        QuirkChange(
            source="chat templates raise when a system message is not the first one (Qwen, Mistral, Gemma); "
            " not checked live, 2026-11",
            fields={"one_system_message": True},
        ),
    ),
    relay=(
        OTHER_MODELS,
        RelayChange(
            source="https://docs.vllm.ai/en/latest/serving/integrations/claude_code/: manual thinking, no cache marks; not "
            "checked live, 2026-11",
            fields={
                "cache_control": "drop",
                "documents": False,
                "thinking": ("enabled", "disabled"),
                "effort": (),
                "output_format": False,
            },
        ),
    ),
)
