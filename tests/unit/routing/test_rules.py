from __future__ import annotations

from typing import Any

import msgspec
import pytest

from claude_code_router.core.decision import Choose, Pass, Refuse
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.routing.engine import CLASSIC_RULES, decide
from claude_code_router.routing.rules.explicit import explicit
from claude_code_router.routing.rules.long_context import long_context
from claude_code_router.routing.rules.subagent_tag import subagent_tag
from claude_code_router.routing.rules.think import think
from claude_code_router.routing.table import SCENARIOS, RoutingTable

FULL = RoutingTable(
    scenarios={scenario: Target("p", scenario) for scenario in SCENARIOS},
    models={"p": ("default",), "Open-Router": ("Vendor/Model-1",), "claude": ("p/x",)},
)
PLAIN = Signals(model="claude-opus-5-5", tokens=100)


def given(**facts: Any) -> Signals:
    return msgspec.structs.replace(PLAIN, **facts)


def without(*scenarios: str) -> RoutingTable:
    kept = {name: target for name, target in FULL.scenarios.items() if name not in scenarios}
    return msgspec.structs.replace(FULL, scenarios=kept)


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        ({"image_in_last_turn": True, "images": True, "model": "p,x"}, "image"),
        ({"model": "p,x", "kind": "compaction", "tokens": 90_000}, "explicit"),
        ({"kind": "compaction", "tokens": 90_000, "subagent": True}, "compaction"),
        ({"kind": "classifier", "tokens": 90_000, "request_class": "auxiliary"}, "classifier"),
        ({"tokens": 90_000, "subagent_model": "p,x", "model": "claude-haiku-5-5"}, "longContext"),
        ({"subagent_model": "p,x", "model": "claude-haiku-5-5", "subagent": True}, "subagentTag"),
        ({"model": "claude-haiku-5-5", "server_tools": ("web_search_20250305",), "subagent": True}, "background"),
        ({"kind": "title", "effort": "max"}, "background"),
        ({"kind": "web_fetch"}, "background"),
        ({"kind": "suggestion"}, "background"),
        ({"request_class": "auxiliary"}, "background"),
        ({"request_class": "auxiliary", "kind": "web_search", "server_tools": ("web_search_20250305",)}, "webSearch"),
        ({"server_tools": ("web_search_20250305",), "subagent": True, "effort": "max"}, "webSearch"),
        ({"subagent": True, "effort": "max"}, "subagent"),
        ({"effort": "max"}, "think"),
        ({"images": True}, "default"),
        ({}, "default"),
    ],
)
def test_the_rules_stand_in_their_documented_order(facts: dict[str, Any], rule: str) -> None:
    """Where several could choose, the first one does."""
    assert decide(given(**facts), FULL).rule == rule


@pytest.mark.parametrize(
    ("facts", "missing", "rule"),
    [
        ({"image_in_last_turn": True}, ("image",), "default"),
        ({"kind": "compaction"}, ("compaction",), "default"),
        ({"kind": "compaction", "tokens": 90_000}, ("compaction",), "longContext"),
        ({"kind": "classifier", "request_class": "auxiliary"}, ("classifier",), "default"),
        ({"kind": "classifier", "model": "claude-haiku-5-5"}, ("classifier",), "default"),
        ({"tokens": 90_000}, ("longContext",), "default"),
        ({"kind": "title"}, ("background",), "default"),
        (
            {"kind": "web_search", "request_class": "auxiliary", "server_tools": ("web_search_20250305",)},
            ("webSearch",),
            "default",
        ),
        ({"subagent": True}, ("subagent",), "default"),
        ({"effort": "max"}, ("think",), "default"),
    ],
)
def test_a_task_type_without_a_target_falls_to_the_next(
    facts: dict[str, Any], missing: tuple[str, ...], rule: str
) -> None:
    """And its verdict names the key that would route it."""
    decision = decide(given(**facts), without(*missing))
    assert decision.rule == rule
    assert any(f"Router.{missing[0]} is not set" in verdict.because for verdict in decision.verdicts)


@pytest.mark.parametrize(
    ("tokens", "last", "fires"),
    [
        (60_000, None, False),
        (60_001, None, True),
        (20_000, 60_001, False),
        (20_001, 60_001, True),
        (20_001, 60_000, False),
        (0, 10**9, False),
    ],
)
def test_long_context_begins_strictly_above_its_bounds(tokens: int, last: int | None, fires: bool) -> None:
    """More than the threshold now; or more at the last reply and more than 20,000 now."""
    verdict = long_context(given(tokens=tokens, last_input_tokens=last), FULL)
    assert isinstance(verdict, Choose) is fires


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (61_234, "about 61,200 tokens is over longContextThreshold 60,000"),
        (60_001, "about 60,001 tokens is over longContextThreshold 60,000"),
        (59_980, "about 60,000 tokens is not over longContextThreshold 60,000"),
        (1_000, "about 1,000 tokens is not over longContextThreshold 60,000"),
        (29, "29 tokens is not over longContextThreshold 60,000"),
        (0, "0 tokens is not over longContextThreshold 60,000"),
        (1_234, "about 1,200 tokens is not over longContextThreshold 60,000"),
    ],
)
def test_long_context_says_its_numbers(tokens: int, words: str) -> None:
    """Rounded, except where rounding would make the sentence false."""
    assert long_context(given(tokens=tokens), FULL).because == words


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        ("p,default", Target("p", "default")),
        ("P,DEFAULT", Target("p", "default")),
        ("p,not-listed", Target("p", "not-listed")),
        (" open-router , vendor/model-1 ", Target("Open-Router", "Vendor/Model-1")),
        ("open-router/vendor/model-1", Target("Open-Router", "Vendor/Model-1")),
        ("p,a,b", Target("p", "a,b")),
        ("claude/Open-Router/Vendor/Model-1", Target("Open-Router", "Vendor/Model-1")),
        ("CLAUDE/p/default", Target("p", "default")),
        ("claude/p/x", Target("claude", "p/x")),
        ("claude/y", Target("claude", "y")),
    ],
)
def test_an_explicit_selector_gives_the_owners_spelling(asked: str, target: Target) -> None:
    """Any case, comma or slash, and the ids of our own model list."""
    verdict = explicit(given(model=asked), FULL)
    assert isinstance(verdict, Choose)
    assert verdict.route.targets == (target,)


@pytest.mark.parametrize("asked", ["claude-opus-5-5", "gpt-5", "vendor/model-1", "p/", "anthropic/claude-opus-5-5", ""])
def test_a_plain_model_name_is_no_selector(asked: str) -> None:
    """A slash alone proves nothing: model names have them."""
    assert isinstance(explicit(given(model=asked), FULL), Pass)


@pytest.mark.parametrize("asked", ["nowhere,x", "p,", ",x", ","])
def test_a_comma_with_an_unknown_provider_is_refused_with_the_list(asked: str) -> None:
    """Nobody writes a comma by chance."""
    verdict = explicit(given(model=asked), FULL)
    assert isinstance(verdict, Refuse)
    assert verdict.hint == "Configured providers: p, Open-Router, claude."


@pytest.mark.parametrize("named", ["nowhere,x", "nowhere/x", "some-model"])
def test_a_subagent_tag_that_names_nothing_is_refused(named: str) -> None:
    """It stands there on purpose, so it must not be passed over in silence."""
    assert isinstance(subagent_tag(given(subagent_model=named), FULL), Refuse)


def test_a_very_long_model_name_stays_out_of_the_sentences() -> None:
    """A stranger's megabyte must not reach the log."""
    decision = decide(given(model="x" * 1_000_000), FULL)
    assert all(len(verdict.because) < 400 for verdict in decision.verdicts)


CLIENT_DEFAULT = {"thinking": "enabled", "thinking_budget": 31_999, "thinking_budget_is_client_default": True}


@pytest.mark.parametrize(
    ("facts", "when", "fires"),
    [
        ({"thinking": "enabled", "thinking_budget": 4_000}, {"budget"}, True),
        ({"thinking": "enabled", "thinking_budget": 4_000}, {"effort", "ultrathink", "plan"}, False),
        ({"thinking": "disabled", "thinking_budget": 4_000}, {"budget", "adaptive"}, False),
        (CLIENT_DEFAULT, {"budget", "effort"}, False),
        (CLIENT_DEFAULT, {"adaptive"}, True),
        ({"thinking": "adaptive"}, {"budget", "effort", "ultrathink", "plan"}, False),
        ({"thinking": "adaptive"}, {"adaptive"}, True),
        ({"effort": "medium"}, {"effort"}, False),
        ({"effort": "high"}, {"effort"}, True),
        ({"effort": "high"}, {"budget"}, False),
        ({"effort": "high", "model": "claude-fable-5-2"}, {"effort"}, True),
        ({"effort": "high", "model": "claude-opus-4-8"}, {"effort"}, False),
        ({"effort": "xhigh", "model": "claude-opus-4-8"}, {"effort"}, True),
        ({"effort": "high", "model": "glm-4.7"}, {"effort"}, False),
        ({"effort": "max", "model": "glm-4.7"}, {"effort"}, True),
        ({"effort": "enormous"}, {"effort"}, False),
        ({"ultrathink": True}, {"ultrathink"}, True),
        ({"ultrathink": True}, {"plan"}, False),
        ({"plan_mode": True}, {"plan"}, True),
        ({"plan_mode": True}, set(), False),
    ],
)
def test_think_fires_on_what_the_owner_lets_count(facts: dict[str, Any], when: set[str], fires: bool) -> None:
    """Asked-for budget, effort above the model's default, the keyword, plan mode, or any thinking at all."""
    table = msgspec.structs.replace(FULL, think_when=frozenset(when))
    assert isinstance(think(given(**facts), table), Choose) is fires


@pytest.mark.parametrize("kind", ["title", "web_fetch", "classifier"])
def test_helpers_without_a_route_of_their_own_do_not_think(kind: str) -> None:
    """They carry the session's effort and the person's words, but only a budget of their own says that they should."""
    table = without("background", "classifier")
    assert decide(given(kind=kind, effort="max", ultrathink=True, plan_mode=True), table).rule == "default"
    assert decide(given(kind=kind, thinking="enabled", thinking_budget=4_000), table).rule == "think"


def test_every_file_in_rules_is_one_of_the_classic_rules() -> None:
    """A rule's name is its file's name; none is left out of the order."""
    assert [rule.__module__.rsplit(".", 1)[1] for rule in CLASSIC_RULES] == [rule.__name__ for rule in CLASSIC_RULES]
    assert len({rule.__module__ for rule in CLASSIC_RULES}) == len(CLASSIC_RULES)
