"""One play: a scripted upstream, our router in a process of its own before it, and the means to look at all three sides.

`direct` leaves the router out (a check of the scenario itself); `relay` puts it before an Anthropic-dialect provider,
`translate` before an OpenAI-chat one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.e2e.chat_rules import complaints
from tests.e2e.client import Client
from tests.e2e.sight import Sight
from tests.e2e.waiting import until_found

from claude_code_router.scripted.script import Script
from claude_code_router.scripted.upstream import Seen, Upstream

Mode = Literal["direct", "relay", "translate"]
Answer = Callable[[Seen], Script]

PATHS: Mapping[Mode, str] = {"relay": "/v1/messages", "translate": "/v1/chat/completions"}
CALM: Mapping[str, str] = {"default": "up,main-model"}
"""Everything to one model: for the scenarios that are not about routing."""


@dataclass
class Stage:
    mode: Mode
    up: Upstream
    url: str
    home: Path
    project: Path
    client: Client
    routed: bool
    record_ids: set[str] = field(default_factory=set)

    @property
    def sights(self) -> list[Sight]:
        """Inference requests in order of arrival."""
        return [Sight(seen) for seen in self.up.seen if seen.path.endswith(("/messages", "/chat/completions"))]

    @property
    def last(self) -> Sight:
        return self.sights[-1]

    async def records(self, count: int = 1) -> list[dict[str, Any]]:
        """At least so many rows of our own records, oldest first; they are written in groups a moment after the reply."""

        async def look() -> list[dict[str, Any]] | None:
            rows = await asyncio.to_thread(rows_of, self.home)
            return rows if len(rows) >= count else None

        return await until_found(look, f"there are {count} records")


def rows_of(home: Path) -> list[dict[str, Any]]:
    """What the router of this home has on record so far, oldest first."""
    database = home / ".claude-code-router" / "records.sqlite"
    if not database.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in db.execute("select * from requests order by at, id")]
        except sqlite3.OperationalError:
            return []  # the writer has not made the table yet


def config(
    upstream: str,
    mode: Mode,
    router: Mapping[str, Any],
    *,
    models: Sequence[str] = (),
    other: Mode | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """A classic config file with one provider named `up`, and one named `other` in that mode when it is asked for."""
    named = [str(target).partition(",")[2] for target in router.values() if "," in str(target)]
    providers = [_provider("up", upstream, mode, sorted({*named, *models}))]
    if other is not None:
        providers.append(_provider("other", upstream, other, ["other-model"]))
    return {"LOG": False, "Providers": providers, "Router": dict(router), **settings}


def _provider(name: str, upstream: str, mode: Mode, models: list[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": name,
        "api_base_url": upstream + PATHS[mode],
        "api_key": "sk-upstream",
        "models": models,
    }
    return {**entry, "transformer": {"use": ["Anthropic"]}} if mode == "relay" else entry


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def router(home: Path, content: Mapping[str, Any], *, env: Mapping[str, str] | None = None) -> AsyncIterator[str]:
    """Our router from the command line, as a person starts it; gives its URL."""
    port = free_port()
    root = home / ".claude-code-router"
    root.mkdir(parents=True, exist_ok=True)
    (root / "config.json").write_text(json.dumps({"PORT": port, **content}, indent=2))
    log = home / "router.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).parent / "ccr"),
            "start",
            env={"PATH": os.environ["PATH"], "HOME": str(home), **(env or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await _ready(url, process, log)
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise AssertionError(f"the router did not end on SIGTERM: {_tail(log)}") from None


async def _ready(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    async def look() -> bool:
        return process.returncode is not None or await asyncio.to_thread(healthy, url)

    await until_found(look, "the router is healthy")
    if process.returncode is not None:
        raise AssertionError(f"the router ended with {process.returncode}: {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


@contextlib.asynccontextmanager
async def play(
    mode: Mode,
    binary: Path,
    folder: Path,
    answer: Answer,
    *,
    routes: Mapping[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Stage]:
    """The whole stage for one scenario, its folders under `folder`."""
    home, project = folder / "home", folder / "project"
    home.mkdir()
    project.mkdir()
    async with Upstream(answer) as up:
        if mode == "direct":
            yield Stage(mode, up, up.url, home, project, Client(binary, up.url, home, project), routed=False)
            return
        content = config(up.url, mode, routes or CALM, **settings)
        async with router(home, content) as url:
            yield Stage(mode, up, url, home, project, Client(binary, url, home, project), routed=True)
        for seen in up.seen:
            if seen.dialect == "openai_chat":
                assert complaints(seen.body) == [], f"the translated request is not valid: {seen.body[:3000]!r}"
