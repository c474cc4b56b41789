"""What the chaos run and the soak share: the watched router in its own process, its samples, its records, and one client's look
at an answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from proxies import free_port

READY_S = 30.0


@dataclass
class Router:
    url: str
    root: Path
    samples: list[dict[str, float]] = field(default_factory=list)
    """One a second."""

    @property
    def now(self) -> dict[str, float]:
        return self.samples[-1]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.root / 'records.sqlite'}?mode=ro", uri=True)) as db:
            return list(db.execute(sql))

    async def settled(self, requests: int) -> bool:
        """Whether the records have come to so many."""
        for _ in range(100):
            if self.rows("select count(*) from requests")[0][0] == requests:
                return True
            await asyncio.sleep(0.1)
        return False


@contextlib.asynccontextmanager
async def watched(root: Path, config: Mapping[str, Any]) -> AsyncIterator[Router]:
    _prepare(root, config)
    port = free_port()
    with (root / "router.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("watched_router.py")), str(root), str(port),
            stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
    router = Router(f"http://127.0.0.1:{port}", root)
    assert process.stdout is not None

    async def listen(lines: asyncio.StreamReader) -> None:
        async for line in lines:
            router.samples.append(json.loads(line))

    async with asyncio.TaskGroup() as group:
        listening = group.create_task(listen(process.stdout))
        try:
            await _ready(router, process)
            yield router
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            listening.cancel()


def _prepare(root: Path, config: Mapping[str, Any]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "config.json").write_text(json.dumps(config))


async def _ready(router: Router, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(READY_S), aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{router.url}/health") as reply:
                    if reply.status == 200:
                        return
            if process.returncode is not None:
                raise SystemExit((router.root / "router.log").read_text()[-2000:])
            await asyncio.sleep(0.1)


class Malformed(Exception):
    """Neither a whole answer nor a well-formed error."""


def read_answer(status: int, body: bytes, *, stream: bool) -> tuple[str, str]:
    """(`whole`, `error` or `broken`, the text that came). Raises Malformed for everything else."""
    if status != 200:
        envelope = json.loads(body)
        if envelope.get("type") != "error" or not envelope["error"]["message"]:
            raise Malformed(f"{status} without an error envelope: {body[:200]!r}")
        return "error", ""
    if not stream:
        message = json.loads(body)
        if message.get("type") != "message":
            raise Malformed(f"no message: {body[:200]!r}")
        return "whole", "".join(block.get("text", "") for block in message["content"])
    names: list[str] = []
    text: list[str] = []
    for frame in body.decode().replace("\r\n", "\n").split("\n\n"):
        lines = [line for line in frame.split("\n") if line]
        if lines:
            name, data = lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data:"))
            text.append(data["delta"].get("text", "") if name == "content_block_delta" else "")
            names.append(name)
    names = [name for name in names if name != "ping"]
    if names.count("message_start") > 1:
        raise Malformed("two beginnings in one stream")
    if names and names[-1] == "message_stop" and "error" not in names:
        return "whole", "".join(text)
    if names and names[-1] == "error" and names.count("error") == 1 and "message_stop" not in names:
        return "broken", "".join(text)
    raise Malformed(f"a stream that ends with {names[-3:]}")
