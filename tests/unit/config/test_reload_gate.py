"""`ReloadGate`: what an edit must not do becomes settings, and what is wrong is said with its line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config, ReloadGateSettings
from claude_code_router.core.errors import ConfigError
from claude_code_router.core.replay_condition import read

BASE = {
    "Providers": [{"name": "p", "api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["a", "b"]}],
    "Router": {"default": "p,a"},
    "Tiers": {"light": "p,a", "heavy": "p,b"},
}


def config(gate: Any, **more: Any) -> Config:
    return load_text(json.dumps({**BASE, "ReloadGate": gate, **more}, indent=1), "config.json", {})


@pytest.mark.parametrize("gate", [None, ""])
def test_no_gate_unasked(gate: Any) -> None:
    """Without the section an edit is taken in as it is."""
    assert config(gate).settings.reload_gate is None


def test_the_settings() -> None:
    """One condition needs no list around it; what is not said has a default."""
    assert config({"failOn": "heavy_share>40%"}).settings.reload_gate == ReloadGateSettings(
        conditions=(read("heavy_share>40%"),)
    )
    whole = {"failOn": ["cost_change>0.1"], "since": "12h", "minimum": 5, "timeoutMs": 1500, "notKnown": "refuse"}
    assert config(whole).settings.reload_gate == ReloadGateSettings(
        conditions=(read("cost_change>0.1"),), since="12h", minimum=5, timeout_s=1.5, not_known="refuse"
    )


@pytest.mark.parametrize(
    ("gate", "path", "said"),
    [
        ({}, "ReloadGate.failOn", "at least one condition"),
        ({"failOn": ["heavy>1"]}, "ReloadGate.failOn[0]", "heavy"),
        ({"failOn": ["cost_usd>1", "cost_usd"]}, "ReloadGate.failOn[1]", "no condition"),
        ({"failOn": ["huge_share>1"]}, "ReloadGate.failOn[0]", "light, heavy"),
        ({"failOn": ["cost_usd>1"], "since": "yesterday"}, "ReloadGate.since", "a span"),
        ({"failOn": ["cost_usd>1"], "notKnown": "pass"}, "ReloadGate.notKnown", "accept, refuse"),
        ({"failOn": ["cost_usd>1"], "minimum": 0}, "ReloadGate.minimum", "from 1"),
        ({"failOn": ["cost_usd>1"], "timeoutMs": 0}, "ReloadGate.timeoutMs", "from 1"),
        ("yes", "ReloadGate", "an object"),
    ],
)
def test_slips(gate: Any, path: str, said: str) -> None:
    """Each with its place and what would be right."""
    with pytest.raises(ConfigError) as wrong:
        config(gate)
    [problem] = wrong.value.problems
    assert problem.path == path
    assert said in str(problem)
    assert problem.line > 1


def test_an_unknown_key() -> None:
    """Is warned of, with the one that was probably meant."""
    [warning] = [one for one in config({"failOn": ["cost_usd>1"], "fail_on": []}).warnings if "ReloadGate" in one.path]
    assert warning.expected == "`failOn`"


def test_a_namespaces_own() -> None:
    """Its conditions are about its own tiers; one without a section has no gate, whatever the file's says."""
    lanes = {
        "reviews": {"Tiers": {"small": "p,a", "big": "p,b"}, "ReloadGate": {"failOn": ["big_share>0.5"]}},
        "docs": {},
    }
    found = config({"failOn": ["heavy_share>0.4"]}, Namespaces=lanes).namespaces
    assert found["reviews"].config.settings.reload_gate == ReloadGateSettings(conditions=(read("big_share>0.5"),))
    assert found["docs"].config.settings.reload_gate is None
    lanes["reviews"]["ReloadGate"] = {"failOn": ["heavy_share>0.5"]}
    with pytest.raises(ConfigError, match=r"Namespaces.reviews.ReloadGate.failOn\[0\]: found the tier heavy"):
        config(None, Namespaces=lanes)
