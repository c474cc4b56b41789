"""Measures us, the bare floor and the npm tool 2.0.0 in one go, and holds the ratios against the targets.

    uv run python benchmarks/run.py            about four minutes
    uv run python benchmarks/run.py --short    under one; CI runs it so that it cannot rot (its figures are rough)

Rounds are interleaved (floor, ours, npm, floor, …) and every figure is the median of its rounds, because the machine's mood
changes more than the programs do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import load
import proxies
import report
from bodies import request_body

SIZES_KB = (2, 100, 600)
WAYS = {"relayed": "anth", "translated": "oai"}
MESSAGES = "/v1/messages"
PAIRS = {
    "Anthropic > chat/completions": (MESSAGES, "oai"),
    "Anthropic > Responses": (MESSAGES, "resp"),
    "Anthropic > Gemini": (MESSAGES, "gem"),
    "Anthropic > Ollama": (MESSAGES, "oll"),
    "chat/completions > Anthropic": ("/v1/chat/completions", "anth"),
    "Responses > Anthropic": ("/v1/responses", "anth"),
    "Gemini > Anthropic": ("/v1beta/models/%s:streamGenerateContent", "anth"),
}
"""Client dialect and provider dialect, each of them once: path, and the provider in our config."""


@dataclass(frozen=True)
class Plan:
    rounds: int
    requests: int
    """Per round and cell, at most."""
    budget_s: float
    """Per round and cell: no request is begun after it."""
    paced: int
    """Streams of 300 events, one every 4 ms, for the CPU of an event."""
    streams: int
    """At once, for the age of an event; each gives one every 50 ms."""
    streams_model: str
    stream_rounds: int
    starts: int


FULL = Plan(5, 40, 1.5, 8, 200, "bench-paced-100-50", 2, 5)
SHORT = Plan(2, 8, 0.25, 4, 40, "bench-paced-20-50", 1, 1)


class Samples:
    """Every sample of every cell; a cell is `metric/program/way/size`."""

    def __init__(self) -> None:
        self._cells: dict[str, list[float]] = {}

    def add(self, cell: str, *values: float) -> None:
        self._cells.setdefault(cell, []).extend(values)

    def medians(self) -> dict[str, float]:
        return {cell: statistics.median(values) for cell, values in self._cells.items() if values}


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def cells_of(proxy: proxies.Proxy | None) -> tuple[str, ...]:
    """The bare floor and the direct way cannot translate."""
    return tuple(WAYS) if proxy is not None and proxy.name != "floor" else ("relayed",)


class Bench:
    def __init__(self, plan: Plan, upstream: proxies.Proxy, programs: list[proxies.Proxy]) -> None:
        self._plan = plan
        self._upstream = upstream
        self._programs = programs
        self.samples = Samples()

    def _targets(self) -> list[tuple[str, int, proxies.Proxy | None]]:
        programs = [(proxy.name, proxy.port, proxy) for proxy in self._programs]
        return [("direct", self._upstream.port, None), *programs]

    async def warm_up(self) -> None:
        for _, port, proxy in self._targets():
            for way in cells_of(proxy):
                for size in SIZES_KB:
                    body = request_body(model(proxy, way, "bench-burst-300"), size * 1000)
                    await load.one_by_one(port, body, count=self._plan.requests // 2, budget_s=self._plan.budget_s)

    async def requests(self) -> None:
        """CPU and latency of whole requests: a reply of 300 events that comes at once."""
        for size in SIZES_KB:
            for name, port, proxy in self._targets():
                for way in cells_of(proxy):
                    body = request_body(model(proxy, way, "bench-burst-300"), size * 1000)
                    before = proxy.cpu_s() if proxy else 0.0
                    timings = await load.one_by_one(port, body, count=self._plan.requests, budget_s=self._plan.budget_s)
                    cell = f"{name}/{way}/{size}"
                    if proxy:
                        self.samples.add(f"cpu_ms/{cell}", (proxy.cpu_s() - before) * 1000 / len(timings))
                    totals = [timing.total_ms for timing in timings]
                    self.samples.add(f"total_p50_ms/{cell}", percentile(totals, 0.5))
                    self.samples.add(f"total_p99_ms/{cell}", percentile(totals, 0.99))

    async def events(self) -> None:
        """CPU of one event: what 300 events cost more than 10, coming one by one (paced) and at once (burst)."""
        for proxy in self._programs:
            for way in cells_of(proxy):
                cell = f"{proxy.name}/{way}"
                few = await self._stream_cpu_ms(proxy, way, "bench-burst-10")
                for pace, name in (("paced", "bench-paced-300-4"), ("burst", "bench-burst-300")):
                    many = await self._stream_cpu_ms(proxy, way, name)
                    self.samples.add(f"event_{pace}_us/{cell}", (many - few) * 1000 / 290)

    async def _stream_cpu_ms(self, proxy: proxies.Proxy, way: str, name: str) -> float:
        return await self._cpu_ms(proxy, request_body(model(proxy, way, name), 2000), MESSAGES)

    async def _cpu_ms(self, proxy: proxies.Proxy, body: bytes, path: str) -> float:
        before = proxy.cpu_s()
        await load.together(proxy.port, body, streams=self._plan.paced, over_s=0.05, path=path)
        return (proxy.cpu_s() - before) * 1000 / self._plan.paced

    async def pairs(self) -> None:
        """CPU of one event, paced, for every dialect that we translate from or to."""
        ours = next(proxy for proxy in self._programs if proxy.name == "ours")
        for pair, (path, provider) in PAIRS.items():
            few, many = [
                await self._cpu_ms(ours, *asked_by(path, f"{provider},{name}"))
                for name in ("bench-burst-10", "bench-paced-300-4")
            ]
            self.samples.add(f"event_paced_us/ours/{pair}", (many - few) * 1000 / 290)

    async def many_streams(self) -> None:
        """How old an event is when it arrives, with many paced streams at once."""
        for name, port, proxy in self._targets():
            for way in cells_of(proxy):
                body = request_body(model(proxy, way, self._plan.streams_model), 2000)
                try:
                    timings = await load.together(port, body, streams=self._plan.streams, over_s=0.5)
                except load.Unexpected as error:
                    sys.stderr.write(f"{name} lost a stream: {error}\n")
                    continue
                ages = [age for timing in timings for age in timing.ages_ms]
                self.samples.add(f"age_p50_ms/{name}/{way}", percentile(ages, 0.5))
                self.samples.add(f"age_p99_ms/{name}/{way}", percentile(ages, 0.99))

    async def run(self, say: Callable[[str], None]) -> None:
        await self.warm_up()
        for number in range(self._plan.rounds):
            say(f"round {number + 1} of {self._plan.rounds}")
            await self.requests()
            await self.events()
            await self.pairs()
        for number in range(self._plan.stream_rounds):
            say(f"{self._plan.streams} streams at once, {number + 1} of {self._plan.stream_rounds}")
            await self.many_streams()


def model(proxy: proxies.Proxy | None, way: str, name: str) -> str:
    return f"{WAYS[way]},{name}" if proxy else name


def asked_by(path: str, target: str) -> tuple[bytes, str]:
    """A small streaming request of the client of this path, and where to post it."""
    if path == MESSAGES:
        return request_body(target, 2000), path
    user = [{"role": "user", "content": "hi"}]
    body = {"model": target, "stream": True, "messages": user, "input": user}
    if "%s" in path:
        body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    elif path.endswith("/responses"):
        del body["messages"]
    else:
        del body["input"]
    return json.dumps(body).encode(), path.replace("%s", target)


def measure_starts(plan: Plan, home: Path, upstream: str, samples: Samples) -> proxies.Proxy:
    """Starts us again and again; the last one stays up."""
    bytecode = home / "bytecode"
    warm_home, folders = home / "ours", (bytecode, Path(sys.prefix), proxies.HERE.parent / "src")
    ours = proxies.ours(warm_home, upstream, bytecode)
    samples.add("ready_s/first ever, compiling", ours.start())
    ours.stop()
    for number in range(plan.starts):
        cold = proxies.ours(home / f"cold{number}", upstream, bytecode)
        proxies.evict(*folders)
        samples.add("ready_s/cold", cold.start())
        cold.stop()
        samples.add("ready_s/warm", ours.start())
        ours.stop()
    samples.add("version_s", *(proxies.version_s(bytecode) for _ in range(2 * plan.starts + 3)))
    samples.add("ready_s/warm", ours.start())
    return ours


def run(plan: Plan, home: Path, say: Callable[[str], None]) -> dict[str, float]:
    for name in ("upstream", "floor", "npm"):
        (home / name).mkdir()
    upstream = proxies.fake_upstream(home / "upstream")
    programs: list[proxies.Proxy] = []
    samples = Samples()
    try:
        upstream.start()
        url = f"http://127.0.0.1:{upstream.port}"
        say("starting")
        programs.append(proxies.floor(home / "floor", url))
        samples.add("ready_s/floor", programs[0].start())
        programs.append(measure_starts(plan, home, url, samples))
        npm = proxies.npm_tool(home / "npm", url)
        if npm is None:
            say(f"The npm tool is left out: it is not installed in {proxies.NPM_TOOL}.")
        else:
            programs.append(npm)
            samples.add("ready_s/npm 2.0.0", npm.start())
        time.sleep(2)
        for proxy in programs:
            samples.add(f"idle_mb/{proxy.name}", proxy.memory_mb())
        bench = Bench(plan, upstream, programs)
        bench.samples = samples
        asyncio.run(bench.run(say))
        for proxy in programs:
            samples.add(f"loaded_mb/{proxy.name}", proxy.memory_mb())
        time.sleep(1)
        rows, dropped = proxies.records(programs[1])
        samples.add("records/written", rows)
        samples.add("records/dropped", dropped)
    finally:
        for proxy in (*programs, upstream):
            if words := proxy.last_words():
                say(words)
            proxy.stop()
    return samples.medians()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="rough figures in under a minute")
    parser.add_argument("--json", action="store_true", help="print every median and verdict as JSON")
    options = parser.parse_args()
    plan = SHORT if options.short else FULL

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    with tempfile.TemporaryDirectory(prefix="ccr-bench-", ignore_cleanup_errors=True) as home:
        figures = run(plan, Path(home), say)
    verdicts = report.verdicts(figures)
    if options.json:
        targets = [{**verdict._asdict(), "verdict": verdict.word} for verdict in verdicts]
        print(json.dumps({"plan": asdict(plan), "figures": figures, "targets": targets}, indent=1))
    else:
        print(report.tables(figures, verdicts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
