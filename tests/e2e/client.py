"""The real Claude Code CLI as a process: headless runs, live stream-json sessions, and the interactive screen on a pty.

The program is (c) Anthropic and never part of this tree: `.ci/run` puts it into a cache outside (`CCR_E2E_CACHE`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import signal
import struct
import termios
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path
from typing import Any

from tests.e2e.waiting import until

Event = dict[str, Any]

CACHE = Path(os.environ.get("CCR_E2E_CACHE") or Path.home() / ".cache" / "ccr-e2e")
RUN_LIMIT_S = 60.0
"""A run that takes longer hangs; a healthy one takes 2-8 s here, and up to a minute beside a busy neighbour."""
SETTLED_S = 0.7
LINE_LIMIT_BYTES = 32 * 1024 * 1024
"""stream-json puts a whole tool result (an image) on one line."""

SILENT = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
}
"""Keeps the client from calling home; also switches auto mode off (2.1.330)."""
WALLED = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}
"""For runs that need telemetry on: everything that is not loopback ends at a dead port."""
LAUNCHER = {"CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1"}
"""What `ccr code` sets so that the client labels its requests."""


def claude_binary() -> Path | None:
    """The newest client in the cache, or the one that CCR_E2E_CLAUDE names."""
    named = os.environ.get("CCR_E2E_CLAUDE")
    if named:
        return Path(named)
    found = sorted(CACHE.glob("claude-code-*/node_modules/@anthropic-ai/claude-code-*/claude"), key=_version)
    return found[-1] if found else None


def _version(binary: Path) -> tuple[int, ...]:
    name = binary.relative_to(CACHE).parts[0].removeprefix("claude-code-")
    return tuple(int(part) for part in name.split(".") if part.isdigit())


@dataclass(frozen=True)
class Run:
    """What one headless run printed (`--output-format stream-json --verbose`)."""

    exit_code: int
    events: tuple[Event, ...]
    stderr: str

    @property
    def result(self) -> Event:
        found = [event for event in self.events if event.get("type") == "result"]
        assert found, f"the client printed no result (exit {self.exit_code}): {self.stderr[-2000:]}"
        return found[-1]

    @property
    def text(self) -> str:
        return str(self.result.get("result", ""))

    @property
    def retries(self) -> list[Event]:
        return self.system("api_retry")

    def system(self, subtype: str) -> list[Event]:
        return [e for e in self.events if e.get("type") == "system" and e.get("subtype") == subtype]

    def blocks(self, kind: str) -> list[Event]:
        """Content blocks of this type that the assistant said, in order."""
        return [
            block
            for event in self.events
            if event.get("type") == "assistant"
            for block in event["message"]["content"]
            if block.get("type") == kind
        ]


class Client:
    """Runs the binary with a clean environment in one home and one project folder."""

    def __init__(self, binary: Path, base_url: str, home: Path, project: Path) -> None:
        self.binary = binary
        self.base_url = base_url
        self.home = home
        self.project = project

    def environment(self, extra: Mapping[str, str], *, silent: bool = True) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": self.base_url,
            "ANTHROPIC_AUTH_TOKEN": "dummy",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "1",
            **(SILENT if silent else {}),
            **WALLED,
            **extra,
        }

    async def run(self, prompt: str, *arguments: str, env: Mapping[str, str] | None = None, silent: bool = True) -> Run:
        """One `claude -p` from start to end."""
        async with self.live(*arguments, prompt=prompt, env=env, silent=silent) as live:
            return await live.finish()

    @contextlib.asynccontextmanager
    async def live(
        self,
        *arguments: str,
        prompt: str | None = None,
        env: Mapping[str, str] | None = None,
        silent: bool = True,
    ) -> AsyncIterator[Live]:
        """A running `claude -p`; without a prompt it reads stream-json messages from its input."""
        command = [str(self.binary), "-p", "--output-format", "stream-json", "--verbose", *arguments]
        command += ["--input-format", "stream-json"] if prompt is None else ["--", prompt]
        errors = self.home / "client.stderr"
        with errors.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self.project,
                env=self.environment(env or {}, silent=silent),
                stdin=asyncio.subprocess.PIPE if prompt is None else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                limit=LINE_LIMIT_BYTES,
                start_new_session=True,
            )
        live = Live(process, errors)
        try:
            yield live
        finally:
            live.kill()
            await process.wait()

    @contextlib.asynccontextmanager
    async def screen(
        self, *arguments: str, env: Mapping[str, str] | None = None, silent: bool = True
    ) -> AsyncIterator[Screen]:
        """The interactive client on a terminal of its own."""
        trust = {"hasCompletedOnboarding": True, "projects": {str(self.project): {"hasTrustDialogAccepted": True}}}
        self.home.joinpath(".claude.json").write_text(json.dumps(trust))
        master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        process = await asyncio.create_subprocess_exec(
            str(self.binary),
            *arguments,
            cwd=self.project,
            env={**self.environment(env or {}, silent=silent), "TERM": "xterm-256color"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        screen = Screen(process, master)
        try:
            yield screen
        finally:
            screen.close()
            await process.wait()


class Live:
    def __init__(self, process: asyncio.subprocess.Process, errors: Path) -> None:
        self.process = process
        self.events: list[Event] = []
        assert process.stdout is not None
        self._stdout = process.stdout
        self._errors = errors

    async def next(self) -> Event | None:
        """The next event that it prints; None at the end of its output."""
        async with asyncio.timeout(RUN_LIMIT_S):
            line = await self._stdout.readline()
        if not line:
            return None
        event: Event = json.loads(line)
        self.events.append(event)
        return event

    async def until(self, wanted: Callable[[Event], bool]) -> Event:
        while (event := await self.next()) is not None:
            if wanted(event):
                return event
        raise AssertionError(f"the client ended before the expected event; last: {self.events[-3:]}")

    async def say(self, content: str | list[dict[str, Any]]) -> None:
        assert self.process.stdin is not None
        message = {"type": "user", "message": {"role": "user", "content": content}}
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        await self.process.stdin.drain()

    async def finish(self) -> Run:
        """Closes its input and reads it to the end."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        async with asyncio.timeout(RUN_LIMIT_S):
            while await self.next() is not None:
                pass
            exit_code = await self.process.wait()
        return Run(exit_code, tuple(self.events), self._errors.read_text(errors="replace"))

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Screen:
    """A terminal that is typed at and whose raw bytes are kept; what is asserted on is what the upstream saw."""

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self.process = process
        self._master = master
        self.output = bytearray()
        self._loop = asyncio.get_running_loop()
        os.set_blocking(master, False)
        self._loop.add_reader(master, self._read)

    def _read(self) -> None:
        try:
            self.output += os.read(self._master, 65536)
        except OSError:
            self._loop.remove_reader(self._master)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    async def shows(self, text: str) -> None:
        """Waits until these words have been drawn (escape sequences may stand between them: ask for one word)."""
        await self.until(lambda: text.encode() in self.output, f"the screen shows {text!r}")

    async def settles(self) -> None:
        """Waits until nothing has been drawn for a while: the client reads its keys only then."""
        drawn = -1
        while drawn != len(self.output):
            drawn = len(self.output)
            await asyncio.sleep(SETTLED_S)

    async def until(self, true: Callable[[], bool], what: str) -> None:
        try:
            await until(true, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; drawn: {bytes(self.output[-2000:])!r}") from None

    def close(self) -> None:
        self._loop.remove_reader(self._master)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        os.close(self._master)
