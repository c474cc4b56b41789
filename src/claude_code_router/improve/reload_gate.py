"""The gate before a reload: an edit is replayed over recent records by a process of its own, and taken in or not.

The process is `ccr replay` with the gate's conditions, at low priority: the requests' own process neither reads a record nor
waits for one. It is ended when its time is over, and when a newer edit makes its answer worthless.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from claude_code_router.config.home import Home
from claude_code_router.config.secrets import secrets_of
from claude_code_router.config.settings import Config
from claude_code_router.config.watch import Edits
from claude_code_router.improve.fail_on import Finding
from claude_code_router.improve.reload_ruling import GatedLane, Looked, Ruling, decide_alike, lanes, rule

log = logging.getLogger("ccr")

REPLAY = (sys.executable, "-P", "-m", "claude_code_router.cli", "replay")
_NICE = 10
_TOLD = (0, 3, 4)
"""Exit codes of `ccr replay` that come with an answer: no condition is true, one is, one cannot be told."""
_ANOTHER_S = 3.0
"""In which the watch sees an edit that the replay has read already."""
_EXCERPT = 300
_LOOK_EVERY_S = 0.1
_Ended = tuple[int, bytes, bytes]
"""Exit code, output, errors."""


class Overtaken(Exception):
    """A newer edit has come: nobody needs to know any more."""


class _Answer(msgspec.Struct, frozen=True):
    """Of `ccr replay --format json`."""

    config_hash: str
    records: int
    told: int
    conditions: tuple[Finding, ...]


class ReloadGate:
    def __init__(self, home: Home, env: Mapping[str, str], edits: Edits, replay: Sequence[str] = REPLAY) -> None:
        self._home = home
        self._env = env
        self._edits = edits
        self._replay = replay

    def waits_for(self, now: Config, edited: Config) -> tuple[GatedLane, ...]:
        """Those that must look at the edit first; empty: it may be taken in at once."""
        found = lanes(now, edited)
        if found and decide_alike(now, edited):
            log.info("the reload gate lets config %s in unread: no decision of the past would be another", edited.hash)
            return ()
        return found

    async def ruling(self, waiting: Sequence[GatedLane], edited: Config) -> Ruling:
        """Raises Overtaken when a newer edit comes first."""
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(self._look_at_all(waiting, edited))
            newer = group.create_task(self._edits.newer())
            await asyncio.wait((looking, newer), return_when=asyncio.FIRST_COMPLETED)
            looking.cancel()
            newer.cancel()
        if not newer.cancelled():
            raise Overtaken
        return looking.result()

    async def _look_at_all(self, waiting: Sequence[GatedLane], edited: Config) -> Ruling:
        return rule([await self._look(lane, edited) for lane in waiting])

    async def _look(self, lane: GatedLane, edited: Config) -> Looked:
        try:
            async with asyncio.timeout(lane.settings.timeout_s):
                code, out, err = await self._run(lane)
        except TimeoutError:
            return Looked(lane=lane, trouble=f"the replay took longer than {lane.settings.timeout_s:g} s")
        except OSError as error:
            return Looked(lane=lane, trouble=f"the replay could not be started: {error.strerror or error}")
        if code not in _TOLD:
            said = err.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            last = secrets_of(edited).struck_text(said[-1])[:_EXCERPT]
            return Looked(lane=lane, trouble=f"the replay failed (exit code {code}): {last}")
        try:
            answer = msgspec.json.decode(out, type=_Answer)
        except msgspec.MsgspecError as error:
            return Looked(lane=lane, trouble=f"the replay's answer cannot be read: {error}")
        if answer.config_hash != edited.hash:
            await asyncio.sleep(_ANOTHER_S)  # as a rule the watch ends this with the newer edit
            return Looked(lane=lane, trouble="the replay has read another state of the file")
        return _looked(lane, answer)

    async def _run(self, lane: GatedLane) -> _Ended:
        """The process does not outlive this."""
        command = [*self._replay, "--config", str(self._home.config), "--format", "json", *lane.arguments]
        env = {"HOME": str(self._home.root.parent), **self._env}
        stop = threading.Event()
        ended = asyncio.get_running_loop().run_in_executor(None, _run_here, command, env, self._home.root, stop)
        try:
            return await asyncio.shield(ended)
        finally:
            stop.set()
            await asyncio.wait([ended])


def _run_here(command: Sequence[str], env: Mapping[str, str], directory: Path, stop: threading.Event) -> _Ended:
    """Blocks: for a thread beside the loop, which would stand still while a process is forked off it (uvloop does not vfork:
    70 ms with 400 MB of memory)."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd=directory,
        start_new_session=True,  # a group of its own: Ctrl-C is for the router, which ends this one with its helpers
    ) as process:
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        out, err = _said(process, stop)
        return process.returncode, out, err


def _said(process: subprocess.Popen[bytes], stop: threading.Event) -> tuple[bytes, bytes]:
    """Until its end, which comes soon after `stop`."""
    while True:
        try:
            return process.communicate(timeout=_LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            if stop.is_set():
                _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With its helpers, which hold its output open: it would be waited for as long as they live."""
    if sys.platform == "win32":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: of a group that has ended already
        os.killpg(process.pid, signal.SIGKILL)


def _looked(lane: GatedLane, answer: _Answer) -> Looked:
    asked = {finding.condition for finding in answer.conditions}
    gone = [Finding(one.text, "not known", None) for one in lane.settings.conditions if one.text not in asked]
    least = lane.settings.minimum
    looked = Looked(lane=lane, requests=answer.records, told=answer.told)
    if answer.told < least:
        return msgspec.structs.replace(looked, trouble=f"it takes at least {least} whose decisions the records tell")
    failed = any(finding.verdict == "failed" for finding in answer.conditions)
    blind = answer.told * 2 < answer.records and not failed
    return msgspec.structs.replace(
        looked,
        findings=(*answer.conditions, *gone),
        trouble="the records do not tell how most of them would be decided" if blind else "",
    )
