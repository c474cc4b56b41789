"""The fault matrix: every fault, streaming and not, relayed and translated, alone and with a fallback, on real sockets.

The table goes into docs/reliability.md: `CCR_WRITE_DOCS=1 uv run pytest tests/e2e/test_fault_matrix.py` writes it, without
that the test says whether it is current.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.e2e.bodies import hello
from tests.e2e.faults import CASES, FALLBACK_USD, FALLBACK_WINDOW_TOKENS, GOOD, Case, dead_ends, seen_by_client
from tests.e2e.house import House, house
from tests.e2e.wire import post

from claude_code_router.scripted.script import Script
from claude_code_router.scripted.upstream import Seen, Upstream

DOCS = Path(__file__).parents[2] / "docs" / "reliability.md"
_PART = re.compile(r"(<!-- fault matrix -->\n).*?(<!-- end of fault matrix -->)", re.S)
WAYS = ("relay", "translate")
PATHS = {"relay": "/v1/messages", "translate": "/v1/chat/completions"}
MOST_S = 20.0
AT_ONCE = 24
"""Cells at a time: more than a hundred connections in one moment overflow the scripted upstream's listen queue."""


class Cell(NamedTuple):
    """What came of one fault in one way."""

    saw: str
    attempts: str
    tokens: int
    record: str


def provider(name: str, way: str, base: str, case: Case) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "api_base_url": base + PATHS[way], "api_key": "k", "models": ["m"]}
    if way == "relay":
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


def config(up: str, places: Mapping[str, str], *, fallback: bool) -> dict[str, Any]:
    """A provider for each cell: what one fault teaches about its provider must not count in another's cell."""
    good = Case("none", window_tokens=FALLBACK_WINDOW_TOKENS, usd=FALLBACK_USD)
    providers = [provider(f"good-{way}", way, up, good) for way in WAYS]
    for number, case in enumerate(CASES):
        base = f"{up}/case/{number}" if case.script is not None else places[case.place]
        providers += [
            provider(f"{way}-{number}-{kind}", way, base, case) for way in WAYS for kind in ("stream", "whole")
        ]
    chain = {"fallback": {"default": ["good-relay,m"]}} if fallback else {}
    delivery = {"retry": {"base_s": 0.01}, "upwardFallback": {"max_per_hour": 0}}
    return {"LOG": False, "Providers": providers, "Router": {"default": "good-relay,m"}, **delivery, **chain}


async def cell(router: House, turn: asyncio.Semaphore, way: str, number: int, *, stream: bool) -> tuple[Cell, float]:
    async with turn:
        return await one_cell(router, way, number, stream=stream)


async def one_cell(router: House, way: str, number: int, *, stream: bool) -> tuple[Cell, float]:
    name = f"{way}-{number}-{'stream' if stream else 'whole'}"
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(MOST_S):
        answer = await post(
            router.url, hello(model=f"{name},m", stream=stream), {"x-claude-code-session-id": f"session-{name}"}
        )
    took = loop.time() - began
    row = await router.record(answer)
    attempts = await router.attempts(row["id"])
    assert row["outcome"] != "refused", row
    told = [attempt["failure_kind"] or "ok" for attempt in attempts]
    tokens = sum((attempt["input_tokens"] or 0) + (attempt["output_tokens"] or 0) for attempt in attempts)
    saw = seen_by_client(answer, stream=stream)
    assert saw.startswith("the whole answer") == (row["outcome"] == "delivered" and told[-1] == "ok"), (saw, row, told)
    return Cell(saw, ", ".join(told), tokens, f"{row['outcome']} {row['status']}"), took


async def until_priced(router: House) -> None:
    """The owner's prices are read beside the first requests; before, no step counts as one to a dearer target."""
    while True:
        row = await router.record(await post(router.url, hello(model="good-relay,m")))
        if row["cost_usd"] is not None:
            return


async def run(root: Path, *, fallback: bool) -> dict[tuple[int, str], tuple[Cell, float]]:
    """By case and way (`relay, stream`, …)."""
    async with (
        Upstream(script_for) as up,
        dead_ends(up.url) as places,
        house(root, config(up.url, places, fallback=fallback)) as router,
    ):
        await until_priced(router)
        turn = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            tasks = {
                (number, f"{way}, {'stream' if stream else 'whole'}"): group.create_task(
                    cell(router, turn, way, number, stream=stream)
                )
                for number in range(len(CASES))
                for way in WAYS
                for stream in (True, False)
            }
    return {key: task.result() for key, task in tasks.items()}


def rows(found: Mapping[bool, Mapping[tuple[int, str], tuple[Cell, float]]]) -> Iterable[str]:
    """Ways with equal results share a line."""
    yield "| fault | how | fallback | the client saw | attempts | tokens | record | s |"
    yield "|---|---|---|---|---|---|---|---|"
    for number, case in enumerate(CASES):
        title = case.title
        for fallback, cells in found.items():
            groups: dict[Cell, list[tuple[str, float]]] = {}
            for (at, way), (result, took) in cells.items():
                if at == number:
                    groups.setdefault(result, []).append((way, took))
            for result, ways in groups.items():
                how = "all" if len(ways) == 4 else "; ".join(way for way, _ in ways)
                longest = max(took for _, took in ways)
                yield (
                    f"| {title} | {how} | {'yes' if fallback else 'no'} | {result.saw} | {result.attempts} "
                    f"| {result.tokens} | {result.record} | {longest:.1f} |"
                )
                title = ""


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
