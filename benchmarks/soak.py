"""A soak: two hundred concurrent streams of 100 kB requests for fifteen minutes; nothing may grow.

    uv run python benchmarks/soak.py             fifteen minutes
    uv run python benchmarks/soak.py --short     thirty seconds
    uv run python benchmarks/soak.py --minutes 60
    uv run python benchmarks/soak.py --brisk     forty streams without pauses for two and a half minutes: the same leaks, sooner

Half of the requests are relayed, half translated; one stream takes about five seconds. Ends with exit code 1 when a stream was
not whole, when the records do not add up, or when memory, descriptors or tasks grow after the first fifth of the run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from bodies import request_body
from claude_code_router.scripted.script import Say, Script, ScriptUsage
from claude_code_router.scripted.upstream import Seen, Upstream
from under_watch import Malformed, read_answer, watched

STREAMS = 200
BODY_BYTES = 100_000
TEXT = "all is well and goes on " * 20
USAGE = ScriptUsage(input_tokens=25_000, output_tokens=120)
REPLY = Script((Say(TEXT, chunks=50, every_s=0.1),), usage=USAGE)
BRISK = Script((Say(TEXT, chunks=10),), usage=USAGE)
BRISK_STREAMS = 40
MOST_GROWTH_SHARE = 0.15
"""Of memory: with many large requests under way, each moment in which they bunch up leaves a higher mark of the allocator."""
MOST_GROWTH_BRISK_SHARE = 0.03
WARM_S = 90.0
"""Until all streams have been under way several times; a shorter run says nothing of memory."""
MOST_GROWTH = 5
"""Descriptors or tasks: a sample may fall into the moment between two requests."""


def config(upstream: str) -> dict[str, Any]:
    def provider(name: str, path: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "api_base_url": upstream + path, "api_key": "k", "models": ["m"], **more}

    return {
        "LOG": False,
        "Providers": [
            provider("relay", "/v1/messages", transformer={"use": ["Anthropic"]}),
            provider("translate", "/v1/chat/completions"),
        ],
        "Router": {"default": "relay,m"},
    }


_WATCHED = ("rss_mb", "descriptors", "tasks", "blocks", "heap_used_mb", "heap_free_mb")
"""`blocks` are Python's own allocations; the heap is the C library's, which has the large ones: bodies."""


class Counted:
    def __init__(self) -> None:
        self.whole = 0
        self.problems: list[str] = []


async def stream(number: int, url: str, counted: Counted, until: float) -> None:
    body = request_body("relay,m" if number % 2 else "translate,m", BODY_BYTES)
    headers = {"content-type": "application/json", "x-claude-code-session-id": f"soak-{number}"}
    await asyncio.sleep(5 * number / STREAMS)  # spread over one stream's length
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < until:
            try:
                async with session.post(f"{url}/v1/messages", data=body, headers=headers) as reply:
                    kind, text = read_answer(reply.status, await reply.read(), stream=True)
                if (kind, text) != ("whole", TEXT):
                    raise Malformed(f"{kind}: {text[:100]!r}")
                counted.whole += 1
            except (Malformed, ValueError, KeyError, IndexError, aiohttp.ClientError) as error:
                counted.problems.append(f"stream {number}: {type(error).__name__}: {error}")


async def run(seconds: float, keep: str, *, brisk: bool) -> int:
    counted, streams, reply = Counted(), BRISK_STREAMS if brisk else STREAMS, BRISK if brisk else REPLY
    with tempfile.TemporaryDirectory(prefix="ccr-soak-") as folder:
        async with Upstream(reply) as up, watched(Path(folder), config(up.url)) as router:
            until = time.monotonic() + seconds
            async with asyncio.TaskGroup() as group:
                group.create_task(forget(up.seen, until))
                for number in range(streams):
                    group.create_task(stream(number, router.url, counted, until))
            under_load = router.samples[len(router.samples) // 5 :]
            if not await router.settled(counted.whole + len(counted.problems)):
                counted.problems.append("the records did not come to the number of requests")
            delivered = router.rows("select count(*) from requests where outcome = 'delivered'")[0][0]
        if keep:
            write_lines(keep, router.samples)
    if delivered != counted.whole:
        counted.problems.append(f"on record {delivered} delivered, seen {counted.whole}")
    growth = {name: _growth([sample[name] for sample in under_load]) for name in _WATCHED if name in under_load[0]}
    most_mb = under_load[0]["rss_mb"] * (MOST_GROWTH_BRISK_SHARE if brisk else MOST_GROWTH_SHARE)
    heavier = growth["rss_mb"] > most_mb and seconds > WARM_S
    if heavier or max(growth["descriptors"], growth["tasks"]) > MOST_GROWTH:
        counted.problems.append(f"something grew: {growth}")
    summary = {
        "seconds": seconds, "streams": streams, "request bytes": BODY_BYTES, "whole answers": counted.whole,
        "first": under_load[0], "last": under_load[-1], "growth": growth, "problems": len(counted.problems),
    }  # fmt: skip
    print(json.dumps(summary, indent=2))
    for problem in counted.problems[:20]:
        print(f"problem: {problem}", file=sys.stderr)
    return 1 if counted.problems else 0


async def forget(seen: list[Seen], until: float) -> None:
    """The scripted upstream keeps every request, which would be a gigabyte."""
    while time.monotonic() < until:
        seen.clear()
        await asyncio.sleep(1)


def write_lines(path: str, samples: Sequence[dict[str, float]]) -> None:
    Path(path).write_text("".join(json.dumps(sample) + "\n" for sample in samples))


def _growth(values: Sequence[float]) -> float:
    """From the first third's median to the last third's."""
    third = max(1, len(values) // 3)
    return round(statistics.median(values[-third:]) - statistics.median(values[:third]), 2)


def main() -> None:
    arguments = argparse.ArgumentParser(description="A soak.")
    arguments.add_argument("--short", action="store_true", help="thirty seconds")
    arguments.add_argument("--brisk", action="store_true", help="forty streams without pauses, two and a half minutes")
    arguments.add_argument("--minutes", type=float, default=15.0)
    arguments.add_argument("--samples", default="", help="a file for the router's samples, one a second")
    chosen = arguments.parse_args()
    seconds = 30.0 if chosen.short else 150.0 if chosen.brisk else chosen.minutes * 60
    sys.exit(asyncio.run(run(seconds, chosen.samples, brisk=chosen.brisk)))


if __name__ == "__main__":
    main()
