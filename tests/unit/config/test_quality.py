"""`Quality`: what the owner wants judged becomes settings, and what is wrong is said with its line."""

import json
from typing import Any

import pytest

from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import ConfigError
from claude_code_router.core.target import Target

BASE = {
    "Providers": [
        {"name": "p", "api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["small", "mid", "big", "judge"]}
    ],
    "Router": {"default": "p,mid"},
    "Tiers": {"light": "p,small", "mid": ["p,mid"], "heavy": ["p,big", "p,mid"]},
    "Rules": [{"name": "mine", "when": {"tokens": {"over": 5}}, "use": "light"}],
}


def read(quality: Any, **more: Any) -> Config:
    return load_text(json.dumps({**BASE, "Quality": quality, **more}, indent=1), "config.json", {})


def test_nothing_is_judged_unasked() -> None:
    """Without the section there are no settings; with a judge alone nothing is sampled."""
    assert read(None).settings.quality is None
    settings = read({"judge": "p,judge"}).settings.quality
    assert settings
    assert (settings.shares.default, settings.pairs.up, settings.pairs.down) == (0, 0, 0)


def test_the_settings() -> None:
    """Every key arrives; a tier stands for its targets; budgets are never without a bound."""
    settings = read(
        {
            "judge": ["light", "p,judge"],
            "timeoutMs": 5000,
            "dailyBudgetUsd": 2,
            "threshold": 0.8,
            "share": 0.1,
            "shareByTier": {"heavy": 0.2},
            "shareByScenario": {"background": 0.01},
            "shareByRule": {"mine": 1, "longContext": 0.5},
            "pairs": {"up": 0.02, "down": 0.05, "maxTokens": 9000},
        }
    ).settings.quality
    assert settings
    assert settings.judge
    assert settings.judge.targets == (Target("p", "small"), Target("p", "judge"))
    assert (settings.judge.tier, settings.judge.timeout_s, settings.judge.a_day_usd) == ("light", 5.0, 2.0)
    assert (settings.threshold, settings.shares.default) == (0.8, 0.1)
    assert settings.shares.by_rule == {"mine": 1.0, "longContext": 0.5}
    assert settings.shares.by_scenario == {"background": 0.01}
    assert settings.shares.by_tier == {"heavy": 0.2}
    assert (settings.pairs.up, settings.pairs.down, settings.pairs.max_tokens) == (0.02, 0.05, 9000)
    assert settings.pairs.a_day_usd == 1.0


@pytest.mark.parametrize(
    ("quality", "path", "expected"),
    [
        ({"judge": "lihgt"}, "Quality.judge[0]", '"light"?'),
        ({"judge": "q,judge"}, "Quality.judge[0]", "one of the providers"),
        ({"share": 2}, "Quality.share", "a number from 0 to 1"),
        ({"share": "much"}, "Quality.share", "a number from 0 to 1"),
        ({"shareByTier": {"midd": 1}}, "Quality.shareByTier.midd", '"mid"?'),
        ({"shareByScenario": {"thinking": 1}}, "Quality.shareByScenario.thinking", '"think"?'),
        ({"shareByRule": {"nobody": 1}}, "Quality.shareByRule.nobody", "mine"),
        ({"pairs": {"up": 0.1}}, "Quality.pairs", "`judge` beside them"),
        ({"judge": "light", "pairs": {"up": 0.6, "down": 0.6}}, "Quality.pairs", "at most 1 together"),
        ({"judge": "light", "pairs": {"up": 7}}, "Quality.pairs.up", "a number from 0 to 1"),
        ([], "Quality", "an object"),
    ],
)
def test_what_is_wrong_is_said(quality: Any, path: str, expected: str) -> None:
    """Place, line, and what would be right."""
    with pytest.raises(ConfigError) as raised:
        read(quality)
    assert any(one.path == path and expected in one.expected and one.line > 0 for one in raised.value.problems), [
        str(one) for one in raised.value.problems
    ]


def test_pairs_need_tiers() -> None:
    """There has to be another tier to ask."""
    with pytest.raises(ConfigError, match="at least two `Tiers`"):
        read({"judge": "p,judge", "pairs": {"up": 0.1}}, Tiers={"only": "p,mid"}, Rules=[])


def test_an_unknown_key_is_warned_of() -> None:
    """With the key that was probably meant."""
    warnings = [str(one) for one in read({"shares": 0.5, "pairs": {"upp": 0.1}}).warnings]
    assert any("`shares`" in one and "`share`" in one for one in warnings)
    assert any("`upp`" in one and "`up`" in one for one in warnings)


def test_a_namespace_has_its_own() -> None:
    """In place of the file's; without one, the file's, read by its own tiers."""
    lanes = {
        "own": {"Quality": {"share": 1}},
        "tiers": {"Tiers": {"light": "p,judge", "mid": "p,mid", "heavy": "p,big"}},
        "none": {},
    }
    config = read({"judge": "light", "share": 0.5}, Namespaces=lanes)
    own, tiers, none = (config.namespaces[name].config.settings.quality for name in lanes)
    assert own
    assert (own.judge, own.shares.default) == (None, 1.0)
    assert tiers
    assert tiers.judge
    assert tiers.judge.targets == (Target("p", "judge"),)
    assert none == config.settings.quality


def test_what_is_wrong_in_a_namespace_is_said_there() -> None:
    """With the namespace's place."""
    with pytest.raises(ConfigError) as raised:
        read(None, Namespaces={"lane": {"Quality": {"judge": "nobody"}}})
    assert [one.path for one in raised.value.problems] == ["Namespaces.lane.Quality.judge[0]"]
