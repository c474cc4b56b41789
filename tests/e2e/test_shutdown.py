"""Stopping and restarting with streams under way, with real processes: none is dropped, and what must be cut says so."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httptools
import pytest
from tests.e2e.bodies import hello
from tests.e2e.faults import events_of
from tests.e2e.stage import Mode, config, free_port, healthy, rows_of
from tests.e2e.waiting import until, until_found
from tests.e2e.wire import Answer, request_bytes

from claude_code_router.scripted.script import Say, Script, Wait
from claude_code_router.scripted.upstream import Upstream

pytestmark = pytest.mark.timeout(120)
MODES: tuple[Mode, ...] = ("relay", "translate")
CCR = str(Path(sys.executable).parent / "ccr")


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home)}


@contextlib.asynccontextmanager
async def started(home: Path, content: Mapping[str, object]) -> AsyncIterator[asyncio.subprocess.Process]:
    """`ccr start` in a process of its own, answering."""
    write_config(home, content)
    process = await asyncio.create_subprocess_exec(
        CCR, "start", env=environment(home), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await answering(f"http://127.0.0.1:{content['PORT']}")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def write_config(home: Path, content: Mapping[str, object]) -> None:
    root = home / ".claude-code-router"
    root.mkdir(parents=True)
    (root / "config.json").write_text(json.dumps(content))


async def answering(url: str) -> None:
    async def look() -> bool:
        return await asyncio.to_thread(healthy, url)

    await until_found(look, "the router answers")


async def ccr(home: Path, *arguments: str) -> int:
    process = await asyncio.create_subprocess_exec(
        CCR, *arguments, env=environment(home),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return await process.wait()


class Streaming:
    """A stream under way: its first words are here, the rest waits for the gate."""

    def __init__(self, url: str) -> None:
        self.answer = Answer()
        self._url = url

    async def begin(self) -> None:
        place = urlsplit(self._url)
        self._reader, self._writer = await asyncio.open_connection(place.hostname, place.port)
        self._writer.write(request_bytes(self._url, "/v1/messages", json.dumps(hello(stream=True)).encode()))
        self._parser = httptools.HttpResponseParser(self.answer)
        while b"one" not in self.answer.body:
            self._parser.feed_data(await self._reader.read(65536))

    async def finish(self) -> Answer:
        while not self.answer.complete and (data := await self._reader.read(65536)):
            self._parser.feed_data(data)
        self._writer.close()
        return self.answer


@pytest.fixture
def gate() -> asyncio.Event:
    return asyncio.Event()


def script(gate: asyncio.Event) -> Script:
    return Script((Say("one ", 1), Wait(gate), Say("two", 1)))


def settings(up: Upstream, mode: Mode) -> dict[str, object]:
    return {**config(up.url, mode, {"default": "up,m"}), "PORT": free_port()}


@pytest.mark.parametrize("mode", MODES)
async def test_sigterm_drains(tmp_path: Path, mode: Mode, gate: asyncio.Event) -> None:
    """A stream that is under way when SIGTERM comes arrives whole; then the process ends with 0."""
    async with Upstream(script(gate)) as up:
        content = settings(up, mode)
        async with started(tmp_path, content) as process:
            stream = Streaming(f"http://127.0.0.1:{content['PORT']}")
            await stream.begin()
            process.send_signal(signal.SIGTERM)
            await until(lambda: not healthy(f"http://127.0.0.1:{content['PORT']}"), "nobody new is let in")
            gate.set()
            answer = await stream.finish()
            assert b"two" in answer.body
            assert events_of(answer.body)[-1][0] == "message_stop"
            assert await process.wait() == 0
    assert [row["outcome"] for row in rows_of(tmp_path)] == ["delivered"]


@pytest.mark.parametrize("mode", MODES)
async def test_a_forced_stop_says_so(tmp_path: Path, mode: Mode, gate: asyncio.Event) -> None:
    """A second SIGTERM cuts what is still open: with an error event on which the client resumes, and on record."""
    async with Upstream(script(gate)) as up:
        content = settings(up, mode)
        async with started(tmp_path, content) as process:
            stream = Streaming(f"http://127.0.0.1:{content['PORT']}")
            await stream.begin()
            process.send_signal(signal.SIGTERM)
            await until(lambda: not healthy(f"http://127.0.0.1:{content['PORT']}"), "nobody new is let in")
            process.send_signal(signal.SIGTERM)
            answer = await stream.finish()
            await process.wait()
    name, event = events_of(answer.body)[-1]
    assert name == "error"
    assert event["error"]["type"] == "overloaded_error"
    assert [row["outcome"] for row in rows_of(tmp_path)] == ["broken_off"]


async def test_restart_drops_no_stream(tmp_path: Path, gate: asyncio.Event) -> None:
    """`ccr restart` waits for the stream under way; then the new process answers on the same port."""
    async with Upstream(script(gate)) as up:
        content = settings(up, "relay")
        write_config(tmp_path, content)
        assert await ccr(tmp_path, "start", "-d") == 0
        try:
            url = f"http://127.0.0.1:{content['PORT']}"
            stream = Streaming(url)
            await stream.begin()
            async with asyncio.TaskGroup() as group:
                restarting = group.create_task(ccr(tmp_path, "restart"))
                await until(lambda: not healthy(url), "nobody new is let in")
                gate.set()
                answer = await stream.finish()
            assert events_of(answer.body)[-1][0] == "message_stop"
            assert restarting.result() == 0
            after = Streaming(url)
            await after.begin()
            assert b"two" in (await after.finish()).body
        finally:
            await ccr(tmp_path, "stop")
