"""`ccr status`."""

from __future__ import annotations

import os
import time
from typing import Annotated

import msgspec
import typer

from claude_code_router.cli import service
from claude_code_router.cli.service import Service, Situation
from claude_code_router.cli.terminal import say
from claude_code_router.config.home import Home
from claude_code_router.config.load import load
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import ConfigError
from claude_code_router.core.readiness import Readiness

MEANING = {
    Situation.STOPPED: "not running",
    Situation.RUNNING: "running",
    Situation.HUNG: "its process lives, but does not answer (`ccr restart` replaces it)",
    Situation.STALE: "not running (the last one ended without cleaning up)",
    Situation.FOREIGN: "not running (the last one ended without cleaning up; another program has its port now)",
}


class ProviderLine(msgspec.Struct, frozen=True):
    name: str
    dialect: str
    models: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What `ccr status --json` prints."""

    running: bool
    situation: Situation
    pid: int | None = None
    port: int | None = None
    endpoint: str = ""
    uptime_s: float | None = None
    version: str = ""
    started_by: str = ""
    log: str = ""
    state_file: str = ""
    config_file: str = ""
    config_hash: str = ""
    """Of the config in force in the running service; else of the file."""
    config_pending: bool = False
    """The file on disk is good, and is not (yet) the one in force."""
    config_error: str = ""
    """Why the file on disk is not in force."""
    config_gate: str = ""
    """What the reload gate does with the last edit, or has said about it when it did not refuse it."""
    config_warnings: tuple[str, ...] = ()
    providers: tuple[ProviderLine, ...] = ()
    routes: dict[str, str] = {}
    records_dropped: int = 0
    scores: service.HealthScores = service.HealthScores()
    """Of replies that were judged in the background, since the start."""
    readiness: Readiness | None = None
    """What `GET /health/ready` says; null when the router does not run."""


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show whether the router runs, where, and with which config.

    The exit code is 0 either way; `--json` has the answer in `running`.
    """
    home = Home()
    config: Config | None = None
    error = ""
    try:
        config = load(home.config, os.environ)
    except ConfigError as wrong:
        error = str(wrong)
    found = service.find(home, config.settings.api_key if config else "")
    status = describe(home, found, config, error, now=time.time())
    if found.running and found.state is not None:
        ready = service.readiness(found.state, config.settings.api_key if config else "")
        status = msgspec.structs.replace(status, readiness=ready)
    say(msgspec.json.encode(status).decode() if as_json else as_text(status))


def describe(home: Home, found: Service, config: Config | None, error: str, *, now: float) -> Status:
    """`config` and `error`: the file as it is on disk now."""
    status = Status(
        running=found.running,
        situation=found.situation,
        state_file=str(home.service),
        config_file=str(home.config),
        config_error=error,
    )
    if config is not None:
        status = msgspec.structs.replace(
            status,
            config_hash=config.hash,
            config_warnings=tuple(map(str, config.warnings)),
            providers=tuple(ProviderLine(p.name, p.dialect, len(p.models)) for p in config.providers.values()),
            routes={scenario: str(target) for scenario, target in config.table.scenarios.items()},
        )
    if found.state is not None:
        status = msgspec.structs.replace(status, pid=found.state.pid, port=found.state.port, log=found.state.log)
    if found.state is None or found.health is None:
        return status
    health = found.health
    return msgspec.structs.replace(
        status,
        endpoint=found.state.url,
        uptime_s=round(now - found.state.started_at, 1),
        version=health.version,
        started_by=found.state.started_by,
        config_hash=health.config.hash,
        config_pending=config is not None and config.hash != health.config.hash,
        config_error=error or health.config.error or "",
        config_gate=health.config.gate,
        records_dropped=health.records.dropped,
        scores=health.scores,
    )


def as_text(status: Status) -> str:
    lines = [f"Claude Code Router: {MEANING[status.situation]}"]
    if status.running:
        lines += [
            f"  endpoint   {status.endpoint}",
            f"  pid        {status.pid} (version {status.version}, up {_duration(status.uptime_s or 0)})",
        ]
        if status.started_by == "code":
            lines.append("  lifetime   until the last `ccr code` has left (`ccr start` makes it stay)")
        if status.log:
            lines.append(f"  log        {status.log}")
    elif status.pid is not None:
        lines.append(f"  last pid   {status.pid} (port {status.port})")
    lines.append(f"  config     {status.config_file} ({status.config_hash or 'unusable'})")
    if status.config_gate:
        lines.append(f"             the reload gate {status.config_gate}")
    elif status.config_pending and not status.config_error:
        lines.append("             the file differs from the config in force and is being picked up")
    if status.config_error:
        ignored = "is ignored, the config before it stays in force" if status.running else "is wrong"
        lines.append(f"             the file on disk {ignored}:")
        lines += [f"             {line}" for line in status.config_error.splitlines()]
    lines += [f"  warning    {warning}" for warning in status.config_warnings]
    lines += [f"  provider   {p.name} ({p.dialect}, {p.models} models)" for p in status.providers]
    lines += [f"  route      {scenario} -> {target}" for scenario, target in status.routes.items()]
    if not status.providers and not status.config_error:
        lines.append("  providers  none yet: requests are answered with advice")
    lines += _health_lines(status.readiness) if status.readiness else []
    if status.records_dropped:
        lines.append(f"  records    {status.records_dropped} dropped, the store could not keep up")
    if any(msgspec.structs.astuple(status.scores)):
        lines.append(f"  scores     {_scores(status.scores)}")
    return "\n".join(lines)


def _scores(tally: service.HealthScores) -> str:
    said = [f"{tally.scored} replies judged", f"{tally.paired} pairs"]
    said += [f"{tally.waiting} waiting"] if tally.waiting else []
    said += [f"{tally.unjudged} without an answer in time or budget"] if tally.unjudged else []
    said += [f"{tally.dropped} dropped, too many waited"] if tally.dropped else []
    return ", ".join(said)


def _health_lines(ready: Readiness) -> list[str]:
    lines = [] if ready.ready else [f"  not ready  {ready.because}"]
    for resting in ready.resting:
        if resting.state == "open":
            when = f"left alone for {_duration(resting.for_s)} more"
        else:
            when = "the next request tries it" if resting.state == "half_open" else "failed lately"
        lines.append(f"  health     {resting.what}: {when}, after {resting.because}")
    for limit in ready.limits:
        figures = (
            (limit.requests, limit.requests_per_min, "requests a minute"),
            (limit.tokens, limit.tokens_per_min, "tokens a minute"),
            (limit.running, limit.concurrency, "at once"),
        )
        used = ", ".join(f"{now} of {most} {unit}" for now, most, unit in figures if most is not None)
        lines.append(f"  limit      {limit.what}: {used}")
    lines += [f"  budget     {spent.what}{_WORRY.get(spent.level, '')}" for spent in ready.budgets]
    return lines


_WORRY = {"warn": " (nearly spent)", "stop": " (spent: requests are refused)"}


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    shown = [f"{value} {unit}" for value, unit in parts if value] or ["0 s"]
    return " ".join(shown[:2])
