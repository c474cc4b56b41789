"""The test bench: its patterns are what they claim to be, and its findings are true."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.config.load import load_text
from claude_code_router.routing import bench
from claude_code_router.routing.bench_patterns import PATTERNS
from claude_code_router.routing.signals import read_signals
from claude_code_router.routing.table import RoutingTable

CASES = {pattern.name: bench.case_of(pattern) for pattern in PATTERNS}
BASE: dict[str, Any] = {
    "Providers": [
        {"name": "p", "api_base_url": "https://x.com/v1/messages", "api_key": "k", "models": ["a", "b", "c"]}
    ],
    "Router": {"default": "p,b"},
    "Tiers": {"light": "p,a", "heavy": "p,c"},
}


def table(**more: Any) -> RoutingTable:
    return load_text(json.dumps(BASE | more), "c", {}).table


def test_there_are_enough_patterns_with_names_of_their_own() -> None:
    """At least sixty, of three kinds of client."""
    assert len(CASES) == len(PATTERNS) >= 60
    assert {pattern.client for pattern in PATTERNS} == {"claude-code", "sdk", "openai"}


@pytest.mark.parametrize(
    ("name", "fact", "value"),
    [
        ("title", "kind", "title"),
        ("title by hint", "kind", "title"),
        ("page digest", "kind", "web_fetch"),
        ("prompt suggestion", "kind", "suggestion"),
        ("compaction", "kind", "compaction"),
        ("safety classifier", "kind", "classifier"),
        ("inner web search", "kind", "web_search"),
        ("loop, a tool failed", "tool_errors", 1),
        ("loop, ten steps in", "tool_depth", 10),
        ("loop, ten steps in", "tools_used", ("Read",)),
        ("plan mode", "plan_mode", True),
        ("ultrathink", "ultrathink", True),
        ("effort max", "effort", "max"),
        ("image", "image_in_last_turn", True),
        ("document", "pdf", True),
        ("subagent", "subagent", True),
        ("ambiguous 1", "words", 2),
    ],
)
def test_a_pattern_is_what_its_name_says(name: str, fact: str, value: object) -> None:
    """The router reads the built-in requests as it reads the real ones."""
    assert getattr(read_signals(CASES[name].inbound).signals, fact) == value


def test_gaps_are_found() -> None:
    """Rules never hit, requests that only default took, targets that do not exist."""
    rules = [
        {"name": "reviews", "when": {"says": "review"}, "use": "heavy"},
        {"name": "never", "when": {"tokens": {"over": 9_000_000}}, "use": "p,typo"},
        {"name": "no pictures", "when": {"image": True}, "refuse": "No pictures."},
    ]
    findings = bench.run(CASES.values(), table(Rules=rules))
    assert findings.never_hit == ("never",)
    assert findings.missing == ("p,typo: p does not list this model",)
    assert "explain 1" in findings.only_default
    assert "review 1" not in findings.only_default
    assert findings.failed
    assert not bench.run(CASES.values(), table()).failed


@pytest.mark.parametrize(
    ("expect", "problems"), [("heavy", 0), ("p,c", 0), ("reviews", 0), ("default", 0), ("light", 1), ("refused", 1)]
)
def test_expectations_are_held(expect: str, problems: int) -> None:
    """A target, a tier, a rule or a task type, or a refusal."""
    live = table(Rules=[{"name": "reviews", "when": {"says": "review"}, "use": "heavy"}])
    case = bench.Case(name="mine", inbound=CASES["review 1"].inbound, expect=expect)
    assert len(bench.run([case], live).outcomes[0].problems) == problems


def test_two_configs_are_compared() -> None:
    """Only what changes is told, with both decisions."""
    after = table(Rules=[{"name": "plans", "when": {"plan_mode": True}, "use": "heavy"}])
    changed = bench.changes(bench.run(CASES.values(), table()), bench.run(CASES.values(), after))
    assert changed == [("plan mode", "p,b (default)", "p,c (plans)")]
