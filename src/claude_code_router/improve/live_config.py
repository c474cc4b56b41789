"""The config in force, and how an edit takes its place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from claude_code_router.config.load import load
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import ConfigError
from claude_code_router.improve.reload_gate import Overtaken, ReloadGate

log = logging.getLogger("ccr")


class LiveConfig:
    """The config in force: swapped whole, or not at all. A `server.services.Snapshot`."""

    def __init__(self, path: Path, env: Mapping[str, str], first: Config, gate: ReloadGate) -> None:
        self._path = path
        self._env = env
        self._gate = gate
        self.current = first
        self.error: str | None = None
        self.gate = ""

    async def reload(self) -> None:
        """Returns when the edit is in force or refused, or when there is a newer one."""
        self.gate = ""
        try:
            fresh = await asyncio.to_thread(load, self._path, self._env)
            self.error = None
            if fresh.hash != self.current.hash and await self._let_in(fresh):
                self._take_in(fresh)
        except ConfigError as error:
            self._refuse(str(error))
        except Exception as bug:  # the outermost ring of an edit: the watch must live to see the next one
            self.error = f"The router has a bug in reading this file ({type(bug).__name__}); its log says more."
            self.gate = ""
            log.exception("the edited config is not in force, the old one stays")

    async def _let_in(self, fresh: Config) -> bool:
        """Whether the gates of the config in force have nothing against it."""
        waiting = self._gate.waits_for(self.current, fresh)
        if not waiting:
            return True
        self.gate = "replays the last edit over the records; until it is through, the config before it stays in force"
        log.info("the reload gate replays config %s over the records", fresh.hash)
        try:
            ruling = await self._gate.ruling(waiting, fresh)
        except Overtaken:
            log.info("the reload gate has left config %s for a newer edit", fresh.hash)
            return False
        self.gate = ruling.said if ruling.accepted else ""
        if not ruling.accepted:
            self._refuse(ruling.said)
        elif ruling.judged:
            log.info("the reload gate %s", ruling.said)
        else:
            log.error("the reload gate %s", ruling.said)
        return ruling.accepted

    def _refuse(self, because: str) -> None:
        self.error = because
        log.error("the edited config is not in force, the old one stays:\n%s", because)

    def _take_in(self, fresh: Config) -> None:
        was, self.current = self.current, fresh
        log.info("config %s is in force (was %s)", fresh.hash, was.hash)
        for problem in fresh.warnings:
            log.warning("%s", problem)
        if (fresh.settings.host, fresh.settings.port) != (was.settings.host, was.settings.port):
            log.warning("HOST and PORT change with the next `ccr restart`")
