"""Which models are gone or have a successor."""

from __future__ import annotations

from datetime import date

import pytest

from claude_code_router.catalog.lifecycle import ACTIVE, lifecycle

TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("model", "state", "successor"),
    [
        ("claude-3-opus-20240229", "retired", "claude-opus-5-5"),
        ("anthropic/claude-3.7-sonnet", "retired", "claude-sonnet-5-5"),
        ("claude-sonnet-4-5-20250929", "retiring", "claude-sonnet-5-5"),
        ("claude-opus-4-8", "superseded", "claude-opus-5-5"),
        ("claude-opus-5", "superseded", "claude-opus-5-5"),
        ("claude-fable-5-1", "superseded", "claude-fable-5-2"),
        ("claude-opus-5-5", "active", ""),
        ("claude-fable-5-2", "active", ""),
        ("gpt-4o", "superseded", "gpt-6-luna"),
        ("gpt-5.1", "superseded", "gpt-6.1-sol"),
        ("gpt-5.6-sol", "active", ""),
        ("google/gemini-2.0-flash", "superseded", "gemini-3.8-flash"),
        ("deepseek-chat", "superseded", "deepseek-v4-pro"),
        ("my-own-model", "active", ""),
    ],
)
def test_the_state_of_a_model(model: str, state: str, successor: str) -> None:
    """On a given day; what is not in the table is active."""
    found = lifecycle(model)
    assert (found.state(TODAY), found.successor) == (state, successor)


def test_a_successor_is_current() -> None:
    """Nobody is sent from one old model to the next."""
    for name in (
        "claude-2",
        "claude-3-haiku",
        "claude-opus-4",
        "gpt-3.5-turbo",
        "o3",
        "gemini-1.5-pro",
        "claude-mythos-5",
    ):
        assert lifecycle(lifecycle(name).successor) == ACTIVE
