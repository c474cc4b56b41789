"""The demo's small world: simulated models, a router before them, a temporary home, and nothing that outlives it."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import msgspec

from claude_code_router.assemble import bound_socket, run_router
from claude_code_router.cli.demo_requests import DemoRequest, typical_requests
from claude_code_router.config.home import Home
from claude_code_router.core.errors import RouterError
from claude_code_router.core.record import Outcome, Record
from claude_code_router.delivery.transport import AiohttpTransport, Timeouts, UpstreamRequest
from claude_code_router.scripted.simulated import HEAVY, MODELS, Simulated
from claude_code_router.scripted.upstream import Upstream
from claude_code_router.store import queries
from claude_code_router.store.db import Database

_RECORD_WITHIN_S = 5.0
_HEAVY_AT_ONCE = 3  # more would wait for each other and make the comparison look better than it is
_TIMEOUTS = Timeouts(first_byte_s=60.0, idle_s=60.0)
_HEADERS = (
    ("content-type", "application/json"),
    ("anthropic-version", "2023-06-01"),
    ("user-agent", "claude-cli/2.1.330 (external, cli)"),
)


class DemoFailed(RouterError):
    """The demo could not show what it should."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it went, and as it would have gone with everything on the heavy model."""

    title: str
    rule: str
    target: str
    """Who answered in the end."""
    why: str
    delivered: bool
    attempts: int
    first_token_ms: float
    total_ms: float
    cost_usd: float
    heavy_total_ms: float
    heavy_cost_usd: float


async def run_demo(speed: float, show: Callable[[Shown], None]) -> list[Shown]:
    """Sends the typical requests one after the other; `show` is called after each."""
    with tempfile.TemporaryDirectory(prefix="ccr-demo-") as folder:
        home = Home(Path(folder) / ".claude-code-router")
        try:
            async with Upstream(Simulated(speed), models=tuple(MODELS)) as models, _router(home, models.url) as url:
                return await _send_all(home, url, models.url, show)
        except ExceptionGroup as group:
            raise _first(group) from group


def _first(error: Exception) -> Exception:
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


async def _send_all(home: Home, url: str, models_url: str, show: Callable[[Shown], None]) -> list[Shown]:
    shown: list[Shown] = []
    few = asyncio.Semaphore(_HEAVY_AT_ONCE)
    with closing(Database(f"sqlite:///{home.records}")) as database:
        async with _client() as client, asyncio.TaskGroup() as group:
            pairs = [
                (request, group.create_task(_on_heavy(client, models_url, request, few)))
                for request in typical_requests()
            ]
            for request, all_heavy in pairs:
                id = await _through_router(client, url, request)
                record = await _record(database, id)
                shown.append(_shown(request, record, *await all_heavy))
                show(shown[-1])
    return shown


@asynccontextmanager
async def _client() -> AsyncIterator[AiohttpTransport]:
    client = AiohttpTransport()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def _router(home: Home, models_url: str) -> AsyncIterator[str]:
    """A router on a free port of this machine, in this process, with the demo's own config. Gives its URL."""
    home.root.mkdir(parents=True)
    home.config.write_text(json.dumps(_config(models_url)))
    logging.getLogger("ccr").setLevel(logging.CRITICAL)  # the faults are part of the show
    stops: list[Callable[[], None]] = []
    done = False

    async def serve() -> None:
        await run_router(home, sock, secrets.token_hex(8), env={}, on_stop=stops.append)
        if not done:  # Ctrl-C reaches the server first
            raise DemoFailed("the demo was interrupted.")

    with bound_socket("127.0.0.1", 0) as sock:
        async with asyncio.TaskGroup() as group:
            group.create_task(serve())
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
            done = True
            for stop in stops:
                stop()


def _config(models_url: str) -> dict[str, Any]:
    names = list(MODELS)
    chat = f"{models_url}/v1/chat/completions"
    return {
        "Providers": [
            {
                "name": "scripted",
                "api_base_url": f"{models_url}/v1/messages",
                "api_key": "demo",
                "models": names,
                "transformer": {"use": ["Anthropic"]},
            },
            {"name": "scripted-chat", "api_base_url": chat, "api_key": "demo", "models": names},
        ],
        "Router": {
            "default": "scripted,scripted-mid",
            "background": "scripted-chat,scripted-light",
            "think": "scripted,scripted-heavy",
            "longContext": "scripted-chat,scripted-mid",
            "webSearch": "scripted,scripted-mid",
            "image": "scripted-chat,scripted-mid",
            "compaction": "scripted,scripted-mid",
        },
        "fallback": {"think": ["scripted-chat,scripted-mid"]},
    }


async def _through_router(client: AiohttpTransport, url: str, request: DemoRequest) -> str:
    """The request's id in the router's records."""
    headers, _ = await _post(client, url, request.encoded(), (*request.headers.items(),))
    id = headers.get("x-ccr-request-id")
    if id is None:
        raise DemoFailed(f"the router gave no id for {request.title!r}")
    return id


async def _on_heavy(
    client: AiohttpTransport, models_url: str, request: DemoRequest, few: asyncio.Semaphore
) -> tuple[float, float]:
    """Milliseconds and USD of the same request sent straight to the heavy model."""
    async with few:
        began = time.perf_counter()
        _, body = await _post(client, models_url, request.encoded(model=HEAVY.name, cued=False), ())
        total_ms = (time.perf_counter() - began) * 1000
    usage: dict[str, int] = {}
    for line in body.split(b"\n"):
        if line.startswith(b'data: {"type":"message_delta"'):
            usage = msgspec.json.decode(line.removeprefix(b"data: "))["usage"]
    cached = usage.get("cache_read_input_tokens", 0)
    return total_ms, HEAVY.cost_usd(usage.get("input_tokens", 0) + cached, cached, usage.get("output_tokens", 0))


async def _post(
    client: AiohttpTransport, url: str, body: bytes, headers: tuple[tuple[str, str], ...]
) -> tuple[dict[str, str], bytes]:
    request = UpstreamRequest(url=f"{url}/v1/messages?beta=true", headers=(*_HEADERS, *headers), body=body)
    reply = await client.post(request, _TIMEOUTS)
    try:
        chunks = []
        while chunk := await reply.next_chunk():
            chunks.append(chunk)
    finally:
        reply.close()
    return {name.lower(): value for name, value in reply.headers}, b"".join(chunks)


async def _record(database: Database, id: str) -> Record:
    """What the router wrote down about it; records are written in groups, a moment after the reply."""
    until = time.monotonic() + _RECORD_WITHIN_S
    while time.monotonic() < until:
        found = queries.by_id(database, id)
        if found is not None:
            return found.record
        await asyncio.sleep(0.02)
    raise DemoFailed(f"no record of request {id} was written in {_RECORD_WITHIN_S:g} s")


def _shown(request: DemoRequest, record: Record, heavy_ms: float, heavy_usd: float) -> Shown:
    last = record.attempts[-1] if record.attempts else None
    decision = record.decision
    return Shown(
        title=request.title,
        rule=decision.rule if decision else "",
        target=str(last.target) if last else "",
        why=(decision.because if decision else record.error) + _failures(record),
        delivered=record.outcome is Outcome.DELIVERED,
        attempts=len(record.attempts),
        first_token_ms=record.first_event_ms or 0.0,
        total_ms=record.total_ms,
        cost_usd=_cost_usd(record),
        heavy_total_ms=heavy_ms,
        heavy_cost_usd=heavy_usd,
    )


def _failures(record: Record) -> str:
    failed = [attempt for attempt in record.attempts if attempt.failure is not None]
    return "".join(f"; {attempt.target} answered {attempt.status}" for attempt in failed)


def _cost_usd(record: Record) -> float:
    return sum(
        MODELS[attempt.target.model].cost_usd(
            attempt.usage.prompt_tokens, attempt.usage.cache_read_tokens, attempt.usage.output_tokens
        )
        for attempt in record.attempts
        if attempt.usage is not None
    )
