"""Does escalation beat fixed tiers? In a world whose models and whose judge have known quality.

    uv run python benchmarks/escalation.py [--requests 20000] [--seed 1] [--sockets 60]

Each request has a difficulty, drawn evenly from 0 to 1. The mid tier answers it well with a probability that falls with it,
the heavy one with a flatter fall; both by one roll of the same die, so that what mid can do heavy can, too. The judge's score
of a good reply is mostly high and of a bad one mostly low; how far the two lie apart is what a judge is worth. Who is held, and
what becomes of it, is decided by the router's own code (`routing.escalation.planned`, the threshold of its plan).

Printed: share of good replies and cost per request of always mid, always heavy, and escalation at several thresholds, with 95 %
intervals; how much better each is than the random mix of the two tiers that costs the same (the frontier of fixed tiers); and
how far the closed forms of `quality.break_even` are from what was played out. Then a few requests through the whole
router on real sockets, with scripted models of the same quality, to show that it does what the simulation does.

Exit code 1 when escalation does not lie above that frontier where it ought to, when it does where the closed forms say that it
cannot (a dear mid tier with a poor judge), or when the sockets disagree.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from claude_code_router.assemble import bound_socket, run_router
from claude_code_router.config.home import Home
from claude_code_router.core.escalation import Check, EscalationSettings, Hold
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.quality.break_even import Chances, Costs, Judge, outcome
from claude_code_router.quality.intervals import Estimate, mean, wilson
from claude_code_router.routing.declared import Tier
from claude_code_router.routing.engine import decide
from claude_code_router.routing.escalation import planned
from claude_code_router.routing.table import RoutingTable
from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Seen, Upstream

MID, HEAVY, JUDGE = Target("p", "mid"), Target("p", "heavy"), Target("p", "judge")
THRESHOLDS = (0.3, 0.45, 0.6, 0.75)


class World(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    mid_usd: float
    """1: a heavy reply."""
    judge_usd: float
    apart: float
    """Of the judge's mean scores of good and of bad replies."""
    promises: bool
    """Escalation ought to pay here."""


WORLDS = (
    World(name="cheap mid, good judge", mid_usd=0.2, judge_usd=0.02, apart=0.5, promises=True),
    World(name="dear mid, good judge", mid_usd=0.5, judge_usd=0.05, apart=0.5, promises=True),
    World(name="cheap mid, poor judge", mid_usd=0.2, judge_usd=0.02, apart=0.2, promises=True),
    World(name="dear mid, poor judge", mid_usd=0.6, judge_usd=0.05, apart=0.1, promises=False),
)


class Asked(msgspec.Struct, frozen=True):
    """One request, and how everybody would do on it."""

    mid: bool
    heavy: bool
    score: float
    """The judge's, of mid's reply."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    good: Estimate
    cost: float


def draw(world: World, dice: random.Random) -> Asked:
    difficulty, roll = dice.random(), dice.random()
    mid, heavy = roll < 0.98 - 0.55 * difficulty, roll < 0.98 - 0.15 * difficulty
    centre = 0.5 + (world.apart / 2 if mid else -world.apart / 2)
    return Asked(mid, heavy, min(1.0, max(0.0, dice.gauss(centre, 0.2))))


def share(hits: Sequence[bool]) -> Estimate:
    value = sum(hits) / len(hits)
    interval = wilson(value, len(hits))
    return Estimate(value=value, low=interval.low, high=interval.high, n=len(hits))


def table_of(threshold: float) -> RoutingTable:
    return RoutingTable(
        scenarios={"default": MID},
        tiers={"mid": Tier("mid", 0, (MID,)), "heavy": Tier("heavy", 1, (HEAVY,))},
        escalation=EscalationSettings(hold=Hold(check=Check(judge=(JUDGE,), accept_from=threshold)), a_day_usd=None),
    )


def fixed(world: World, asked: Sequence[Asked]) -> tuple[Point, Point]:
    return (
        Point(name="always mid", good=share([one.mid for one in asked]), cost=world.mid_usd),
        Point(name="always heavy", good=share([one.heavy for one in asked]), cost=1.0),
    )


def escalated(world: World, asked: Sequence[Asked], threshold: float) -> Point:
    signals = Signals(model="any", tokens=100)
    table = table_of(threshold)
    decision = planned(decide(signals, table), signals, table)
    plan = decision.escalation
    assert plan is not None
    assert decision.route == Route((MID,))
    assert plan.targets == (HEAVY,)
    good, spent = [], 0.0
    for one in asked:
        accepted = one.score >= plan.check.accept_from
        good.append(one.mid if accepted else one.heavy)
        spent += world.mid_usd + world.judge_usd + (0.0 if accepted else 1.0)
    return Point(name=f"escalation, good from {threshold:g}", good=share(good), cost=spent / len(asked))


def above_the_mix(world: World, asked: Sequence[Asked], point: Point, threshold: float) -> Estimate:
    """How much better than the random mix that costs the same, request by request, so that the luck of the draw cancels."""
    part = (point.cost - world.mid_usd) / (1 - world.mid_usd)
    return mean(
        [
            (one.mid if one.score >= threshold else one.heavy) - ((1 - part) * one.mid + part * one.heavy)
            for one in asked
        ]
    )


def closed_form(world: World, asked: Sequence[Asked], threshold: float) -> tuple[float, float]:
    """(good, cost) by the formulas of docs/escalation.md, from the shares that were drawn."""
    fine, poor = [one for one in asked if one.mid], [one for one in asked if not one.mid]

    def of(rows: Sequence[Asked], *, heavy: bool) -> float:
        return sum(one.heavy if heavy else one.score >= threshold for one in rows) / len(rows)

    chances = Chances(len(fine) / len(asked), of(fine, heavy=True), of(poor, heavy=True))
    judge = Judge(of(fine, heavy=False), of(poor, heavy=False))
    found = outcome(chances, judge, Costs(world.mid_usd, world.judge_usd))
    return found.quality, found.cost


def play(world: World, requests: int, seed: int) -> tuple[list[str], bool]:
    dice = random.Random(f"{world.name} {seed}")
    asked = [draw(world, dice) for _ in range(requests)]
    lines = [f"{world.name}: a mid reply costs {world.mid_usd:g}, a judgement {world.judge_usd:g} (1: a heavy reply)"]
    lines += [_row(point) for point in fixed(world, asked)]
    best: Estimate | None = None
    off = 0.0
    for threshold in THRESHOLDS:
        point = escalated(world, asked, threshold)
        gain = above_the_mix(world, asked, point, threshold)
        quality, cost = closed_form(world, asked, threshold)
        off = max(off, abs(quality - point.good.value), abs(cost - point.cost))
        lines.append(
            f"{_row(point)}   {gain.value:+.1%} [{gain.low:+.1%}, {gain.high:+.1%}] against the mix of that cost"
        )
        best = gain if best is None or gain.low > best.low else best
    assert best is not None
    fine = best.low > 0 if world.promises else best.low <= 0
    lines.append(
        f"  the closed forms are within {off:.3f} (good replies and cost; they take the two errors as independent)"
    )
    lines.append(
        f"  {'as expected' if fine else 'NOT as expected'}: escalation {'pays' if best.low > 0 else 'does not pay'}"
    )
    return lines, fine


def _row(point: Point) -> str:
    good = point.good
    return f"  {point.name:<28} {good.value:6.1%} [{good.low:.1%}, {good.high:.1%}] good at {point.cost:.3f}"


async def on_sockets(world: World, count: int, seed: int) -> tuple[list[str], bool]:
    """The same through the router: who answered each request must be who the simulation says."""
    dice = random.Random(f"sockets {seed}")
    asked = [draw(world, dice) for _ in range(count)]
    expected = ["mid" if one.score >= 0.6 else "heavy" for one in asked]

    def answer(seen: Seen) -> Script:
        model = str(seen.json["model"])
        number = int(str(seen.body).split("request number ")[1].split(".")[0])
        if model == "judge":
            return Script((Say(json.dumps({"reason": "known", "score": round(asked[number].score * 10, 6)})),))
        return Script((Say(f"{model} answers request number {number}."),))

    async with Upstream(answer) as up:
        got = await asyncio.wait_for(_through_the_router(up.url, count), 120)
    same = sum(one == other for one, other in zip(got, expected, strict=True))
    return [
        f"on real sockets: {same} of {count} requests were answered by the tier that the simulation says"
    ], same == count


async def _through_the_router(upstream: str, count: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / ".claude-code-router")
        home.root.mkdir(parents=True)
        home.config.write_text(json.dumps(_config(upstream)))
        sock = bound_socket("127.0.0.1", 0)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/v1/messages"
        stops: list[Any] = []
        async with asyncio.TaskGroup() as group:
            group.create_task(run_router(home, sock, "benchmark", env={}, on_stop=stops.append))
            try:
                return [await asyncio.to_thread(_ask, url, number) for number in range(count)]
            finally:
                stops[0]()


def _config(upstream: str) -> Mapping[str, Any]:
    models = ["mid", "heavy", "judge"]
    return {
        "LOG": False,
        "Providers": [{"name": "p", "api_base_url": f"{upstream}/v1/messages", "api_key": "k", "models": models}],
        "Router": {"default": "p,mid"},
        "Tiers": {"mid": "p,mid", "heavy": "p,heavy"},
        "Escalation": {"hold": {"judge": "p,judge", "acceptFrom": 0.6}},
    }


def _ask(url: str, number: int) -> str:
    """Which model answered."""
    said = {"role": "user", "content": f"This is request number {number}."}
    body = json.dumps({"model": "any", "max_tokens": 99, "messages": [said]}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        text: str = json.load(reply)["content"][0]["text"]
    return text.split()[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sockets", type=int, default=60, help="requests through the whole router; 0: none")
    options = parser.parse_args()
    played = [play(world, options.requests, options.seed) for world in WORLDS]
    if options.sockets:
        played.append(asyncio.run(on_sockets(WORLDS[0], options.sockets, options.seed)))
    print("\n\n".join("\n".join(lines) for lines, _ in played))
    return 0 if all(fine for _, fine in played) else 1


if __name__ == "__main__":
    sys.exit(main())
