"""What Claude Code must find in its environment to work through the router: one table for `ccr code` and `ccr activate`.

Facts about the client were measured with Claude Code 2.1.330 (2026-11); docs/lifecycle.md gives the reason of each line.
Never set: DISABLE_TELEMETRY and CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC (the client then refuses auto mode), and
ANTHROPIC_DEFAULT_HAIKU_MODEL (the hint headers mark helper requests already, and the picker would call it "custom").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from claude_code_router.catalog.cards import card
from claude_code_router.config.settings import Config

LOCAL_TOKEN = "ccr-local"  # the client wants some token before it talks to a gateway

CLEARED = (
    # real credentials: the client would send them beside ours, or ask its user which one to take
    "ANTHROPIC_API_KEY",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    # other ways to reach models, which would win over ANTHROPIC_BASE_URL
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
    "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
    "ANTHROPIC_VERTEX_BASE_URL",
    "ANTHROPIC_FOUNDRY_BASE_URL",
    "ANTHROPIC_FOUNDRY_RESOURCE",
    "ANTHROPIC_AWS_BASE_URL",
    "ANTHROPIC_GOOGLE_CLOUD_BASE_URL",
    "ANTHROPIC_UNIX_SOCKET",
)

NON_INTERACTIVE = {"CI": "true", "FORCE_COLOR": "0", "NODE_NO_READLINE": "1", "TERM": "dumb"}

DIRECT_HOSTS = ("127.0.0.1", "localhost")


class Changes(NamedTuple):
    """To an inherited environment."""

    variables: dict[str, str]
    cleared: tuple[str, ...]

    def applied_to(self, inherited: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in inherited.items() if name not in self.cleared}
        return {**kept, **self.variables}


def client_changes(config: Config, url: str, inherited: Mapping[str, str]) -> Changes:
    """What must hold is set; what only helps is left alone where the user has said something else."""
    settings = config.settings
    required = {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_AUTH_TOKEN": settings.api_key or LOCAL_TOKEN,
        "API_TIMEOUT_MS": str(settings.api_timeout_ms),
        **_without_proxy(inherited),
    }
    if settings.non_interactive:
        required |= NON_INTERACTIVE
    helpful = {
        "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",  # each request says its class: main, subagent, auxiliary, compaction
        "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
    }
    if config.providers and not _may_reach_anthropic(config):
        # The block differs from conversation to conversation and stands first: it would spoil the upstream's prompt cache.
        # Where Anthropic may be the upstream it belongs to the request and stays.
        helpful["CLAUDE_CODE_ATTRIBUTION_HEADER"] = "0"
    window = main_window_tokens(config)
    if window is not None:
        helpful["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] = str(window)
    return Changes({**required, **{k: v for k, v in helpful.items() if k not in inherited}}, CLEARED)


def _without_proxy(inherited: Mapping[str, str]) -> dict[str, str]:
    """The router is on this machine. Both spellings, because programs differ in which one they read first."""
    said = inherited.get("NO_PROXY") or inherited.get("no_proxy") or ""
    hosts = [host.strip() for host in said.split(",") if host.strip()]
    extended = ",".join([*hosts, *(host for host in DIRECT_HOSTS if host not in hosts)])
    return {"NO_PROXY": extended, "no_proxy": extended}


def _may_reach_anthropic(config: Config) -> bool:
    """Any provider counts, routed to or not: the user can name each one in the model picker."""
    return any(provider.dialect == "anthropic" for provider in config.providers.values())


def main_window_tokens(config: Config) -> int | None:
    """The window that the client should compact for; None where it knows best (Claude) or nobody knows.

    It holds for model names that the client does not know; for its own it keeps its own table (tested with 2.1.330, where
    CLAUDE_CODE_AUTO_COMPACT_WINDOW does not change that). The largest of the main and the long-context route, because a
    conversation that outgrows the first moves to the second.
    """
    main = config.table.scenarios.get("default")
    if main is None or card(main.model).claude:
        return None
    long = config.table.scenarios.get("longContext", main)
    windows = [card(target.model).context_tokens for target in (main, long)]
    known = [window for window in windows if window is not None]
    return max(known) if len(known) == len(windows) else None
