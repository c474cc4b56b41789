"""The classic transformer names."""

from __future__ import annotations

import pytest

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks, QuirkChange
from claude_code_router.providers.transformers import find_transformer, load_transformers

# The inventory of @musistudio/llms 1.0.51, and the two names of 1.0.52.
CLASSIC = (
    "Anthropic", "OpenAI", "openai-responses", "gemini", "vertex-gemini", "vertex-claude", "vertex-openai", "deepseek",
    "openrouter", "vercel", "groq", "cerebras", "maxtoken", "maxcompletiontokens", "sampling", "customparams",
    "streamoptions", "cleancache", "reasoning", "forcereasoning", "tooluse", "enhancetool", "extrathinktag",
)  # fmt: skip


def applied(
    name: str, options: dict[str, object] | None = None, model: str = "", base: ChatQuirks | None = None
) -> ChatQuirks:
    quirks = base or ChatQuirks()
    fields = load_transformers()[name].effect(options or {}, model, quirks).fields
    return QuirkChange(source="test", fields=fields).apply(quirks)


def test_every_classic_name_is_known() -> None:
    """No name of the npm tool is unknown here, and none is ours alone."""
    assert set(load_transformers()) == set(CLASSIC)


@pytest.mark.parametrize(
    ("name", "found", "hint"),
    [
        ("Anthropic", "Anthropic", ""),
        ("anthropic", "Anthropic", "`Anthropic`"),
        ("OpenRouter", "openrouter", "`openrouter`"),
        ("enhancetol", None, "did you mean `enhancetool`"),
        ("gemini-cli", None, "did you mean"),
        ("zzz", None, "one of: "),
    ],
)
def test_near_misses(name: str, found: str | None, hint: str) -> None:
    """Another case is honoured with a note; a misspelling gets a guess."""
    transformer, said = find_transformer(name)
    assert (transformer.name if transformer else None) == found
    assert hint in said
    assert bool(hint) == bool(said)


def test_caps_only_ever_lower() -> None:
    """Two caps leave the lower one, whatever their order."""
    low = applied("maxtoken", {"max_tokens": 10})
    assert applied("sampling", {"max_tokens": 20}, base=low).max_output_tokens == 10
    assert applied("maxtoken", {"max_tokens": 5}, base=low).max_output_tokens == 5


def test_sampling_overrides() -> None:
    """All but the cap replace what the client sent."""
    quirks = applied("sampling", {"temperature": 0.2, "top_k": 5, "max_tokens": 100, "unknown": 1})
    assert quirks.force_body == {"temperature": 0.2, "top_k": 5}
    assert quirks.max_output_tokens == 100


@pytest.mark.parametrize(("model", "cap"), [("", 8192), ("deepseek-chat", 8192), ("deepseek-v4-pro", None)])
def test_the_old_cap_spares_newer_models(model: str, cap: int | None) -> None:
    """8192 was the limit of the V3 API; V4 gives more."""
    assert applied("deepseek", model=model).max_output_tokens == cap


def test_reasoning_keeps_a_vendors_own_form() -> None:
    """The generic switches are for plain gateways; off is said in the vendor's own form too."""
    chat = ChatRequest(model="m", thinking="enabled", thinking_budget=2000)
    plain = applied("reasoning").reasoning_fields(chat, "m")
    assert plain == {"thinking": {"type": "enabled"}, "enable_thinking": True}
    assert applied("reasoning", {"enable": False}).reasoning_fields(chat, "m") == {
        "thinking": {"type": "disabled"},
        "enable_thinking": False,
    }

    def own(chat: ChatRequest, model: str) -> dict[str, object]:
        return {"own": chat.thinking}

    base = ChatQuirks(reasoning_fields=own)
    assert applied("reasoning", base=base).reasoning_fields(chat, "m") == {"own": "enabled"}
    assert applied("reasoning", {"enable": False}, base=base).reasoning_fields(chat, "m") == {"own": "disabled"}


def test_disabled_thinking_is_not_switched_on() -> None:
    """The npm tool's `reasoning` says enabled even then."""
    chat = ChatRequest(model="m", thinking="disabled")
    assert applied("reasoning").reasoning_fields(chat, "m") == {
        "thinking": {"type": "disabled"},
        "enable_thinking": False,
    }


def test_breakpoints_follow_the_model() -> None:
    """The gateways keep them for Claude models only, as in the npm tool."""
    assert applied("openrouter", model="anthropic/claude-opus-5").cache_control
    assert not applied("openrouter", model="other").cache_control
    assert not applied("cleancache", base=ChatQuirks(cache_control=True)).cache_control
