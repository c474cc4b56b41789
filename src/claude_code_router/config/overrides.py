"""A project's or a session's own `Router`: `<project>/config.json` and `<project>/<session>.json` beside the config.

`<project>` is the name of Claude Code's directory for it under `~/.claude/projects`, where a session is found as
`<session>.jsonl`. As in the npm tool the found `Router` replaces the whole global one, except `background`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import time
from pathlib import Path
from typing import Any

import msgspec

from claude_code_router.config import json5_file, schema
from claude_code_router.config.check import Checked, check_section, problem
from claude_code_router.config.home import Home
from claude_code_router.config.routes import routing_table
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import ConfigError
from claude_code_router.routing.overrides import overridden
from claude_code_router.routing.table import RoutingTable

log = logging.getLogger("ccr.config")

_FRESH_S = 2.0
"""How long an answer is used again. Short for "there is none" above all: Claude Code writes a session's file only after its
first request, and the npm tool, which remembers that for ever, never finds it."""
_SESSIONS_KEPT = 1000
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""It comes from a header and becomes a file name."""
_NOT_PROJECTS = frozenset({"logs", "cache", "leases", "plugins", "presets", "temp", ".huggingface"})


class _Found(msgspec.Struct):
    looked_at: float
    config_hash: str
    table: RoutingTable


class Overrides:
    """Answers from memory when it looked a moment ago; never touches the disk on the event loop."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._projects: tuple[str, ...] = ()
        self._projects_looked_at = float("-inf")
        self._found: dict[str, _Found] = {}
        self._complained: dict[Path, str] = {}

    async def table_for(self, session: str, config: Config) -> RoutingTable:
        """The session's table, else its project's, else the config's own; also when an override file is broken (which is
        logged once for each content). Without any project directory there is nothing to ask, and it costs nothing."""
        now = time.monotonic()
        if now - self._projects_looked_at > _FRESH_S:
            self._projects = await asyncio.to_thread(self._list_projects)
            self._projects_looked_at = now  # only now: who comes in between looks for himself
        if not self._projects or not _SESSION.fullmatch(session):
            return config.table
        found = self._found.get(session)
        if found is None or found.config_hash != config.hash or now - found.looked_at > _FRESH_S:
            table = await asyncio.to_thread(self._look, session, config)
            self._found.pop(session, None)  # to the end: the oldest answer is the first
            found = self._found[session] = _Found(now, config.hash, table)
            while len(self._found) > _SESSIONS_KEPT:
                del self._found[next(iter(self._found))]
        return found.table

    def look_now(self, session: str, config: Config) -> RoutingTable:
        """The same, by the disk as it is now. Blocks; for commands."""
        if self._projects_looked_at == float("-inf"):
            self._projects = self._list_projects()
            self._projects_looked_at = time.monotonic()
        if not self._projects or not _SESSION.fullmatch(session):
            return config.table
        return self._look(session, config)

    def _list_projects(self) -> tuple[str, ...]:
        try:
            return tuple(
                entry.name for entry in self._home.root.iterdir() if entry.name not in _NOT_PROJECTS and entry.is_dir()
            )
        except OSError:
            return ()

    def _look(self, session: str, config: Config) -> RoutingTable:
        for project in self._projects:
            if not (self._home.claude_projects / project / f"{session}.jsonl").exists():
                continue
            directory = self._home.root / project
            for path in (directory / f"{session}.json", directory / "config.json"):
                try:
                    table = override_table(path, config)
                except ConfigError as error:
                    self._complain(path, error)
                    return config.table
                if table is not None:
                    return table
            return config.table
        return config.table

    def _complain(self, path: Path, error: ConfigError) -> None:
        message = str(error)
        if self._complained.get(path) != message:
            self._complained[path] = message
            log.warning("the routing override %s is not in force, the global Router is:\n%s", path, message)


def override_table(path: Path, config: Config) -> RoutingTable | None:
    """The table of one override file; None when there is no such file, or no `Router` in it. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _one_problem(path, f"a file that cannot be read ({type(error).__name__})") from None
    document = json5_file.parse(text, str(path))
    if not isinstance(document.data, dict):
        raise _one_problem(path, "no object")
    router: Any = document.data.get("Router")
    if not router:
        return None
    checked = Checked()
    check_section(schema.RouterSection, router, ("Router",), checked)
    digest = hashlib.sha256((config.hash + json.dumps(router, sort_keys=True, default=str)).encode()).hexdigest()[:12]
    table, errors, _ = routing_table({"Router": router}, config.table.models, digest)
    if problems := [*checked.errors, *errors]:
        lines = (msgspec.structs.replace(one, line=document.line_of(one.path)) for one in problems)
        raise ConfigError(str(path), tuple(lines))
    return overridden(config.table, table, [key for key, value in router.items() if value is not None and value != ""])


def _one_problem(path: Path, found: str) -> ConfigError:
    return ConfigError(str(path), [problem((), found, "a JSON object with a Router")])
