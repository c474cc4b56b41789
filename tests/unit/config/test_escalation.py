"""`Escalation`: what the file means, per namespace too, and what is said of slips, with their lines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from claude_code_router.config.load import load_text
from claude_code_router.core.errors import ConfigError
from claude_code_router.core.escalation import Check, EscalationSettings, Hold, NextTurn, StallLimit, Which
from claude_code_router.core.target import Target

PAGE = Path(__file__).parents[3] / "docs" / "escalation.md"
PROVIDER = {
    "name": "p",
    "api_base_url": "https://example.com/v1/messages",
    "api_key": "k",
    "models": ["light", "mid", "heavy"],
}
BASE: dict[str, Any] = {
    "Providers": [PROVIDER],
    "Router": {"default": "p,mid"},
    "Tiers": {"light": "p,light", "mid": "p,mid", "heavy": "p,heavy"},
    "Rules": [{"name": "reviews", "when": {"says": ["review"]}, "use": "mid"}],
}


def read(**more: Any) -> EscalationSettings | None:
    return load_text(json.dumps(BASE | more), "config.json", {}).table.escalation


def test_nothing_is_on_by_itself() -> None:
    """Who does not ask for it has no escalation."""
    assert read() is None


def test_what_is_said_is_what_is_meant() -> None:
    """Names become targets, milliseconds seconds; what is not said is as documented."""
    assert read(Escalation={"hold": {"tiers": ["mid"], "judge": "light", "acceptFrom": 0.7}}) == EscalationSettings(
        hold=Hold(
            which=Which(tiers=("mid",)), check=Check(judge=(Target("p", "light"),), judge_tier="light", accept_from=0.7)
        )
    )
    assert read(
        Escalation={
            "hold": {"rules": "reviews", "timeoutMs": 5000, "holdMs": 60000},
            "nextTurn": {"scenarios": ["default"], "categories": ["talk"], "judge": "p,mid"},
            "stall": {"errors": 4, "insideLoop": True},
            "goodTurns": 3,
            "dailyBudgetUsd": 1,
        }
    ) == EscalationSettings(
        hold=Hold(which=Which(rules=("reviews",)), check=Check(wait_s=5.0), hold_s=60.0),
        next_turn=NextTurn(
            which=Which(scenarios=("default",), categories=("talk",)),
            check=Check(judge=(Target("p", "mid"),), wait_s=60.0),
        ),
        stall=StallLimit(errors=4, inside_loop=True),
        good_turns=3,
        a_day_usd=1.0,
    )


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "none of `hold`, `nextTurn` and `stall`"),
        ({"hold": {"tiers": ["midd"]}}, '"mid"?'),
        ({"hold": {"tiers": ["heavy"]}}, "a tier with another one above it"),
        ({"hold": {"scenarios": ["thinking"]}}, '"think"?'),
        ({"hold": {"judge": "nobody"}}, "a tier (light, mid, heavy)"),
        ({"hold": {"acceptFrom": 7}}, "from 0 to 1"),
        ({"hold": {"timeoutMs": "soon"}}, "a whole number"),
        ({"stall": {"errors": 1}}, "from 2"),
        ({"nextTurn": []}, "an object"),
    ],
)
def test_slips_are_told_with_their_line(section: dict[str, Any], said: str) -> None:
    """Where it stands, and what would be right."""
    with pytest.raises(ConfigError) as raised:
        load_text(json.dumps(BASE | {"Escalation": section}, indent=1), "config.json", {})
    told = str(raised.value)
    assert said in told
    assert "Escalation" in told
    lines = json.dumps(BASE | {"Escalation": section}, indent=1).splitlines()
    first = next(n for n, line in enumerate(lines, 1) if "Escalation" in line)
    assert all(int(found) >= first for found in re.findall(r"line (\d+)", told))


def test_tiers_are_needed() -> None:
    """There must be somewhere to go."""
    with pytest.raises(ConfigError, match="no tiers"):
        load_text(json.dumps({**BASE, "Tiers": {}, "Rules": [], "Escalation": {"stall": {}}}), "config.json", {})


def test_unknown_rules_and_keys_are_warned_of() -> None:
    """A rule that is not there decides nothing, and a key that is not known means nothing: both are said."""
    config = load_text(
        json.dumps(BASE | {"Escalation": {"hold": {"rules": ["reviewz"], "jugde": "light"}}}), "config.json", {}
    )
    told = [str(warning) for warning in config.warnings]
    assert any('"reviews"?' in one for one in told)
    assert any("`judge`" in one for one in told)


def test_a_namespace_has_its_own() -> None:
    """In place of the file's; and a namespace without one has the file's."""
    spaces = {"a": {"Escalation": {"stall": {}}}, "b": {"Rules": []}, "c": {}}
    config = load_text(json.dumps(BASE | {"Escalation": {"hold": {}}, "Namespaces": spaces}), "config.json", {})
    settings = {name: lane.config.table.escalation for name, lane in config.namespaces.items()}
    assert settings["a"] == EscalationSettings(stall=StallLimit())
    assert settings["b"] == settings["c"] == EscalationSettings(hold=Hold())


@pytest.mark.parametrize("name", ["escalation", "hold"])
def test_our_verdicts_names_are_taken(name: str) -> None:
    """No rule of the owner's can be mistaken for ours on the records."""
    with pytest.raises(ConfigError, match="a name that no other rule has"):
        load_text(json.dumps(BASE | {"Rules": [{"name": name, "when": {"words": {"over": 1}}, "use": "mid"}]}), "c", {})


@pytest.mark.parametrize("text", re.findall(r"```json\n(.*?)```", PAGE.read_text() if PAGE.exists() else "", re.DOTALL))
def test_the_pages_examples_work(text: str) -> None:
    """What docs/escalation.md shows can be put into a config."""
    assert load_text(json.dumps(BASE | json.loads(text)), "config.json", {}).table.escalation is not None
