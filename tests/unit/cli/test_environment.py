"""The client's environment, line by line."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from claude_code_router.cli.environment import CLEARED, LOCAL_TOKEN, client_changes, main_window_tokens
from claude_code_router.config.settings import Config, Settings
from claude_code_router.core.target import Target
from claude_code_router.providers.provider import Provider, ProviderDialect
from claude_code_router.routing.table import RoutingTable, Scenario

URL = "http://127.0.0.1:3456"


def config(
    settings: Settings | None = None,
    dialects: tuple[ProviderDialect, ...] = (),
    routes: Mapping[Scenario, str] | None = None,
) -> Config:
    providers: dict[str, Provider] = {
        dialect: Provider(name=dialect, url="https://example.test", dialect=dialect) for dialect in dialects
    }
    table = RoutingTable(scenarios={scenario: Target("p", model) for scenario, model in (routes or {}).items()})
    return Config(settings=settings or Settings(), providers=providers, table=table, hash="h")


def variables(config: Config, **inherited: str) -> dict[str, str]:
    return client_changes(config, URL, inherited).applied_to(inherited)


def test_the_plain_table() -> None:
    """Address, a token, the timeout, no proxy to ourselves, the hint headers, discovery: and nothing else."""
    assert variables(config()) == {
        "ANTHROPIC_BASE_URL": URL,
        "ANTHROPIC_AUTH_TOKEN": LOCAL_TOKEN,
        "API_TIMEOUT_MS": "600000",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
        "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
    }


def test_the_owner_s_settings_are_carried() -> None:
    """APIKEY is the token, API_TIMEOUT_MS the timeout, and NON_INTERACTIVE_MODE adds the npm tool's four."""
    found = variables(config(Settings(api_key="secret", api_timeout_ms=5, non_interactive=True)))
    assert (found["ANTHROPIC_AUTH_TOKEN"], found["API_TIMEOUT_MS"]) == ("secret", "5")
    assert (found["CI"], found["FORCE_COLOR"], found["NODE_NO_READLINE"], found["TERM"]) == ("true", "0", "1", "dumb")


@pytest.mark.parametrize("name", CLEARED)
def test_what_would_go_around_the_router_is_cleared(name: str) -> None:
    """Real keys and other providers' switches do not reach the client."""
    assert name not in variables(config(), **{name: "1"})


@pytest.mark.parametrize(
    "name",
    [
        "CLAUDE_CODE_GATEWAY_HINT_HEADERS",
        "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY",
        "CLAUDE_CODE_ATTRIBUTION_HEADER",
    ],
)
def test_the_user_s_word_on_helpful_variables_counts(name: str) -> None:
    """What only helps is not forced on somebody who has said otherwise."""
    assert variables(config(dialects=("openai_chat",)), **{name: "mine"})[name] == "mine"


def test_other_variables_pass() -> None:
    """Models chosen by the user, and everything that is not ours, stay."""
    found = variables(config(), ANTHROPIC_MODEL="p,m", ANTHROPIC_DEFAULT_HAIKU_MODEL="p,s", LANG="C")
    assert (found["ANTHROPIC_MODEL"], found["ANTHROPIC_DEFAULT_HAIKU_MODEL"], found["LANG"]) == ("p,m", "p,s", "C")


def test_auto_mode_is_not_killed() -> None:
    """The client refuses auto mode when telemetry is off, so we never turn it off."""
    assert not {"DISABLE_TELEMETRY", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"} & variables(config()).keys()


@pytest.mark.parametrize(
    ("dialects", "expected"),
    [
        ((), None),
        (("openai_chat",), "0"),
        (("openai_chat", "gemini"), "0"),
        (("anthropic",), None),
        (("openai_chat", "anthropic"), None),
    ],
)
def test_the_attribution_block_stays_where_anthropic_may_read_it(
    dialects: tuple[ProviderDialect, ...], expected: str | None
) -> None:
    """It is switched off only when no provider could be Anthropic's."""
    assert variables(config(dialects=dialects)).get("CLAUDE_CODE_ATTRIBUTION_HEADER") == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"NO_PROXY": "a.example"}, "a.example,127.0.0.1,localhost"),
        ({"no_proxy": "a.example, b"}, "a.example,b,127.0.0.1,localhost"),
        ({"NO_PROXY": "localhost,127.0.0.1"}, "localhost,127.0.0.1"),
        ({"NO_PROXY": "*"}, "*,127.0.0.1,localhost"),
    ],
)
def test_exceptions_from_the_proxy_are_extended(said: dict[str, str], expected: str) -> None:
    """The user's exceptions stay, ours come behind them, in both spellings."""
    found = variables(config(), **said)
    assert found["NO_PROXY"] == found["no_proxy"] == expected


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ({}, None),
        ({"default": "deepseek-chat"}, 128_000),
        ({"default": "glm-4.5", "longContext": "gemini-2.5-pro"}, 1_048_576),
        ({"default": "nobody-knows-me"}, None),
        ({"default": "deepseek-chat", "longContext": "nobody-knows-me"}, None),
        ({"default": "claude-opus-5-5"}, None),
    ],
)
def test_the_window_to_compact_for(routes: dict[Scenario, str], expected: int | None) -> None:
    """The larger of both windows if both are known; Claude's own are the client's business."""
    assert main_window_tokens(config(routes=routes)) == expected
    assert ("CLAUDE_CODE_MAX_CONTEXT_TOKENS" in variables(config(routes=routes))) == (expected is not None)
