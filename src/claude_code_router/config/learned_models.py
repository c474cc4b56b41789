"""The model files that the config names, in memory, and read again when they change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from claude_code_router.config.learned_file import read
from claude_code_router.config.settings import Config
from claude_code_router.config.stamp import Stamp, stamp_of
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.learned_score import LearnedScore
from claude_code_router.core.signals import Signals
from claude_code_router.routing.learned import LearnedSettings, Spoke, spoke_most
from claude_code_router.routing.learned_turns import LearnedTurns, Loaded
from claude_code_router.routing.table import RoutingTable

log = logging.getLogger("ccr.learned")

_EVERY_S = 2.0


class LearnedModels:
    """A file that cannot be read is named in the log, and what it held before stays in force."""

    def __init__(self, usual: Path) -> None:
        """`usual`: the file when the config names none."""
        self._usual = usual
        self._loaded: dict[Path, Loaded] = {}
        self._stamps: dict[Path, Stamp] = {}
        self._turns = LearnedTurns()

    def score(self, signals: Signals, table: RoutingTable) -> LearnedScore | None:
        """From memory only."""
        settings = table.learned
        if settings is None:
            return None
        return self._turns.of(signals, settings, table.tiers, self._loaded.get(self.path(settings)))

    def path(self, settings: LearnedSettings) -> Path:
        return Path(settings.file).expanduser() if settings.file else self._usual

    def spoke_most(self, signals: Signals, settings: LearnedSettings) -> tuple[Spoke, ...]:
        """Empty where no words were learnt, or nothing was scored."""
        loaded = self._loaded.get(self.path(settings))
        if signals.learned is None or loaded is None or loaded.model.words is None or loaded.model.method != "words":
            return ()
        return spoke_most(signals.last_user_text, loaded.model.words)

    async def run(self, config: Callable[[], Config]) -> None:
        """Looks every two seconds at the files that the config in force names. Until cancelled."""
        while True:
            if wanted := named(config()):
                await asyncio.to_thread(self.look, wanted)
            await asyncio.sleep(_EVERY_S)

    def look(self, wanted: Iterable[LearnedSettings]) -> None:
        for path in {self.path(settings) for settings in wanted}:
            stamp = stamp_of(path)
            if self._stamps.get(path) == stamp:
                continue
            self._stamps[path] = stamp
            try:
                file = read(path)
            except BadRequest as error:
                kept = "What it held before stays in force" if path in self._loaded else "The rule `learned` passes"
                log.warning("%s %s.", error, kept)
                continue
            self._loaded[path] = Loaded(file.model, file.epoch)
            log.info("%s of %s is in force (%s)", path, file.made_at, file.model.method)


def named(config: Config) -> list[LearnedSettings]:
    """Of all lanes."""
    lanes = (config, *(lane.config for lane in config.namespaces.values()))
    return [lane.table.learned for lane in lanes if lane.table.learned is not None]
