"""Keys, limits, budgets and ways to a provider, from the file to delivery's values."""

import json
from pathlib import Path
from typing import Any

import pytest

from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import ConfigError
from claude_code_router.core.limits import Budget, Limits
from claude_code_router.providers.provider import Provider, fingerprint

URL = "https://api.example.com/v1/messages"


def loaded(env: dict[str, str] | None = None, top: dict[str, object] | None = None, **provider: object) -> Config:
    entry = {"name": "p", "api_base_url": URL, "models": ["m"], **provider}
    return load_text(
        json.dumps({"Providers": [entry], "Router": {"default": "p,m"}, **(top or {})}), "config.json", env or {}
    )


def built(env: dict[str, str] | None = None, top: dict[str, object] | None = None, **provider: object) -> Provider:
    return loaded(env, top, **provider).providers["p"]


def test_one_key_is_no_pool() -> None:
    """As before: the key is the provider's, and nothing is spread."""
    provider = built(api_key="sk-one")
    assert (provider.key, provider.credentials) == ("sk-one", ())
    provider = built(api_keys=["sk-one"])
    assert (provider.key, provider.credentials, provider.auth) == ("sk-one", (), "x-api-key")


def test_several_keys_are_a_pool() -> None:
    """`api_key` first, then `api_keys`, then `credentials`; those without a name are called by a fingerprint."""
    provider = built(
        api_key="sk-one",
        api_keys=["$TWO", "$UNSET"],
        credentials=[{"name": "three", "api_key": "sk-three", "weight": 2, "limits": {"concurrency": 4}}],
        env={"TWO": "sk-two"},
    )
    assert [c.name for c in provider.credentials] == [fingerprint("sk-one"), fingerprint("sk-two"), "three"]
    assert [c.key for c in provider.credentials] == ["sk-one", "sk-two", "sk-three"]
    assert (provider.credentials[2].weight, provider.credentials[2].limits) == (2.0, Limits(concurrency=4))
    assert provider.key == "sk-one"


def test_keys_twice_are_said() -> None:
    """The same key or name again is left out, and no key is in the message."""
    config = loaded(
        api_keys=["sk-one-secret", "sk-one-secret"], credentials=[{"name": "x", "api_key": "sk-two-secret"}]
    )
    assert len(config.providers["p"].credentials) == 2
    said = "\n".join(map(str, config.warnings))
    assert "a key that is there already" in said
    assert "secret" not in said


def test_limits_and_budgets() -> None:
    """At the top and in a provider."""
    config = loaded(
        api_key="k",
        limits={"requests_per_min": "60", "queue_s": 5},
        budget={"day_usd": 2},
        top={"limits": {"tokens_per_min": 1000}, "budget": {"month_usd": 50, "warn_at": 0.5}},
    )
    provider = config.providers["p"]
    assert (provider.limits, provider.budget) == (Limits(requests_per_min=60, queue_s=5.0), Budget(day_usd=2.0))
    assert config.settings.limits == Limits(tokens_per_min=1000)
    assert config.settings.budget == Budget(month_usd=50.0, warn_at=0.5)


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("limits", {"concurrency": 0}),
        ("limits", {"queue_s": 1000}),
        ("budget", {"warn_at": 2}),
        ("credentials", [{"name": "without a key"}]),
    ],
)
def test_mistakes_are_errors(section: str, value: object) -> None:
    """With their place."""
    entry = {"name": "p", "api_base_url": URL, section: value}
    with pytest.raises(ConfigError, match=rf"Providers\[0\].{section}"):
        load_text(json.dumps({"Providers": [entry]}), "config.json", {})


def test_unknown_keys_are_warned_of() -> None:
    """With the word that was meant."""
    config = loaded(api_key="k", limits={"request_per_min": 5}, credentials=[{"api_key": "k2", "wieght": 2}])
    assert {w.expected for w in config.warnings} == {"`requests_per_min`", "`weight`"}


@pytest.mark.parametrize(
    ("top", "env", "own", "proxy"),
    [
        ({}, {}, "", ""),
        ({"PROXY_URL": "http://corp:1"}, {}, "", "http://corp:1"),
        ({"PROXY_URL": "http://corp:1"}, {"NO_PROXY": "example.com"}, "", ""),
        ({"PROXY_URL": "http://corp:1", "NO_PROXY": ".example.com"}, {}, "", ""),
        ({"PROXY_URL": "http://corp:1", "NO_PROXY": "*"}, {}, "socks5://own:1", "socks5://own:1"),
        ({"PROXY_URL": "http://corp:1"}, {}, "direct", ""),
        ({}, {"HTTPS_PROXY": "http://environment:1"}, "", ""),
    ],
)
def test_the_way_to_a_provider(top: dict[str, object], env: dict[str, str], own: str, proxy: str) -> None:
    """Its own proxy wins over PROXY_URL, whose exceptions are the file's and the environment's."""
    assert built(env, top, api_key="k", proxy=own).proxy == proxy


def test_doubtful_ways_are_warned_of(tmp_path: Path) -> None:
    """A proxy that is no URL, certificates that are not there, an address that leads back to us."""
    config = loaded(
        api_key="k", proxy="corp:1", ca_file=str(tmp_path / "no.pem"), api_base_url="http://localhost:3456/v1/messages"
    )
    assert {w.path.split(".")[1] for w in config.warnings} == {"proxy", "api_base_url", "ca_file"}


def test_only_our_own_port_is_ours() -> None:
    """A local server on another port is no loop; SERVICE_PORT is ours."""
    assert not loaded({"SERVICE_PORT": "4000"}, api_base_url="http://localhost:3456/v1/messages").warnings
    warned = loaded({"SERVICE_PORT": "4000"}, api_base_url="http://localhost:4000/v1/messages").warnings
    assert "own address" in warned[0].found


def test_white_space_around_keys_is_no_part_of_them() -> None:
    """Secrets that are mounted as files end in a newline."""
    provider = built(
        api_key="$ONE",
        api_keys=["sk-two\r\n"],
        credentials=[{"name": "three", "api_key": " sk-three\n"}],
        env={"ONE": "sk-one\n"},
    )
    assert provider.key == "sk-one"
    assert [credential.key for credential in provider.credentials] == ["sk-one", "sk-two", "sk-three"]
    assert built(api_key="$ONE", env={"ONE": "sk-one\n"}).key == "sk-one"


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"api_key": "sk-se\ncret"}, "Providers[0].api_key"),
        ({"api_key": "$ONE"}, "Providers[0].api_key"),
        ({"api_keys": ["sk-one", "sk-se\x00cret"]}, "Providers[0].api_keys[1]"),
        ({"credentials": [{"api_key": "sk-se\x7fcret"}]}, "Providers[0].credentials[0].api_key"),
        ({"headers": {"x-team": "sk-se\r\ncret: 1"}}, "Providers[0].headers.x-team"),
        ({"headers": {"x-team": "cret\n"}}, "Providers[0].headers.x-team"),
        ({"headers": {"x team": "cret"}}, "Providers[0].headers"),
        ({"headers": {"x-team:": "cret"}}, "Providers[0].headers"),
        ({"headers": {"": "cret"}}, "Providers[0].headers"),
    ],
)
def test_what_no_http_header_can_carry_is_refused(entry: dict[str, Any], path: str) -> None:
    """With place and line, and never with the value."""
    with pytest.raises(ConfigError) as wrong:
        loaded(env={"ONE": "sk-se\rcret"}, **entry)
    (problem,) = wrong.value.problems
    assert problem.path.startswith(path)
    assert problem.line == 1
    assert problem.expected
    assert "cret" not in str(wrong.value)
