"""The owner's custom router: asked within a time limit, left alone when it keeps failing, loaded anew when its file changes.

Whatever it does, the request goes on: what it could not say is told to the rules as a note, and they decide without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from claude_code_router.plugins.breaker import Breaker
from claude_code_router.plugins.node_child import start_node
from claude_code_router.plugins.python_script import start_python
from claude_code_router.plugins.question import Answer, Question, Script, ScriptFailed
from claude_code_router.plugins.script_log import ScriptLog
from claude_code_router.plugins.settings import PYTHON, CustomRouterSettings

log = logging.getLogger("ccr.custom")

_LOOK_S = 0.5
_TRY_AGAIN_S = 5.0
_Stamp = tuple[int, ...]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """How asking ended."""

    target: str = ""
    note: str = ""
    """Why there is no answer, when something went wrong; half a sentence."""
    body: bytes | None = None
    """The edited body; None: unchanged."""
    took_ms: float = 0.0


class CustomRouter:
    """One per process; does nothing, and costs nothing, while none is configured."""

    def __init__(
        self, clock: Callable[[], float], env: Mapping[str, str], settings: CustomRouterSettings | None = None
    ) -> None:
        self._clock = clock
        self._env = env
        self._log = ScriptLog(clock)
        self._settings = settings
        self._script: Script | None = None
        self._loaded_path = ""
        self._stamp: _Stamp = ()
        self._problem = ""
        """Why there is no script."""
        self._tried_at = 0.0
        self._retired: list[Script] = []
        self._breaker = Breaker()
        self._wake = asyncio.Event()
        self._looked = asyncio.Event()
        """Set when the file in force was tried, with a script or a problem as the outcome."""

    @property
    def problem(self) -> str:
        """Why it is not asked; empty when it is, or when none is configured."""
        return self._problem if self._settings else ""

    def use(self, settings: CustomRouterSettings | None) -> None:
        """From now on this one."""
        was, self._settings = self._settings, settings
        if (was and was.path) != (settings and settings.path):
            self._looked.clear()
            self._wake.set()

    async def run(self) -> None:
        """Loads it, and loads it again when its file has changed or it has ended; until cancelled."""
        try:
            while True:
                await self._something_to_do()
                await self._look()
        finally:
            for script in (*self._retired, *([self._script] if self._script else [])):
                await script.close()
            self._script = None

    async def ask(self, question: Question, settings: CustomRouterSettings) -> Said:
        """Never raises for what the script does, and takes `settings.limit_s` at most."""
        began = self._clock()
        waits_s = self._breaker.opens_in_s(began)
        if waits_s:
            return Said(note=f"the custom router has failed repeatedly and is left alone for {waits_s:.0f} s")
        try:
            async with asyncio.timeout(settings.limit_s):
                answer = await self._answer(question)
        except TimeoutError:
            return self._failed(began, f"did not answer within {settings.limit_s * 1000:,.0f} ms")
        except ScriptFailed as failed:
            return self._failed(began, f"failed: {failed}")
        except asyncio.CancelledError:
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()
        return Said(target=answer.target, body=answer.body, took_ms=(self._clock() - began) * 1000)

    async def _answer(self, question: Question) -> Answer:
        script = await self._ready()
        try:
            return await script.ask(question)
        except ScriptFailed:
            if script.alive:
                raise
        # It has ended under another request maybe: that one's fault must not be this one's.
        return await (await self._ready()).ask(question)

    async def _ready(self) -> Script:
        if self._script is not None and self._script.alive:
            return self._script
        if self._looked.is_set() and (self._script is not None or self._clock() - self._tried_at > _TRY_AGAIN_S):
            self._looked.clear()
        self._wake.set()
        await self._looked.wait()
        if self._script is None or not self._script.alive:
            raise ScriptFailed(self._problem)
        return self._script

    def _failed(self, began: float, what: str) -> Said:
        now = self._clock()
        note = f"the custom router {what}"
        log.warning("%s: %s", self._loaded_path or "custom router", note)
        if self._breaker.failed(now):
            log.error("the custom router fails repeatedly and is left alone for a while; the rules decide")
        return Said(note=note, took_ms=(now - began) * 1000)

    async def _something_to_do(self) -> None:
        """Without a custom router nothing wakes us; with one its file is looked at twice a second."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S if self._settings else None):
                await self._wake.wait()
        self._wake.clear()

    async def _look(self) -> None:
        path = self._settings.path if self._settings else ""
        if path != self._loaded_path:
            self._replace(None)
            self._loaded_path, self._stamp, self._problem = path, (), ""
        if path:
            stamp = await asyncio.to_thread(_stamp_of, path)
            ended = self._script is not None and not self._script.alive
            if stamp != self._stamp or ended or not self._looked.is_set():
                await self._load(path, stamp)
        self._looked.set()

    async def _load(self, path: str, stamp: _Stamp) -> None:
        """A file that does not load leaves the one before it in force."""
        changed = stamp != self._stamp
        self._stamp, self._tried_at = stamp, self._clock()
        try:
            if not stamp:
                raise ScriptFailed("the file is not there")
            fresh: Script = await self._start(path)
        except ScriptFailed as failed:
            kept = self._script is not None and self._script.alive
            self._problem = "" if kept else str(failed)
            if changed or not kept:
                rest = "the one before stays in force" if kept else "requests are routed without it"
                log.error("custom router %s: %s; %s", path, failed, rest)
            if not kept:
                self._replace(None)
            return
        self._problem = ""
        self._replace(fresh)
        if changed:
            self._breaker.reset()
            log.info("custom router %s is in force", path)

    async def _start(self, path: str) -> Script:
        start: Awaitable[Script] = (
            start_python(path) if path.endswith(PYTHON) else start_node(path, self._log, self._env)
        )
        return await start

    def _replace(self, fresh: Script | None) -> None:
        old, self._script = self._script, fresh
        self._retired = [script for script in self._retired if script.alive]
        if old is not None and old.alive:
            old.retire(2 * self._settings.limit_s if self._settings else 0.0)
            self._retired.append(old)


def _stamp_of(path: str) -> _Stamp:
    """Empty when there is no such file."""
    try:
        found = Path(path).stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
