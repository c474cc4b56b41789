"""`/api/scores`: callers tell what they know of a reply, and ask what is known; nobody else's door, nobody else's requests."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.bodies import hello
from tests.e2e.house import House, house
from tests.e2e.wire import Answer, get, post

from claude_code_router.cli.explain import as_text, recorded
from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Upstream

COMMAND = (sys.executable, "-m", "claude_code_router.cli", "logs", "--json")
HELLO = Script((Say("hi"),))


def config(url: str, **more: Any) -> dict[str, Any]:
    provider = {"name": "p", "api_base_url": f"{url}/v1/messages", "api_key": "k" * 12, "models": ["m"]}
    return {"Providers": [provider], "Router": {"default": "p,m"}, **more}


async def scored(it: House, body: Any, headers: dict[str, str] | None = None, path: str = "/api/scores") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await post(it.url, raw, headers or {}, path)


async def test_a_score_at_once_and_what_is_known(tmp_path: Path) -> None:
    """Right behind the reply; by value or by good; read back by id, in `ccr explain` and in `ccr logs --json`."""
    async with Upstream(HELLO) as up, house(tmp_path, config(up.url)) as it:
        id = (await post(it.url, hello(), {})).header("x-ccr-request-id")
        made = await scored(it, {"request_id": id, "value": 0.25, "judge": "eval", "reason": "poor", "sure": 0.5})
        passed = await scored(it, {"request_id": id, "good": True, "judge": "pytest"})
        await it.rows("select * from scores", count=2)
        known = await get(it.url, f"/api/scores?request_id={id}")
        told = as_text(recorded(it.home, str(id)))
        env = {**os.environ, "HOME": str(tmp_path)}
        listed = await asyncio.to_thread(
            subprocess.run, COMMAND, capture_output=True, text=True, env=env, timeout=30, check=True
        )
    assert (made.status, made.json["request_id"], made.json["value"]) == (201, id, 0.25)
    assert passed.json["value"] == 1.0
    assert known.status == 200
    assert [(one["judged_by"], one["judge"], one["value"], one["sure"]) for one in known.json["scores"]] == [
        ("caller", "eval", 0.25, 0.5),
        ("caller", "pytest", 1.0, None),
    ]
    assert known.json["pairs"] == []
    assert "score     0.25 by caller eval, 50% sure: poor" in told
    assert [score["judge"] for score in json.loads(listed.stdout)["scores"]] == ["eval", "pytest"]
    assert "score     1.00 by caller pytest" in told


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "no score"),
        (b"[]", 400, "no score"),
        ({"value": 1}, 400, "request_id"),
        ({"request_id": "req_x"}, 400, "exactly one of `value` and `good`"),
        ({"request_id": "req_x", "value": 1, "good": True}, 400, "exactly one"),
        ({"request_id": "req_x", "value": 7}, 400, "from 0 to 1"),
        ({"request_id": "req_x", "value": "1"}, 400, "value"),
        ({"request_id": "req_x", "good": 1}, 400, "good"),
        ({"request_id": "req_x", "value": 1, "sure": -1}, 400, "`sure`"),
        ({"request_id": "req_x", "value": 1, "grade": 1}, 400, "grade"),
        ({"request_id": "", "value": 1}, 400, "x-ccr-request-id"),
        ({"request_id": "r" * 65, "value": 1}, 400, "x-ccr-request-id"),
        ({"request_id": "req_x", "value": 1, "judge": ""}, 400, "`judge`"),
        ({"request_id": "req_x", "value": 1, "judge": "a\nb"}, 400, "`judge`"),
        ({"request_id": "req_x", "value": 1, "reason": "r" * 2001}, 400, "`reason`"),
        ({"request_id": "req_nobody", "value": 1}, 404, "No recorded request"),
        (b" " * 70_000, 413, "64 kB"),
    ],
    ids=range(17),
)
async def test_what_is_no_score(tmp_path: Path, body: Any, status: int, said: str) -> None:
    """A sentence that says what would be right, in JSON."""
    async with Upstream(HELLO) as up, house(tmp_path, config(up.url)) as it:
        answer = await scored(it, body)
        assert answer.status == status
        assert said in answer.json["error"]["message"]
        assert await it.rows("select * from scores", count=0) == []


async def test_what_is_asked_for_wrongly(tmp_path: Path) -> None:
    """Without an id, with an unknown one, with another method."""
    async with Upstream(HELLO) as up, house(tmp_path, config(up.url)) as it:
        assert (await get(it.url, "/api/scores")).status == 400
        assert (await get(it.url, "/api/scores?request_id=req_x")).status == 404


async def test_the_door_is_that_of_the_rest(tmp_path: Path) -> None:
    """A web page may not; with an APIKEY nobody may without it."""
    async with Upstream(HELLO) as up:
        async with house(tmp_path, config(up.url)) as it:
            foreign = await scored(it, {}, {"origin": "https://evil.example"})
            rebound = await scored(it, {}, {"host": "evil.example"})
        async with house(tmp_path / "b", config(up.url, APIKEY="open-sesame-1")) as it:
            closed = await scored(it, {})
            open_ = await scored(it, {}, {"x-api-key": "open-sesame-1"})
    assert [one.status for one in (foreign, rebound, closed, open_)] == [403, 403, 401, 400]


async def test_a_namespace_sees_its_own(tmp_path: Path) -> None:
    """Its key neither scores nor reads the requests of others; the owner's may."""
    lanes = {"blue": {"keys": {"b": "blue-key-1234"}}, "red": {"keys": {"r": "red-key-12345"}}}
    blue, red = {"x-api-key": "blue-key-1234"}, {"x-api-key": "red-key-12345"}
    async with (
        Upstream(HELLO) as up,
        house(tmp_path, config(up.url, Namespaces=lanes, APIKEY="open-sesame-1")) as it,
    ):
        id = (await post(it.url, hello(), blue)).header("x-ccr-request-id")
        mine = await scored(it, {"request_id": id, "good": False}, blue)
        theirs = await scored(it, {"request_id": id, "good": True}, red)
        read = await get(it.url, f"/api/scores?request_id={id}", red)
        owner = await scored(it, {"request_id": id, "good": True}, {"x-api-key": "open-sesame-1"})
    assert [one.status for one in (mine, theirs, read, owner)] == [201, 404, 404, 201]
