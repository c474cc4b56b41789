"""The fault matrix: every fault, streaming and not, relayed and translated, HTTP/1.1 and HTTP/2, with a fallback and without,
on real sockets.

The table goes into docs/reliability.md: `CCR_WRITE_DOCS=1 uv run pytest tests/e2e/test_fault_matrix.py` writes it, without
that the test says whether it is current.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.e2e.bodies import hello
from tests.e2e.faults import CASES, FALLBACK_USD, FALLBACK_WINDOW_TOKENS, GOOD, Case, dead_ends, seen_by_client
from tests.e2e.house import House, house
from tests.e2e.http2_faults import playing
from tests.e2e.wire import post
from tests.unit.delivery.h2_server import PEM, h2_server

from claude_code_router.scripted.script import Script
from claude_code_router.scripted.upstream import Seen, Upstream

DOCS = Path(__file__).parents[2] / "docs" / "reliability.md"
_PART = re.compile(r"(<!-- fault matrix -->\n).*?(<!-- end of fault matrix -->)", re.S)
PATHS = {"relay": "/v1/messages", "translate": "/v1/chat/completions"}
MOST_S = 20.0
AT_ONCE = 40
"""Cells at a time: more than a hundred connections in one moment overflow the scripted upstream's listen queue."""


class Way(NamedTuple):
    """How a fault reaches a client."""

    kind: str
    http2: bool
    stream: bool

    @property
    def name(self) -> str:
        return f"{self.kind}{'2' if self.http2 else ''}-{'stream' if self.stream else 'whole'}"

    def __str__(self) -> str:
        return f"{'HTTP/2 ' if self.http2 else ''}{self.kind}, {'stream' if self.stream else 'whole'}"


ALL = [Way(kind, http2, stream) for http2 in (False, True) for kind in PATHS for stream in (True, False)]
CELLS = [(number, way) for number, case in enumerate(CASES) for way in ALL if way.http2 or not case.over]
Place = tuple[int, Way]


class Cell(NamedTuple):
    """What came of one fault in one way."""

    saw: str
    attempts: str
    tokens: int
    record: str


def provider(name: str, kind: str, base: str, case: Case) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "api_base_url": base + PATHS[kind], "api_key": "k", "models": ["m"]}
    if kind == "relay":
        entry["transformer"] = {"use": ["Anthropic"]}
    if case.limits:
        entry["timeouts"] = case.limits
    if case.window_tokens:
        entry["cards"] = {"m": {"context": case.window_tokens}}
    if case.usd:
        entry["price"] = {"*": {"input": case.usd, "output": case.usd}}
    return entry


def script_for(seen: Seen) -> Script:
    number = re.match(r"/case/(\d+)/", seen.path)
    script = CASES[int(number[1])].script if number else GOOD
    assert script is not None
    return script


def config(up: str, bases: Mapping[Place, str], *, fallback: bool) -> dict[str, Any]:
    """A provider for each cell: what one fault teaches about its provider must not count in another's cell."""
    good = Case("none", window_tokens=FALLBACK_WINDOW_TOKENS, usd=FALLBACK_USD)
    providers = [provider(f"good-{kind}", kind, up, good) for kind in PATHS]
    for (number, way), base in bases.items():
        entry = provider(f"{way.name}-{number}", way.kind, base, CASES[number])
        if way.http2:
            trusted = CASES[number].place != "unsigned"
            entry |= {"http2": True, **({"ca_file": str(PEM)} if trusted else {})}
        providers.append(entry)
    chain = {"fallback": {"default": ["good-relay,m"]}} if fallback else {}
    delivery = {"retry": {"base_s": 0.01}, "upwardFallback": {"max_per_hour": 0}}
    return {"LOG": False, "Providers": providers, "Router": {"default": "good-relay,m"}, **delivery, **chain}


@contextlib.asynccontextmanager
async def faulty(up: Upstream) -> AsyncIterator[dict[Place, str]]:
    """Base URLs of the cells. Those in HTTP/2 share a server, and connections, but for what ends connections."""
    async with contextlib.AsyncExitStack() as stack:
        places = await stack.enter_async_context(dead_ends(up.url))
        shared = await stack.enter_async_context(h2_server(playing(up)))
        bases: dict[Place, str] = {}
        for number, way in CELLS:
            case = CASES[number]
            if case.script is None:
                base = places[case.place]
                bases[number, way] = base.replace("http:", "https:") if way.http2 else base
                continue
            server = shared.url if way.http2 else up.url
            if case.over:
                own = await stack.enter_async_context(h2_server(playing(up, case.over)))
                server = own.url
            bases[number, way] = f"{server}/case/{number}"
        yield bases


async def cell(router: House, turn: asyncio.Semaphore, number: int, way: Way) -> tuple[Cell, float]:
    async with turn:
        return await one_cell(router, number, way)


async def one_cell(router: House, number: int, way: Way) -> tuple[Cell, float]:
    name = f"{way.name}-{number}"
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(MOST_S):
        answer = await post(
            router.url, hello(model=f"{name},m", stream=way.stream), {"x-claude-code-session-id": f"session-{name}"}
        )
    took = loop.time() - began
    row = await router.record(answer)
    attempts = await router.attempts(row["id"])
    assert row["outcome"] != "refused", row
    told = [attempt["failure_kind"] or "ok" for attempt in attempts]
    tokens = sum((attempt["input_tokens"] or 0) + (attempt["output_tokens"] or 0) for attempt in attempts)
    saw = seen_by_client(answer, stream=way.stream)
    assert saw.startswith("the whole answer") == (row["outcome"] == "delivered" and told[-1] == "ok"), (saw, row, told)
    return Cell(saw, ", ".join(told), tokens, f"{row['outcome']} {row['status']}"), took


async def until_priced(router: House) -> None:
    """The owner's prices are read beside the first requests; before, no step counts as one to a dearer target."""
    while True:
        row = await router.record(await post(router.url, hello(model="good-relay,m")))
        if row["cost_usd"] is not None:
            return


async def run(root: Path, *, fallback: bool) -> dict[Place, tuple[Cell, float]]:
    async with (
        Upstream(script_for) as up,
        faulty(up) as bases,
        house(root, config(up.url, bases, fallback=fallback)) as router,
    ):
        await until_priced(router)
        turn = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            tasks = {place: group.create_task(cell(router, turn, *place)) for place in CELLS}
    return {place: task.result() for place, task in tasks.items()}


def rows(found: Mapping[bool, Mapping[Place, tuple[Cell, float]]]) -> Iterable[str]:
    """Ways with equal results share a line."""
    yield "| fault | how | fallback | the client saw | attempts | tokens | record | s |"
    yield "|---|---|---|---|---|---|---|---|"
    for number, case in enumerate(CASES):
        title = case.title
        possible = [way for at, way in CELLS if at == number]
        for fallback, cells in found.items():
            groups: dict[Cell, list[Way]] = {}
            for way in possible:
                groups.setdefault(cells[number, way][0], []).append(way)
            for result, ways in groups.items():
                longest = max(cells[number, way][1] for way in ways)
                yield (
                    f"| {title} | {how(ways, possible)} | {'yes' if fallback else 'no'} | {result.saw} | {result.attempts} "
                    f"| {result.tokens} | {result.record} | {longest:.1f} |"
                )
                title = ""


def how(ways: Sequence[Way], possible: Sequence[Way]) -> str:
    """`relay, stream` is HTTP/1.1 and HTTP/2 alike, unless it says which."""
    if len(ways) == len(possible):
        return "all"
    both = [way for way in ways if not way.http2 and way._replace(http2=True) in ways]
    alone = [way for way in ways if way not in both and way._replace(http2=False) not in both]
    return "; ".join([*map(str, both), *(f"{way}{'' if way.http2 else ', HTTP/1.1'}" for way in alone)])


def without_times(table: str) -> list[str]:
    return [line.rpartition(" | ")[0] for line in table.splitlines()]


@pytest.mark.timeout(120)
async def test_fault_matrix(tmp_path: Path) -> None:
    """No fault is a silent success or a hang, and the published table says what happens."""
    found = {}
    for fallback in (False, True):
        found[fallback] = await run(tmp_path / str(fallback), fallback=fallback)
    table = "\n".join(rows(found)) + "\n"
    text = DOCS.read_text()
    if os.environ.get("CCR_WRITE_DOCS"):
        DOCS.write_text(_PART.sub(lambda part: part[1] + table + part[2], text))
        return
    published = _PART.search(text)
    assert published is not None
    assert without_times(published[0].partition("\n")[2].rpartition("<!--")[0]) == without_times(table)
