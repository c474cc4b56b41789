"""What models are able to do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_router.catalog.cards import MAX_NAME_CHARS, UNKNOWN, OwnCard, canonical, card, default_effort


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("anthropic/claude-opus-5.5", "claude-opus-5-5"),
        ("anthropic/claude-sonnet-4.5:beta", "claude-sonnet-4-5"),
        ("claude-sonnet-4-6[1m]", "claude-sonnet-4-6"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("claude-opus-4@20250514", "claude-opus-4"),
        ("claude-4.5-sonnet", "claude-sonnet-4-5"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("deepseek/deepseek-chat-v3-0324:free", "deepseek-chat-v3-0324"),
        ("gpt-5.2-2025-12-11", "gpt-5.2"),
        ("Qwen/Qwen3-Coder-480B", "qwen3-coder-480b"),
        ("", ""),
    ],
)
def test_names_lose_prefix_variant_and_date(name: str, bare: str) -> None:
    """One model has one bare name, whoever sells it."""
    assert canonical(name) == bare


@pytest.mark.parametrize(
    ("model", "family", "context", "output", "effort"),
    [
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5", 200_000, 64_000, "high"),
        ("claude-opus-4-1", "claude-opus-4", 200_000, 32_000, "high"),
        ("claude-opus-4-8", "claude-opus-4-8", 1_000_000, 128_000, "high"),
        ("claude-opus-5", "claude-opus-5", 1_000_000, 128_000, "high"),
        ("claude-opus-5-5", "claude-opus-5-5", 1_000_000, 128_000, "medium"),
        ("anthropic/claude-haiku-5.5", "claude-haiku-5-5", 1_000_000, 128_000, "medium"),
        ("claude-fable-5-2", "claude-fable-5-1", 1_000_000, 128_000, "medium"),
        ("claude-sonnet-5-5", "claude-sonnet-5-5", 1_000_000, 128_000, "medium"),
        ("openrouter,anthropic/claude-opus-5.5", "claude-opus-5-5", 1_000_000, 128_000, "medium"),
        ("proxy,claude-haiku-5-5", "claude-haiku-5-5", 1_000_000, 128_000, "medium"),
        ("claude-opus-6", "claude", None, None, "high"),
        ("claude-opus-5-6", "claude", None, None, "high"),
        ("gpt-6.1-terra", "gpt", 922_000, 128_000, "medium"),
        ("gpt-oss-120b", "gpt-oss", 131_072, None, "high"),
        ("codex-mini-latest", "gpt", None, None, "medium"),
        ("deepseek-v4-pro", "deepseek", 1_000_000, 393_216, "high"),
        ("google/gemini-2.5-pro", "gemini", 1_048_576, 65_536, "high"),
    ],
)
def test_known_families(model: str, family: str, context: int | None, output: int | None, effort: str) -> None:
    """Limits and default effort of the families in the table; a version that is not in it is not taken for its neighbour."""
    found = card(model)
    assert (found.family, found.context_tokens, found.max_output_tokens) == (family, context, output)
    assert default_effort(model) == effort


def test_what_claude_models_accept() -> None:
    """The differences that cost a 400."""
    assert card("claude-haiku-4-5").thinking == {"enabled", "disabled"}
    assert card("claude-haiku-4-5").efforts == ()
    assert card("claude-opus-5-5").thinking == {"adaptive"}
    assert not card("claude-opus-5-5").forced_tool
    assert card("claude-sonnet-5-5").thinking == {"adaptive", "between_tools"}
    assert card("claude-sonnet-4-6").sampling
    assert not card("claude-sonnet-5").sampling
    assert card("claude-opus-4-8").mid_system
    assert not card("claude-opus-4-7").mid_system


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_name_has_a_card(model: str) -> None:
    """No name crashes the catalogue."""
    assert card(model).default_effort in ("low", "medium", "high", "xhigh", "max")


def test_unknown_names_get_no_invented_limits() -> None:
    """What is not known is None."""
    assert card("my-own-model") == UNKNOWN
    assert (UNKNOWN.context_tokens, UNKNOWN.max_output_tokens, UNKNOWN.vision) == (None, None, None)


def test_a_name_that_is_no_name_is_not_remembered() -> None:
    """Names come from clients: one of any length costs no memory."""
    assert card("claude-opus-5-5" + "x" * MAX_NAME_CHARS) == UNKNOWN


def test_the_owner_knows_better() -> None:
    """What the owner says replaces the catalogue's word; the rest stays."""
    own = OwnCard(context_tokens=64_000, vision=False).over(card("claude-opus-5-5"))
    assert (own.context_tokens, own.max_output_tokens, own.vision) == (64_000, 128_000, False)
    assert OwnCard(max_output_tokens=8000).over(UNKNOWN).family == "own"
