"""The server over time: hot reload, clients that leave, what stands in the records."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.e2e.bodies import HELLO, hello
from tests.e2e.house import House, house
from tests.e2e.stage import Mode, config
from tests.e2e.waiting import until
from tests.e2e.wire import post, request_bytes

from claude_code_router.scripted.script import Call, Say, Script, ScriptUsage, Stall, Start, Wait
from claude_code_router.scripted.upstream import Answer as Scripted
from claude_code_router.scripted.upstream import Upstream

OK = Script((Say("ok"),))
MODES: tuple[Mode, ...] = ("relay", "translate")


@asynccontextmanager
async def served(
    root: Path, mode: Mode, answer: Scripted | Script, **settings: Any
) -> AsyncIterator[tuple[House, Upstream]]:
    async with Upstream(answer) as up:
        content = config(up.url, mode, {"default": "up,first"}, models=["second"], **settings)
        async with house(root, content) as router:
            yield router, up


def edited(up: Upstream, mode: Mode, model: str) -> dict[str, Any]:
    return config(up.url, mode, {"default": f"up,{model}"}, models=["first"])


async def test_hot_reload(tmp_path: Path) -> None:
    """An edited file is in force without a restart, and the record names the config that decided."""
    async with served(tmp_path, "relay", OK) as (router, up):
        before = await router.record(await post(router.url, HELLO))
        hash_before = (await router.health())["config"]["hash"]
        router.write(edited(up, "relay", "second"))
        await router.until_health(lambda health: health["config"]["hash"] != hash_before)
        after = await router.record(await post(router.url, HELLO))
        assert [seen.json["model"] for seen in up.seen] == ["first", "second"]
        assert before["config_hash"] == hash_before != after["config_hash"]


@pytest.mark.parametrize("broken", ['{"Providers": [', '{"Providers": [{"name": "up"}]}', "[]", ""])
async def test_broken_edit(tmp_path: Path, broken: str) -> None:
    """A broken edit keeps the config in force and says so; mending it takes effect."""
    async with served(tmp_path, "relay", OK) as (router, up):
        hash_before = (await router.health())["config"]["hash"]
        router.write(broken)
        health = await router.until_health(lambda health: health["config"]["error"] is not None)
        assert health["config"]["hash"] == hash_before
        assert (await post(router.url, HELLO)).status == 200
        router.write(edited(up, "relay", "second"))
        await router.until_health(lambda health: health["config"]["error"] is None)
        assert (await post(router.url, HELLO)).status == 200
        assert [seen.json["model"] for seen in up.seen] == ["first", "second"]


async def test_atomic_replacement(tmp_path: Path) -> None:
    """An editor that writes a new file over the old one is noticed too, and again the second time."""
    async with served(tmp_path, "relay", OK) as (router, up):
        for model in ("second", "third"):
            was: str = (await router.health())["config"]["hash"]
            fresh = router.home.root / "config.json.tmp"
            fresh.write_text(json.dumps(edited(up, "relay", model)))
            fresh.replace(router.home.config)
            await router.until_health(partial(_other_config, was))
            await post(router.url, HELLO)
        assert [seen.json["model"] for seen in up.seen] == ["second", "third"]


async def test_request_in_flight_keeps_its_config(tmp_path: Path) -> None:
    """A reply under way ends as it began while the config is swapped under it."""
    gate = asyncio.Event()
    script = Script((Say("one ", 1), Wait(gate), Say("two", 1)))
    async with served(tmp_path, "relay", script) as (router, up):
        was = (await router.health())["config"]["hash"]
        async with asyncio.TaskGroup() as group:
            running = group.create_task(post(router.url, hello(stream=True)))
            await until(lambda: bool(up.seen), "the request is upstream")
            router.write(edited(up, "relay", "second"))
            await router.until_health(lambda health: health["config"]["hash"] != was)
            gate.set()
        answer = running.result()
        assert b"two" in answer.body
        assert b"message_stop" in answer.body
        row = await router.record(answer)
        assert (row["target"], row["config_hash"], row["outcome"]) == ("up,first", was, "delivered")


def _other_config(was: str, health: dict[str, Any]) -> bool:
    return bool(health["config"]["hash"] != was)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("script", [Script((Stall(),)), Script((Start(), Stall())), Script((Say("half", 1), Stall()))])
@pytest.mark.parametrize("stream", [True, False])
async def test_client_that_leaves(tmp_path: Path, mode: Mode, script: Script, *, stream: bool) -> None:
    """Whenever a client leaves, its upstream request is cancelled at once, and the record says that it left."""
    async with served(tmp_path, mode, script) as (router, up):
        place = urlsplit(router.url)
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(request_bytes(router.url, "/v1/messages", json.dumps(hello(stream=stream)).encode()))
        await until(lambda: bool(up.seen), "the request is upstream")
        writer.close()
        await until(lambda: up.seen[0].cancelled, "the upstream's request is cancelled")
        [row] = await router.rows("select * from requests", count=1)
        assert row["outcome"] == "client_gone"
        assert row["status"] in (200, 499)  # 200 when the reply had begun


@pytest.mark.parametrize("mode", MODES)
async def test_record(tmp_path: Path, mode: Mode) -> None:
    """One row says who asked for what, where it went and why, what it used, and how long it took."""
    usage = ScriptUsage(input_tokens=10, cache_read_tokens=20, output_tokens=30)
    script = Script((Say("text"), Call("search", {"q": 1})), usage=usage)
    headers = {"x-claude-code-session-id": "a-session", "user-agent": "claude-cli/2.1.330 (external, cli)"}
    async with served(tmp_path, mode, script) as (router, _):
        body = hello(stream=True, messages=[{"role": "user", "content": "what is my secret?"}])
        answer = await post(router.url, body, headers)
        row = await router.record(answer)
        assert row["session"] == "a-session"
        assert row["asked_model"] == "claude-sonnet-5-5"
        assert (row["target"], row["provider"], row["model"]) == ("up,first", "up", "first")
        assert (row["scenario"], row["rule"]) == ("default", "default")
        assert row["because"]
        assert len(json.loads(row["verdicts"])) > 1
        assert (row["outcome"], row["status"], row["stop_reason"]) == ("delivered", 200, "tool_use")
        assert (row["input_tokens"], row["cache_read_tokens"], row["output_tokens"]) == (10, 20, 30)
        assert row["prompt_tokens"] == 30
        assert row["stream"] == 1
        assert row["body_bytes"] == len(json.dumps(body))
        assert 0 < row["first_event_ms"] <= row["total_ms"]
        assert row["prompt_hash"]
        assert not any("secret" in str(value) for value in row.values())
        assert await router.rows("select * from bodies", count=0) == []
        assert len(await router.attempts(row["id"])) == 1


async def test_every_request_has_its_row(tmp_path: Path) -> None:
    """A hundred requests at once leave a hundred rows, each with its own id, and none dropped."""
    async with served(tmp_path, "relay", OK) as (router, _):
        async with asyncio.TaskGroup() as group:
            answers = [group.create_task(post(router.url, HELLO)) for _ in range(100)]
        ids = {task.result().header("x-ccr-request-id") for task in answers}
        rows = await router.rows("select * from requests", count=100)
        assert {row["id"] for row in rows} == ids
        assert (await router.health())["records"]["dropped"] == 0


async def test_records_are_kept_over_a_restart(tmp_path: Path) -> None:
    """What was recorded before a stop is there after the next start, the last request before the stop included."""
    async with served(tmp_path, "relay", OK) as (router, _):
        first = (await post(router.url, HELLO)).header("x-ccr-request-id")
    async with served(tmp_path, "relay", OK) as (router, _):
        second = (await post(router.url, HELLO)).header("x-ccr-request-id")
        rows = await router.rows("select id from requests order by at", count=2)
        assert [row["id"] for row in rows] == [first, second]


async def test_bodies_only_if_asked_for(tmp_path: Path) -> None:
    """With RECORD_BODIES the bodies are kept, without secrets."""
    async with served(tmp_path, "relay", OK, RECORD_BODIES=True) as (router, _):
        secret = "sk-ant-api03-" + "a1B2" * 20
        await post(router.url, hello(messages=[{"role": "user", "content": f"my key is {secret}"}]))
        [row] = await router.rows("select * from bodies", count=1)
        assert "my key is" in row["request"]
        assert secret not in row["request"]
