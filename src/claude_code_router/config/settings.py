"""What the rest of the house gets from the config: frozen values, already validated and interpolated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from claude_code_router.core.errors import Problem
from claude_code_router.core.limits import Budget, Limits
from claude_code_router.core.replay_condition import Condition
from claude_code_router.delivery.settings import DeliverySettings
from claude_code_router.plugins.settings import CustomRouterSettings
from claude_code_router.providers.provider import Provider
from claude_code_router.quality.bands import AlertSettings
from claude_code_router.quality.settings import QualitySettings
from claude_code_router.routing.table import RoutingTable


class TraceSettings(msgspec.Struct, frozen=True, kw_only=True):
    endpoint: str = ""
    """Empty: no traces."""
    headers: Mapping[str, str] = {}
    """Values are secrets."""
    share: float = 1.0


class MonitoringSettings(msgspec.Struct, frozen=True, kw_only=True):
    open_metrics: bool = False
    traces: TraceSettings = TraceSettings()


class ReloadGateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay must not show before an edited config is taken in."""

    conditions: tuple[Condition, ...]
    """An edit is refused when one of them is true."""
    since: str = "2d"
    """Which records: a span up to now, or `all`."""
    minimum: int = 30
    """Requests below which nothing is told."""
    timeout_s: float = 60.0
    not_known: Literal["accept", "refuse"] = "accept"
    """What becomes of an edit that cannot be judged."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The top-level keys that are not providers or routing. Names of the npm tool's keys in comments."""

    host: str = "127.0.0.1"  # HOST
    port: int = 3456  # PORT; env SERVICE_PORT wins
    api_key: str = ""  # APIKEY
    proxy_url: str = ""  # PROXY_URL, or a top-level HTTPS_PROXY/https_proxy/httpsProxy
    api_timeout_ms: int = 600_000  # API_TIMEOUT_MS: given to the client, and our bound for the upstream's first byte
    log: bool = True  # LOG
    log_level: Literal["fatal", "error", "warn", "info", "debug", "trace"] = "info"  # LOG_LEVEL
    non_interactive: bool = False  # NON_INTERACTIVE_MODE
    claude_path: str = "claude"  # CLAUDE_PATH
    custom_router: CustomRouterSettings | None = None  # CUSTOM_ROUTER_PATH, CUSTOM_ROUTER_TIMEOUT_MS (ours)
    rewrite_system_prompt: str = ""  # REWRITE_SYSTEM_PROMPT
    record_bodies: bool = False  # RECORD_BODIES (ours)
    record_days: int = 30  # RECORD_DAYS (ours): rows older than this are deleted; 0 keeps all
    database_url: str = ""  # DATABASE_URL (ours); empty: SQLite beside the config
    delivery: DeliverySettings = DeliverySettings()  # timeouts, retry, upwardFallback (ours)
    health_check_s: float = 0.0  # HEALTH_CHECK_S (ours); 0: never
    update_prices_s: float = 0.0  # UPDATE_PRICES_H (ours); 0: never
    limits: Limits = Limits()  # limits (ours): of all requests together
    own_limits: bool = False
    """`limits` are those of a namespace, and counted for it alone."""
    budget: Budget = Budget()  # budget (ours)
    namespace_budget: Budget = Budget()  # Namespaces.<name>.budget (ours)
    quality: QualitySettings | None = None  # Quality (ours); None: no reply is judged
    alerts: AlertSettings | None = None  # Alerts (ours); None: nothing is watched
    monitoring: MonitoringSettings = MonitoringSettings()  # Monitoring (ours)
    reload_gate: ReloadGateSettings | None = None  # ReloadGate (ours); None: an edit that is valid is taken in
    environment: Mapping[str, str] = {}
    """Top-level string keys, for those providers that read their settings from the environment (vertex-like)."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """One consistent snapshot of the owner's file. A request keeps the snapshot that it started with."""

    settings: Settings
    providers: Mapping[str, Provider]
    """By name as the owner wrote it."""
    table: RoutingTable
    hash: str
    """Of the file's meaning (not its comments), 12 hex digits; on every record."""
    warnings: tuple[Problem, ...] = ()
    namespaces: Mapping[str, Namespace] = {}
    """Lanes of their own, by name."""


class Namespace(msgspec.Struct, frozen=True, kw_only=True):
    """One workflow's lane."""

    keys: Mapping[str, str]
    """Clients' keys by their names; secrets."""
    config: Config
    """What its requests see in place of the whole config."""
