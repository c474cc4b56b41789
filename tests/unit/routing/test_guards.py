"""Guards: what no rule may do, and how the explanation says so."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from claude_code_router.catalog.cards import OwnCard, card
from claude_code_router.core.decision import Decision
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.routing.declared import Tier
from claude_code_router.routing.engine import decide
from claude_code_router.routing.explain import explain
from claude_code_router.routing.table import GuardSettings, RoutingTable

SMALL, LARGE, ODD = Target("p", "claude-haiku-4-5"), Target("p", "claude-opus-5-5"), Target("p", "nobody-knows")
TABLE = RoutingTable(
    scenarios={"default": SMALL, "background": ODD},
    tiers={"light": Tier("light", 0, (SMALL,)), "heavy": Tier("heavy", 1, (LARGE,))},
    models={"p": ("claude-haiku-4-5", "claude-opus-5-5")},
    guards=GuardSettings(ambiguous="heavy", chain="heavy"),
)
WINDOW_ONLY = msgspec.structs.replace(TABLE, guards=GuardSettings())


def decided(table: RoutingTable = TABLE, **facts: Any) -> Decision:
    return decide(msgspec.structs.replace(Signals(model="claude-sonnet-5-5", words=20), **facts), table)


@pytest.mark.parametrize(
    ("facts", "target"),
    [
        ({"tokens": 190_000}, SMALL),
        ({"tokens": 190_000, "max_tokens": 32_000}, LARGE),
        ({"tokens": 250_000}, LARGE),
        ({"tokens": 5_000_000}, SMALL),
        ({"tokens": 250_000, "kind": "title"}, ODD),
        ({"tokens": 250_000, "model": "p,claude-haiku-4-5"}, SMALL),
    ],
)
def test_a_prompt_never_goes_where_it_does_not_fit(facts: dict[str, Any], target: Target) -> None:
    """Prompt and output together; unknown windows, and a client that names its target, are left alone."""
    assert decided(WINDOW_ONLY, **facts).route.first == target


@pytest.mark.parametrize(
    ("facts", "target"),
    [
        ({"words": 3}, LARGE),
        ({"words": 9}, SMALL),
        ({"kind": "tool_result"}, LARGE),
        ({"kind": "title", "words": 3}, ODD),
    ],
)
def test_floors_hold(facts: dict[str, Any], target: Target) -> None:
    """Ambiguous prompts and steps of a chain do not go below their tier; the client's helpers do."""
    assert decided(**facts).route.first == target


def test_a_guard_that_overruled_says_so() -> None:
    """The explanation marks it, with the numbers; the reason of the decision is the guard's."""
    decision = decided(WINDOW_ONLY, tokens=250_000)
    text = explain(decision, Signals(model="claude-sonnet-5-5"))
    assert decision.rule == "guard window"
    assert "overrules: p,claude-opus-5-5: about 250,000 tokens with its output do not fit" in text
    assert "200,000" in text


def test_a_guard_that_has_nothing_to_say_is_in_the_explanation_too() -> None:
    """So that its absence can be told from its consent."""
    assert "lets it be" in explain(decided(), Signals(model="x"))


def test_the_owners_word_on_a_window_counts() -> None:
    """A gateway that serves a small model with more room, or a large one with less."""
    wide = OwnCard(context_tokens=900_000).over(card(SMALL.model))
    assert decided(WINDOW_ONLY, tokens=250_000).route.first == LARGE
    assert decided(msgspec.structs.replace(WINDOW_ONLY, cards={SMALL: wide}), tokens=250_000).route.first == SMALL
    narrow = OwnCard(context_tokens=1000).over(card(SMALL.model))
    assert decided(msgspec.structs.replace(WINDOW_ONLY, cards={SMALL: narrow}), tokens=2000).route.first == LARGE
