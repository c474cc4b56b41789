"""The gate before a reload, on real sockets: an edit is replayed over what the router has recorded, and taken in or not."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e import stage
from tests.e2e.bodies import hello
from tests.e2e.house import House, house
from tests.e2e.wire import Answer, post

from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Upstream

FINE = Script((Say("fine"),))
GATE = {"failOn": ["heavy_share>0.5"], "minimum": 3}
ALL_HEAVY = {"Router": {"default": "p,big"}}
HARMLESS = {"Router": {"default": "p,small", "think": "p,big"}}


def config(up: Upstream, **more: Any) -> dict[str, Any]:
    provider = {
        "name": "p",
        "api_base_url": f"{up.url}/v1/messages",
        "api_key": "k",
        "models": ["small", "big"],
        "transformer": {"use": ["Anthropic"]},
    }
    return {
        "Providers": [provider],
        "Router": {"default": "p,small"},
        "Tiers": {"light": "p,small", "heavy": "p,big"},
        "ReloadGate": GATE,
        **more,
    }


async def asked(it: House, count: int, path: str = "/v1/messages") -> None:
    """So many requests, and their records."""
    before = len(await it.rows("select id from requests", count=0))
    answers = await asyncio.gather(*[post(it.url, hello(), None, path) for _ in range(count)])
    assert {answer.status for answer in answers} == {200}
    await it.rows("select id from requests", count=before + count)


def models(up: Upstream) -> list[str]:
    return [seen.json["model"] for seen in up.seen]


def in_force(was: str, health: Mapping[str, Any]) -> bool:
    return bool(health["config"]["hash"] != was)


def refused(before: str | None, health: Mapping[str, Any]) -> bool:
    return health["config"]["error"] not in (None, before)


async def edited(it: House, content: Mapping[str, Any]) -> dict[str, Any]:
    """What /health says of the config as soon as the edit is in force or refused."""
    was = (await it.health())["config"]
    it.write(content)
    found = await it.until_health(lambda health: in_force(was["hash"], health) or refused(was["error"], health))
    told: dict[str, Any] = found["config"]
    return told


async def test_while_traffic_flows(tmp_path: Path) -> None:
    """An edit that a condition speaks against is not in force, and `ccr status` says which, with its figure and the way round;
    the next one is. No request is lost, and none has gone by the refused rules."""
    answers: list[Answer] = []
    async with Upstream(lambda _: FINE) as up, stage.router(tmp_path, config(up)) as url:
        it = House(tmp_path, url)
        await asked(it, 5)
        port = int(url.rpartition(":")[2])
        stop = asyncio.Event()

        async def traffic() -> None:
            while not stop.is_set():
                answers.append(await post(url, hello()))
                await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as group:
            group.create_task(traffic())
            against = await edited(it, config(up, PORT=port, **ALL_HEAVY))
            status = await ccr(tmp_path, "status")
            it.write(config(up, PORT=port, **HARMLESS))
            passed = (await it.until_health(lambda health: in_force(against["hash"], health)))["config"]
            stop.set()
    assert "heavy_share>0.5: it is 1" in against["error"]
    for part in ("is ignored", "the reload gate refuses this edit", "heavy_share>0.5: it is 1", "ccr restart"):
        assert part in status
    assert passed["error"] is None
    assert "heavy_share>0.5: it is 0" in passed["gate"]
    assert {answer.status for answer in answers} == {200}
    assert set(models(up)) == {"small"}


async def ccr(home: Path, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "claude_code_router.cli", *arguments,
        env={**os.environ, "HOME": str(home)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    return out.decode()


async def test_a_newer_edit_overtakes(tmp_path: Path) -> None:
    """Quick saves: what is looked at is left for what is newer, and the last one counts, though the first would be refused."""
    async with Upstream(lambda _: FINE) as up, house(tmp_path, config(up)) as it:
        await asked(it, 3)
        it.write(config(up, **ALL_HEAVY))
        looking = await it.until_health(lambda health: "replays the last edit" in health["config"]["gate"])
        it.write("{ broken")
        it.write(config(up, **HARMLESS))
        told = await it.until_health(lambda health: in_force(looking["config"]["hash"], health))
        await asked(it, 1)
    assert looking["config"]["error"] is None
    assert told["config"]["error"] is None
    assert set(models(up)) == {"small"}


async def test_what_cannot_be_told_is_let_in_loudly(tmp_path: Path) -> None:
    """Too few records, or a database that is down: an edit may be what ends an outage."""
    down = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    async with Upstream(lambda _: FINE) as up, house(tmp_path, config(up)) as it:
        few = await edited(it, config(up, **ALL_HEAVY))
        broken = await edited(it, config(up, **HARMLESS, **down))
    assert "could not judge" in few["gate"] and "it takes at least 3" in few["gate"]
    assert "could not judge" in broken["gate"] and "the replay failed" in broken["gate"]
    assert few["error"] is broken["error"] is None


async def test_the_gate_can_be_taken_away(tmp_path: Path) -> None:
    """By a save of its own, which is in force at once; or by a start, which takes the file as it is."""
    async with Upstream(lambda _: FINE) as up:
        async with house(tmp_path, config(up)) as it:
            await asked(it, 3)
            both = await edited(it, config(up, ReloadGate=None, **ALL_HEAVY))
            alone = await edited(it, config(up, ReloadGate=None))
            after = await edited(it, config(up, ReloadGate=None, **ALL_HEAVY))
        assert "heavy_share>0.5" in both["error"], "an edit does not take away its own judge"
        assert (alone["error"], alone["gate"], after["error"]) == (None, "", None)
        async with house(tmp_path, config(up, **ALL_HEAVY)) as it:
            await asked(it, 1)
    assert models(up) == ["small"] * 3 + ["big"]


async def test_a_namespaces_own_gate(tmp_path: Path) -> None:
    """It is about that namespace's requests and tiers, whatever the others do."""

    def lanes(default: str) -> dict[str, Any]:
        lane = {
            "Router": {"default": default},
            "Tiers": {"little": "p,small", "large": "p,big"},
            "ReloadGate": {"failOn": ["large_share>0.5"], "minimum": 3},
        }
        return {"ReloadGate": None, "Namespaces": {"reviews": lane}}

    async with Upstream(lambda _: FINE) as up, house(tmp_path, config(up, **lanes("p,small"))) as it:
        await asked(it, 3, "/ns/reviews/v1/messages")
        await asked(it, 5)
        others = await edited(it, config(up, **lanes("p,small"), **ALL_HEAVY))
        against = await edited(it, config(up, **lanes("p,big"), **ALL_HEAVY))
    assert others["error"] is None
    assert "3 requests in reviews" in others["gate"]
    assert "3 requests in reviews" in against["error"]
    assert "large_share>0.5: it is 1" in against["error"]
