"""Several keys, limits, budgets, breakers and loops, through the whole router on real sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.bodies import hello
from tests.e2e.house import House, house
from tests.e2e.wire import get, post

from claude_code_router.assemble import recall_upward
from claude_code_router.config.home import Home
from claude_code_router.config.load import load
from claude_code_router.delivery.memory import Memory
from claude_code_router.delivery.upward import UpwardCaps
from claude_code_router.scripted.script import Say, Script, ScriptUsage, Wait
from claude_code_router.scripted.upstream import Seen, Upstream
from claude_code_router.store.location import location

FINE = Script((Say("fine"),), usage=ScriptUsage(input_tokens=1000, output_tokens=1000))


def provider(name: str, url: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "api_base_url": f"{url}/v1/messages", "api_key": f"sk-{name}", "models": ["m"], **more}


def config(*providers: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    names = [f"{one['name']},m" for one in providers]
    return {"Providers": providers, "Router": {"default": names[0]}, "fallback": {"default": names[1:]}, **more}


def refused(status: int, message: str = "no") -> Script:
    body = f'{{"type":"error","error":{{"type":"some_error","message":"{message}"}}}}'
    return Script(status=status, body=body.encode())


def in_session(session: str) -> dict[str, str]:
    return {"x-claude-code-session-id": session}


@pytest.mark.parametrize("status", [401, 402, 429])
async def test_a_refused_key_is_followed_by_the_next(tmp_path: Path, status: int) -> None:
    """The client sees a reply; the session stays with its new key; the record names both keys and shows neither."""

    def answer(seen: Seen) -> Script:
        return FINE if seen.headers["x-api-key"] != bad[0] else refused(status)

    bad: list[str] = ["sk-one-secret"]
    keys = [{"name": name, "api_key": f"sk-{name}-secret"} for name in ("one", "two")]
    async with Upstream(answer) as up:
        entry = provider("p", up.url, credentials=keys)
        del entry["api_key"]
        async with house(tmp_path, config(entry)) as it:
            for n in range(6):  # of six sessions some begin at the bad key, but for one chance in 64
                assert (await post(it.url, hello(), in_session(f"s{n}"))).status == 200
            tried = [seen.headers["x-api-key"] for seen in up.seen]
            assert 1 <= tried.count("sk-one-secret") <= 2  # afterwards it rests
            rows = await it.rows("select * from attempts", count=6)
            moved = [row for row in rows if row["moved_from"]]
            ready = (await get(it.url, "/health/ready")).json
    assert {row["credential"] for row in rows} <= {"one", "two"}
    assert [(row["credential"], row["moved_from"]) for row in moved] == [("two", "one")] * len(moved)
    assert "secret" not in str(rows) + str(ready)
    assert ready["resting"][0]["what"].startswith("key one of p")


async def test_sessions_stay_with_their_keys(tmp_path: Path) -> None:
    """Many sessions use all keys, one session only one."""
    async with Upstream(FINE) as up:
        entry = provider("p", up.url, api_keys=["sk-a", "sk-b", "sk-c"])
        async with house(tmp_path, config(entry)) as it:
            for n in range(24):
                await post(it.url, hello(), in_session(f"session-{n % 12}"))
    used: dict[str, set[str]] = {}
    for seen in up.seen:
        used.setdefault(seen.headers["x-claude-code-session-id"], set()).add(seen.headers["x-api-key"])
    assert all(len(keys) == 1 for keys in used.values())
    assert len(set.union(*used.values())) > 1


async def test_what_rests_is_passed_by(tmp_path: Path) -> None:
    """A refused key: the next request does not knock there any more, and its record says why."""
    async with (
        Upstream(refused(401)) as bad,
        Upstream(FINE) as good,
        house(tmp_path, config(provider("bad", bad.url), provider("good", good.url))) as it,
    ):
        for _ in range(3):
            answer = await post(it.url, hello())
            assert answer.status == 200
        attempts = await it.attempts((await it.record(answer))["id"])
        assert (await get(it.url, "/health/ready")).status == 200
    assert len(bad.seen) == 1
    assert [(row["provider"], row["failure_kind"]) for row in attempts] == [("bad", "resting"), ("good", None)]
    assert "auth" in attempts[0]["failure_message"]


async def test_when_nothing_is_well_it_is_tried_all_the_same(tmp_path: Path) -> None:
    """One target that rests: not ready, and yet every request is tried; it is ready again with the first success."""
    state = {"well": False}

    def answer(_: Seen) -> Script:
        return FINE if state["well"] else refused(401)

    async with Upstream(answer) as up, house(tmp_path, config(provider("p", up.url))) as it:
        assert (await post(it.url, hello())).status == 401
        ready = await get(it.url, "/health/ready")
        assert (ready.status, ready.json["ready"]) == (503, False)
        state["well"] = True
        assert (await post(it.url, hello())).status == 200
        assert (await get(it.url, "/health/ready")).status == 200


async def test_beyond_a_limit_the_client_is_told_when_to_come_again(tmp_path: Path) -> None:
    """429 with retry-after, for the router's own limit as for a provider's; a further target is used instead."""
    async with Upstream(FINE) as up:
        limits = {"requests_per_min": 1, "queue_s": 0}
        async with house(tmp_path / "a", config(provider("p", up.url), limits=limits)) as it:
            answers = [await post(it.url, hello()) for _ in range(2)]
            assert [answer.status for answer in answers] == [200, 429]
            assert int(answers[1].header("retry-after") or 0) > 50
            assert answers[1].error[0] == "rate_limit_error"
            assert answers[1].header("x-should-retry") is None
            assert (await it.record(answers[1]))["outcome"] == "refused"
        narrow = provider("p", up.url, limits=limits)
        async with house(tmp_path / "b", config(narrow)) as it:
            answers = [await post(it.url, hello()) for _ in range(2)]
            assert [answer.status for answer in answers] == [200, 429]
            assert int(answers[1].header("retry-after") or 0) > 50
            assert "1 requests a minute for provider p" in answers[1].error[1]
        async with house(tmp_path / "c", config(narrow, provider("other", up.url))) as it:
            answers = [await post(it.url, hello()) for _ in range(2)]
            assert [(answer.status, answer.header("x-ccr-target")) for answer in answers] == [
                (200, "p,m"),
                (200, "other,m"),
            ]


async def test_no_more_at_once_than_allowed(tmp_path: Path) -> None:
    """Others wait for their turn and get it."""
    gate = asyncio.Event()
    slow = Script((Wait(gate), Say("fine")))
    narrow = {"limits": {"concurrency": 2}}
    async with Upstream(slow) as up, house(tmp_path, config(provider("p", up.url, **narrow))) as it:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(post(it.url, hello())) for _ in range(5)]
            while len(up.seen) < 2:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            assert len(up.seen) == 2
            gate.set()
        assert [task.result().status for task in tasks] == [200] * 5
    assert len(up.seen) == 5


async def test_a_budget_stops_and_survives_a_restart(tmp_path: Path) -> None:
    """The owner's prices, counted in memory and found again in the records."""
    async with Upstream(FINE) as up:
        entry = provider("p", up.url, price={"*": {"input": 1000, "output": 1000}})
        content = config(entry, budget={"day_usd": 3.0})
        async with house(tmp_path, content) as it:
            answer = await post(it.url, hello())  # $2 each, once the prices are known
            while answer.status == 200:
                answer = await post(it.url, hello())
            assert (answer.status, answer.error[0]) == (400, "policy_blocked")
            assert "$4.00 of $3.00 today" in answer.error[1]
            served = len(up.seen)
            await it.rows("select * from attempts where cost_usd is not null", count=2)
        async with house(tmp_path, content) as it:
            await until_spent(it)
            assert (await post(it.url, hello())).status == 400
    assert len(up.seen) == served


async def test_caps_on_upward_fallbacks_survive_a_restart(tmp_path: Path) -> None:
    """The steps are marked in the records, and a new process counts them on."""
    async with Upstream(refused(529)) as down, Upstream(FINE) as up:
        cheap = provider("cheap", down.url, price={"*": {"input": 1, "output": 1}})
        dear = provider("dear", up.url, price={"*": {"input": 2, "output": 2}})
        content = config(cheap, dear, upwardFallback={"max_per_day": 2}, retry={"base_s": 0.01})
        async with house(tmp_path, content) as it:
            answer = await post(it.url, hello())
            while answer.status == 200:  # the first ones may come before the prices are known
                answer = await post(it.url, hello())
            assert "2 of 2 upward fallbacks a day" in answer.error[1]
            await it.rows("select * from attempts where upward = 1", count=2)
        home = Home(tmp_path / ".claude-code-router")
        memory = Memory()
        await recall_upward(load(home.config, {}), memory, location("", home.records))
    caps = UpwardCaps(max_per_day=2)
    assert memory.upward.refusal("", 0.0, caps, time.perf_counter()) == "2 of 2 upward fallbacks a day"
    assert memory.upward.refusal("another", 0.0, caps, time.perf_counter()) == ""


async def until_spent(it: House) -> None:
    while (await get(it.url, "/health/ready")).status == 200:
        await asyncio.sleep(0.02)


async def test_a_loop_is_refused(tmp_path: Path) -> None:
    """A provider that leads back to us: one clear answer, at once; and the config said so."""
    async with Upstream(FINE) as up, house(tmp_path, config(provider("p", up.url))) as it:
        was = (await it.health())["config"]["hash"]
        it.write(config(provider("p", it.url), provider("good", up.url)))
        await it.until_health(lambda health: health["config"]["hash"] != was)
        answer = await post(it.url, hello())
        assert (answer.status, answer.header("x-ccr-target")) == (200, "good,m")
        inner = await it.rows("select * from requests where status = 508", count=1)
    assert len(inner) == 1
    assert "been through this router already" in inner[0]["error"]
    assert "x-ccr-hop" in up.seen[0].headers


async def test_probes_without_the_key_get_a_yes_or_no(tmp_path: Path) -> None:
    """Names of providers are for those who may ask."""
    async with Upstream(refused(401)) as up, house(tmp_path, config(provider("p", up.url), APIKEY="router-key")) as it:
        key = {"x-api-key": "router-key"}
        await post(it.url, hello(), key)
        assert (await get(it.url, "/health/ready")).json == {
            "ready": False, "because": "", "resting": [], "limits": [], "budgets": [],
        }  # fmt: skip
        assert (await get(it.url, "/health/ready", key)).json["resting"][0]["what"] == "the key of p"
