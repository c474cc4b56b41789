"""A chaos run: three in ten upstream calls fail at random, in every way; a hundred clients; repetitions and fallbacks on.

    uv run python benchmarks/chaos.py            two minutes
    uv run python benchmarks/chaos.py --short    ten seconds

Ends with exit code 1 when a client got anything but its own whole answer or a well-formed error, when the records do not add up
exactly with what the upstream saw, or when the router's memory, descriptors or tasks do not return to their level.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from claude_code_router.scripted.script import Cut, End, Fault, Pause, Raw, Say, Script, ScriptUsage, Stall, Start
from claude_code_router.scripted.upstream import Seen, Upstream
from under_watch import Malformed, Router, read_answer, watched

FAULTY = 0.3
CLIENTS = 100
ROUTES = ("relay,m", "translate,m")
WORDS = "one two three four five six seven eight nine ten"
USAGE = ScriptUsage(input_tokens=100, output_tokens=20)
NEVER_SENT = ("connect", "dns", "tls", "connect_timeout", "resting", "capped", "unsupported")
MOST_GROWTH_MB = 25.0


def config(upstream: str) -> dict[str, Any]:
    def provider(name: str, path: str) -> dict[str, Any]:
        anthropic = {"transformer": {"use": ["Anthropic"]}} if path.endswith("messages") else {}
        url = f"{upstream}/{name}{path}"
        limits = {"first_byte_s": 3.0, "idle_s": 3.0}
        return {"name": name, "api_base_url": url, "api_key": "k", "models": ["m"], "timeouts": limits, **anthropic}

    return {
        "LOG": False,
        "Providers": [
            provider("relay", "/v1/messages"),
            provider("translate", "/v1/chat/completions"),
            provider("second", "/v1/messages"),
            provider("third", "/v1/chat/completions"),
        ],
        "Router": {"default": ROUTES[0]},
        "fallback": {"default": ["second,m", "third,m"]},
        "retry": {"base_s": 0.05},
    }


class World:
    """The upstream's side and what was counted on both."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # not for secrets
        self.served = 0
        self.faulted = 0
        self.answers: Counter[str] = Counter()
        self.problems: list[str] = []

    def answer(self, seen: Seen) -> Script:
        self.served += 1
        text = text_of(token_in(seen), seen.path.split("/")[1])
        if self.dice.random() >= FAULTY:
            return Script((Say(text, chunks=8, every_s=0.01),), usage=USAGE)
        self.faulted += 1
        return self.dice.choice(faults(text))


def text_of(token: str, provider: str) -> str:
    """What a provider says to a request: nobody else would say it."""
    return f"<{token} {provider}> {WORDS} </{token} {provider}>"


def token_in(seen: Seen) -> str:
    content = seen.json["messages"][0]["content"]
    return str(content if isinstance(content, str) else content[0]["text"])


def faults(text: str) -> list[Script]:
    half = Say(text[: len(text) // 2], 4)

    def status(code: int, kind: str, **headers: str) -> Script:
        return Script((Fault(kind),), status=code, headers={n.replace("_", "-"): v for n, v in headers.items()})

    return [
        status(500, "api_error"),
        status(503, "api_error"),
        status(529, "overloaded_error"),
        status(429, "rate_limit_error"),
        status(429, "rate_limit_error", retry_after="1"),
        status(401, "authentication_error"),
        status(400, "invalid_request_error"),
        status(404, "not_found_error"),
        Script((Cut(),)),
        Script((End(),)),
        Script((Start(), Cut())),
        Script((half, Cut())),
        Script((half, End())),
        Script((half, End(clean=False))),
        Script((half, Fault("overloaded_error"))),
        Script((Start(), Fault("api_error"))),
        Script((Stall(),)),
        Script((half, Stall())),
        Script((Pause(0.5), Cut())),
        Script((Raw(b""),)),
        Script((Raw(b"<html>no</html>"),), headers={"content-type": "text/html"}),
        Script((Raw(b"data: {garbage\n\n"),)),
    ]


async def client(number: int, url: str, world: World, until: float) -> None:
    dice = random.Random(number)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        turn = 0
        while time.monotonic() < until:
            turn += 1
            await ask(session, url, world, f"c{number}t{turn}", dice)


async def ask(session: aiohttp.ClientSession, url: str, world: World, token: str, dice: random.Random) -> None:
    stream = dice.random() < 0.7
    body = {
        "model": dice.choice(ROUTES),
        "max_tokens": 100,
        "stream": stream,
        "messages": [{"role": "user", "content": token}],
    }
    try:
        async with session.post(f"{url}/v1/messages", json=body) as reply:
            answer = await reply.read()
            kind, text = read_answer(reply.status, answer, stream=stream)
        if not fits(kind, text, token):
            raise Malformed(f"not an answer to {token}: {text!r}")
    except (Malformed, ValueError, KeyError, IndexError, aiohttp.ClientError, TimeoutError) as error:
        world.problems.append(f"{token}: {type(error).__name__}: {error}")
        kind = "malformed"
    world.answers[kind] += 1


def fits(kind: str, text: str, token: str) -> bool:
    """The whole of what one provider says to this very request; or, of a broken stream, its beginning."""
    said = [text_of(token, provider) for provider in ("relay", "translate", "second", "third")]
    return text in said if kind == "whole" else any(one.startswith(text) for one in said)


async def check(router: Router, world: World) -> dict[str, Any]:
    """What must add up, as (name, ours, theirs)."""
    asked = sum(world.answers.values())
    if not await router.settled(asked):
        world.problems.append("the records did not come to the number of requests")
    outcomes = dict(router.rows("select outcome, count(*) from requests group by outcome"))
    sent = router.rows(f"select count(*) from attempts where coalesce(failure_kind, '') not in {NEVER_SENT}")[0][0]
    good = router.rows("select count(*), sum(output_tokens) from attempts where coalesce(failure_kind, '') = ''")[0]
    pairs = {
        "requests": (router.rows("select count(*) from requests")[0][0], asked),
        "upstream calls": (sent, world.served),
        "good upstream calls": (good[0], world.served - world.faulted),
        "output tokens of good calls": (good[1], (world.served - world.faulted) * USAGE.output_tokens),
        "delivered": (outcomes.get("delivered", 0), world.answers["whole"]),
        "broken off": (outcomes.get("broken_off", 0), world.answers["broken"]),
        "exhausted": (outcomes.get("exhausted", 0), world.answers["error"]),
    }
    for name, (ours, theirs) in pairs.items():
        if ours != theirs:
            world.problems.append(f"{name}: on record {ours}, seen {theirs}")
    return {name: ours for name, (ours, _) in pairs.items()}


async def run(seconds: float, seed: int) -> int:
    world = World(seed)
    with tempfile.TemporaryDirectory(prefix="ccr-chaos-") as folder:
        async with Upstream(world.answer) as up, watched(Path(folder), config(up.url)) as router:
            await clients(router, world, min(10.0, seconds / 4))  # everything is loaded and every pool has its size
            await asyncio.sleep(5)
            before = router.now
            await clients(router, world, seconds)
            highest = max(sample["rss_mb"] for sample in router.samples)
            await asyncio.sleep(65 if seconds > 60 else 5)  # after a minute idle connections are gone
            after = router.now
            counted = await check(router, world)
            up.seen.clear()
    growth_mb = after["rss_mb"] - before["rss_mb"]
    if growth_mb > MOST_GROWTH_MB:
        world.problems.append(f"memory grew by {growth_mb:.1f} MB")
    for name in ("tasks", "descriptors") if seconds > 60 else ("tasks",):
        if after[name] > before[name]:
            world.problems.append(f"{name}: {before[name]} before, {after[name]} after")
    summary = {
        "seconds": seconds, "seed": seed, "clients": CLIENTS, "faulty upstream calls": world.faulted, **counted,
        "router before": before, "highest rss_mb": highest, "router after": after, "problems": len(world.problems),
    }  # fmt: skip
    print(json.dumps(summary, indent=2))
    for problem in world.problems[:20]:
        print(f"problem: {problem}", file=sys.stderr)
    return 1 if world.problems else 0


async def clients(router: Router, world: World, seconds: float) -> None:
    until = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(client(number + int(until) % 1000 * CLIENTS, router.url, world, until))


def main() -> None:
    arguments = argparse.ArgumentParser(description="A chaos run.")
    arguments.add_argument("--short", action="store_true", help="ten seconds")
    arguments.add_argument("--seconds", type=float, default=120.0)
    arguments.add_argument("--seed", type=int, default=1)
    chosen = arguments.parse_args()
    sys.exit(asyncio.run(run(10.0 if chosen.short else chosen.seconds, chosen.seed)))


if __name__ == "__main__":
    main()
