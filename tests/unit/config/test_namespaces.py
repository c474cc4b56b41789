"""`Namespaces`: what each lane sees, and what is said of slips."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import ConfigError
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.routing.engine import decide

DOC = Path(__file__).parents[3] / "docs" / "namespaces.md"
BASE: dict[str, Any] = {
    "Providers": [
        {"name": "p", "api_base_url": "https://x.com/v1/messages", "api_key": "shared", "models": ["a", "b"]}
    ],
    "Router": {"default": "p,a"},
    "Rules": [{"name": "plans", "when": {"plan_mode": True}, "use": "p,b"}],
}


def loaded(env: dict[str, str] | None = None, **namespaces: Any) -> Config:
    return load_text(json.dumps(BASE | {"Namespaces": namespaces}, indent=1), "config.json", env or {})


def test_the_docs_example_loads() -> None:
    """docs/namespaces.md shows a config without errors or warnings."""
    for text in re.findall(r"```json\n(.*?)```", DOC.read_text(), re.DOTALL):
        assert load_text(text, "config.json", {}).warnings == ()


def test_a_namespace_has_what_it_names_and_shares_the_rest() -> None:
    """Its own Rules replace the file's; the Router is the file's; the file's own are untouched."""
    config = loaded(web={"Rules": [{"name": "all", "when": {"kind": "user"}, "use": "p,b"}]}, plain={})
    asked, planning = Signals(model="m"), Signals(model="m", plan_mode=True, kind="tool_result")
    web, plain = config.namespaces["web"].config, config.namespaces["plain"].config
    assert [decide(asked, one.table).rule for one in (config, web, plain)] == ["default", "all", "default"]
    assert [decide(planning, one.table).rule for one in (config, web, plain)] == ["plans", "default", "plans"]
    assert len({config.hash, web.hash, plain.hash, web.table.config_hash}) == 3


def test_provider_keys_stay_in_their_namespace() -> None:
    """The key of one lane is in no other, nor in the file's own providers."""
    config = loaded(
        {"OURS": "web key"}, web={"provider_keys": {"p": "$OURS"}}, shop={"provider_keys": {"p": "shop key\n"}}
    )
    keys = {name: lane.config.providers["p"].key for name, lane in config.namespaces.items()}
    assert keys == {"web": "web key", "shop": "shop key"}
    assert config.providers["p"].key == "shared"


def test_budgets_and_limits_are_its_own() -> None:
    """What a namespace does not limit is the file's."""
    config = loaded(web={"budget": {"day_usd": 3}, "limits": {"concurrency": 2}}, plain={})
    web, plain = config.namespaces["web"].config.settings, config.namespaces["plain"].config.settings
    assert (web.namespace_budget.day_usd, web.limits.concurrency, web.own_limits) == (3, 2, True)
    assert (plain.namespace_budget.any, plain.own_limits) == (False, False)


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [
        ({"Rulse": []}, "`Rules`?"),
        ({"Rules": [{"when": {"kind": "user"}, "use": "x,y"}]}, "Namespaces.web.Rules[0].use"),
        ({"Router": {"default": "x,y"}}, "Namespaces.web.Router.default"),
        ({"provider_keys": {"q": "k"}}, "the provider q"),
        ({"provider_keys": {"p": "sa\nme same"}}, "Namespaces.web.provider_keys.p"),
        ({"keys": {"ci": "$UNSET"}}, "not set"),
        ({"keys": {"ci": "same", "cd": "same"}}, "a key of its own"),
    ],
)
def test_slips_are_told(namespace: dict[str, Any], expected: str) -> None:
    """With their place in the namespace; keys are never shown."""
    with pytest.raises(ConfigError) as caught:
        loaded(web=namespace)
    assert expected in str(caught.value)
    assert "same" not in str(caught.value)


def test_names_must_fit_into_a_url() -> None:
    """Small letters, digits and a few signs."""
    with pytest.raises(ConfigError, match="stands in URLs"):
        loaded(**{"My Team": {}})


def test_the_owners_cards_reach_every_table() -> None:
    """What a model holds is asked by guards in the file's lane and in a namespace with routes of its own."""
    provider = BASE["Providers"][0] | {"cards": {"b": {"context": 5000}}}
    text = json.dumps(BASE | {"Providers": [provider], "Namespaces": {"web": {"Router": {"default": "p,b"}}}})
    config = load_text(text, "config.json", {})
    for table in (config.table, config.namespaces["web"].config.table):
        assert table.card_of(Target("p", "b")).context_tokens == 5000
        assert table.card_of(Target("p", "a")).context_tokens is None
