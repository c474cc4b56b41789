"""A thousand edits of the config while streams are under way: none is lost, each is answered by one config, whole.

    uv run python benchmarks/reloads.py            1,000 reloads, about a quarter of an hour
    uv run python benchmarks/reloads.py --short    12

Every edit sends everything to the other model by a rule of a new name; every tenth file is broken and must change nothing. Ends
with exit code 1 when a client got anything but its whole answer, when a record names a rule with another edit's target, when
records or upstream calls do not come to the number of requests, or when memory or tasks have grown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from claude_code_router.scripted.script import Say, Script, ScriptUsage
from claude_code_router.scripted.upstream import Seen, Upstream
from under_watch import Malformed, Router, read_answer, watched

CLIENTS = 8
MODELS = ("even", "odd")
BROKEN_EVERY = 10
EDIT_S = 20.0
"""In which an edit must be in force."""
MOST_GROWTH_MB = 25.0
WORDS = "one two three four five six seven eight nine ten eleven twelve"


def config(upstream: str, edit: int) -> dict[str, Any]:
    provider = {"name": "p", "api_base_url": f"{upstream}/v1/messages", "api_key": "k", "models": list(MODELS)}
    rule = {"name": f"edit {edit}", "when": {"kind": "user"}, "use": f"p,{MODELS[edit % 2]}"}
    return {"LOG": False, "Providers": [provider], "Router": {"default": "p,even"}, "Rules": [rule]}


def answer(_: Seen) -> Script:
    """1.2 seconds long, so that most answers see a reload; half of them are streamed."""
    return Script((Say(WORDS, chunks=12, every_s=0.1),), usage=ScriptUsage(input_tokens=50, output_tokens=12))


class World:
    def __init__(self) -> None:
        self.edits = 0
        self.refused = 0
        """Broken files that were told and not put in force."""
        self.answers: Counter[str] = Counter()
        self.across = 0
        """Answers during which at least one config was replaced."""
        self.problems: list[str] = []
        self.done = False


async def edit(router: Router, upstream: str, world: World, reloads: int) -> None:
    file = router.root / "config.json"
    async with aiohttp.ClientSession() as session:
        told = await _config_told(session, router)
        while world.edits < reloads:
            number = world.edits + 1
            if number % BROKEN_EVERY == 0:
                _save(file, "{ this is no config")
                await _until(session, router, lambda now: bool(now.get("error")), "a broken file is told")
                world.refused += 1
            _save(file, json.dumps(config(upstream, number)))
            was = told["hash"]
            told = await _until(
                session,
                router,
                lambda now, was=was: now["hash"] != was and not now.get("error"),
                f"edit {number} is in force",
            )
            world.edits = number
    world.done = True


def _save(file: Path, text: str) -> None:
    """As editors do: a new file in the old one's place."""
    beside = file.with_suffix(".new")
    beside.write_text(text)
    beside.replace(file)


async def _config_told(session: aiohttp.ClientSession, router: Router) -> dict[str, Any]:
    async with session.get(f"{router.url}/health") as reply:
        told: dict[str, Any] = (await reply.json())["config"]
        return told


async def _until(session: aiohttp.ClientSession, router: Router, true: Any, what: str) -> dict[str, Any]:
    async with asyncio.timeout(EDIT_S):
        while True:
            told = await _config_told(session, router)
            if true(told):
                return told
            await asyncio.sleep(0.05)
    raise AssertionError(what)


async def client(number: int, url: str, world: World) -> None:
    async with aiohttp.ClientSession() as session:
        asked = 0
        while not world.done:
            stream, before = (number + asked) % 2 == 0, world.edits
            asked += 1
            body = {
                "model": "claude-sonnet-5-5", "max_tokens": 64, "stream": stream,
                "messages": [{"role": "user", "content": f"request {number}.{asked}"}],
            }  # fmt: skip
            try:
                async with session.post(f"{url}/v1/messages", json=body) as reply:
                    kind, text = read_answer(reply.status, await reply.read(), stream=stream)
            except (aiohttp.ClientError, Malformed, ValueError) as error:
                kind, text = "lost", ""
                world.problems.append(f"request {number}.{asked}: {type(error).__name__}: {error}")
            world.answers[kind] += 1
            world.across += world.edits > before
            if kind != "whole" or text != WORDS:
                world.problems.append(f"request {number}.{asked}: {kind}: {text!r}")


async def check(router: Router, world: World, asked_upstream: int) -> dict[str, int]:
    requests = sum(world.answers.values())
    if not await router.settled(requests):
        world.problems.append("the records did not come to the number of requests")
    rules: set[str] = set()
    for rule, target, outcome in router.rows("select rule, target, outcome from requests"):
        rules.add(rule)
        numbered = re.fullmatch(r"edit (\d+)", rule or "")
        if numbered is None or target != f"p,{MODELS[int(numbered[1]) % 2]}" or outcome != "delivered":
            world.problems.append(f"on record: rule {rule}, target {target}, {outcome}")
    if asked_upstream != requests:
        world.problems.append(f"the upstream was asked {asked_upstream} times for {requests} requests")
    return {"configs that answered": len(rules)}


async def run(reloads: int) -> int:
    world, began = World(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ccr-reloads-") as folder:
        async with Upstream(answer) as up, watched(Path(folder), config(up.url, 0)) as router:
            async with asyncio.TaskGroup() as group:
                for number in range(CLIENTS):
                    group.create_task(client(number, router.url, world))
                await asyncio.sleep(5)
                before = router.now
                group.create_task(edit(router, up.url, world, reloads))
            await asyncio.sleep(3)
            after = router.now
            counted = await check(router, world, len(up.seen))
            up.seen.clear()
    for name, most in (("rss_mb", MOST_GROWTH_MB), ("tasks", 0.0)):
        if after[name] - before[name] > most:
            world.problems.append(f"{name}: {before[name]} before, {after[name]} after")
    summary = {
        "reloads": world.edits, "broken files told": world.refused, "seconds": round(time.monotonic() - began),
        "requests": sum(world.answers.values()), "whole": world.answers["whole"], "answers across a reload": world.across,
        **counted, "router before": before, "router after": after, "problems": len(world.problems),
    }  # fmt: skip
    print(json.dumps(summary, indent=2))
    for problem in world.problems[:20]:
        print(f"problem: {problem}", file=sys.stderr)
    return 1 if world.problems else 0


def main() -> None:
    arguments = argparse.ArgumentParser(description="Reloads under load.")
    arguments.add_argument("--short", action="store_true", help="12 reloads")
    arguments.add_argument("--reloads", type=int, default=1_000)
    chosen = arguments.parse_args()
    sys.exit(asyncio.run(run(12 if chosen.short else chosen.reloads)))


if __name__ == "__main__":
    main()
