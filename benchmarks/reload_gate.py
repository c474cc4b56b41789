"""Does the gate before a reload hold a request up? Latency while an edit is replayed over many records, and before.

    uv run python benchmarks/reload_gate.py                  200,000 records
    uv run python benchmarks/reload_gate.py --rows 20000

One client asks again and again; two edits pass and the third is refused. Ends with exit code 1 when a request was lost, when an
edit became of another kind than it should, or when requests took more than twice as long at the median while the gate looked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from claude_code_router.config.home import Home
from claude_code_router.config.load import load_text
from claude_code_router.improve.remembered import remember
from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Upstream
from million import config as usual_config
from million import fill
from under_watch import Router, watched

QUIET_S = 5.0
MOST_TIMES = 2.0
BODY = {"model": "claude-sonnet-5-5", "max_tokens": 64, "messages": [{"role": "user", "content": "one more of these"}]}


def config(upstream: str, tokens: int) -> dict[str, Any]:
    """The million's, with a gate, and another threshold for the light tier."""
    found: dict[str, Any] = json.loads(usual_config())
    found["Providers"][0]["api_base_url"] = f"{upstream}/v1/messages"
    found["Rules"][-1]["when"]["tokens"]["under"] = tokens
    gate = {"failOn": ["light_share>0.7"], "since": "all", "timeoutMs": 600_000}
    return {"LOG": False, **found, "ReloadGate": gate}


async def ask(router: Router, stop: asyncio.Event, took_ms: list[float]) -> None:
    async with aiohttp.ClientSession() as session:
        while not stop.is_set():
            began = time.perf_counter()
            async with session.post(f"{router.url}/v1/messages", json=BODY) as reply:
                await reply.read()
                if reply.status != 200:
                    raise SystemExit(f"a request was answered with {reply.status}")
            took_ms.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.02)


async def edited(router: Router, content: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """Seconds until it was in force or refused, and what /health says then."""
    async with aiohttp.ClientSession() as session:

        async def told() -> dict[str, Any]:
            async with session.get(f"{router.url}/health") as reply:
                found: dict[str, Any] = (await reply.json())["config"]
                return found

        was, began = await told(), time.monotonic()
        (router.root / "config.json").write_text(json.dumps(content))
        while True:
            now = await told()
            if now["hash"] != was["hash"] or now["error"]:
                return time.monotonic() - began, now
            await asyncio.sleep(0.1)


def summed(took_ms: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(took_ms, n=100)
    return {
        "requests": len(took_ms),
        "p50_ms": round(cuts[49], 1),
        "p95_ms": round(cuts[94], 1),
        "max_ms": round(max(took_ms), 1),
    }


async def run(rows: int) -> int:
    with tempfile.TemporaryDirectory(prefix="ccr-gate-") as folder:
        home = Home(Path(folder) / ".claude-code-router")
        home.root.mkdir()
        fill(home.records, rows)
        remember(home.cache, load_text(usual_config(), "config.json", {}))  # by whom the records were decided
        quiet: list[float] = []
        busy: list[float] = []
        edits = []
        async with (
            Upstream(lambda _: Script((Say("fine"),))) as up,
            watched(home.root, config(up.url, 30_000)) as router,
        ):
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(ask(router, stop, quiet))
                await asyncio.sleep(QUIET_S)
                stop.set()
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(ask(router, stop, busy))
                for tokens in (29_000, 28_000, 3_000_000):
                    edits.append(await edited(router, config(up.url, tokens)))
                stop.set()
    refused = [bool(told["error"]) for _, told in edits]
    summary = {
        "records": rows,
        "edits": [{"seconds": round(took_s, 1), "said": told["error"] or told["gate"]} for took_s, told in edits],
        "quiet": summed(quiet),
        "while the gate looked": summed(busy),
    }
    print(json.dumps(summary, indent=2))
    slower = statistics.median(busy) > MOST_TIMES * statistics.median(quiet)
    return 1 if refused != [False, False, True] or slower else 0


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=200_000)
    sys.exit(asyncio.run(run(arguments.parse_args().rows)))


if __name__ == "__main__":
    main()
