"""The owner's rules, shadow rules and namespaces through the whole router on real sockets; reloads under load."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.e2e.bodies import hello
from tests.e2e.house import House, house
from tests.e2e.waiting import until_found
from tests.e2e.wire import Answer, post

from claude_code_router.cli.explain import as_text, recorded
from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Upstream

FINE = Script((Say("fine"),))


def config(url: str, **more: Any) -> dict[str, Any]:
    provider = {"name": "p", "api_base_url": f"{url}/v1/messages", "api_key": "sk-shared", "models": ["a", "b"]}
    return {"Providers": [provider], "Router": {"default": "p,a"}, **more}


async def test_shadow_rules_are_recorded_and_never_sent(tmp_path: Path) -> None:
    """The live rule is served; what the shadow would have done stands on the same record."""
    rules = [{"name": "live", "when": {"kind": "user"}, "use": "p,a"}]
    shadow = {"Rules": [{"name": "dark", "when": {"tokens": {"over": 0}}, "use": "p,b"}]}
    async with (
        Upstream(lambda _: FINE) as up,
        house(tmp_path, config(up.url, Rules=rules, Shadow=shadow)) as it,
    ):
        row = await it.record(await post(it.url, hello()))
        told = as_text(recorded(it.home, row["id"]))
    assert "shadow      would have gone to p,b: " in told
    assert [seen.json["model"] for seen in up.seen] == ["a"]
    assert (row["rule"], row["shadow_rule"], row["shadow_target"]) == ("live", "dark", "p,b")


async def test_namespaces_never_share_keys_rules_or_records(tmp_path: Path) -> None:
    """Many requests of three lanes at once: each goes upstream with its lane's key and rule, and its record says so."""
    lanes = {
        name: {
            "keys": {"bot": f"client-{name}"},
            "provider_keys": {"p": f"sk-{name}"},
            "Rules": [{"name": f"rule of {name}", "when": {"kind": "user"}, "use": "p,b"}],
        }
        for name in ("red", "blue")
    }
    body = hello()
    async with Upstream(lambda _: FINE) as up, house(tmp_path, config(up.url, Namespaces=lanes, APIKEY="own")) as it:

        async def ask(key: str) -> tuple[str, Answer]:
            return key, await post(it.url, body, {"authorization": f"Bearer {key}"})

        answers = await asyncio.gather(*[ask(key) for key in ("client-red", "client-blue", "own") * 10])
        crossed = await post(it.url, body, {"authorization": "Bearer client-red"}, "/ns/blue/v1/messages")
        by_path = await post(it.url, body, {"authorization": "Bearer own"}, "/ns/red/v1/messages")
        rows = {key: [await it.record(answer) for said, answer in answers if said == key] for key, _ in answers}
        red = await it.record(by_path)
    assert {answer.status for _, answer in answers} == {200}
    assert (crossed.status, by_path.status) == (403, 200)
    sent = [(seen.headers["x-api-key"], seen.json["model"]) for seen in up.seen]
    assert {one: sent.count(one) for one in sent} == {("sk-red", "b"): 11, ("sk-blue", "b"): 10, ("sk-shared", "a"): 10}
    found = {key: {(row["namespace"], row["rule"], row["target"]) for row in said} for key, said in rows.items()}
    assert found == {
        "client-red": {("red", "rule of red", "p,b")},
        "client-blue": {("blue", "rule of blue", "p,b")},
        "own": {("", "default", "p,a")},
    }
    assert red["namespace"] == "red"


async def test_reloads_under_load_lose_no_request(tmp_path: Path) -> None:
    """While the rules are edited again and again, every request is answered, by one of the configs, whole."""
    edits, done = 0, False
    async with Upstream(lambda _: FINE) as up, house(tmp_path, config(up.url)) as it:

        async def edit() -> None:
            nonlocal edits
            while not done:
                edits += 1
                use = "p,b" if edits % 2 else "p,a"
                text = json.dumps(
                    config(up.url, Rules=[{"name": f"edit {edits}", "when": {"kind": "user"}, "use": use}])
                )
                await asyncio.to_thread(it.write, text)
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as group:
            group.create_task(edit())
            answers: list[Answer] = []
            while edits < 10 or len(answers) < 150:
                answers += await asyncio.gather(*[post(it.url, hello()) for _ in range(10)])
            done = True
    assert {answer.status for answer in answers} == {200}
    assert len(up.seen) == len(answers)


async def test_a_lanes_budget_outlives_a_restart(tmp_path: Path) -> None:
    """What the records say was spent today counts after a new start, in its lane alone."""
    price = {"a": {"input": 1000, "output": 1000}}
    lanes = {"blue": {"budget": {"day_usd": 0.05}}, "red": {"budget": {"day_usd": 0.05}}}
    async with Upstream(lambda _: FINE) as up:
        content = config(up.url, Namespaces=lanes)
        content["Providers"][0]["price"] = price

        async def asked(it: House, lane: str) -> Answer:
            return await post(it.url, hello(), None, f"/ns/{lane}/v1/messages")

        async with house(tmp_path, content) as it:

            async def spent() -> bool:
                answer = await asked(it, "blue")
                return answer.status != 200

            await until_found(spent, "the lane has spent its budget")
            await it.rows("select * from requests where outcome = 'refused'", count=1)
        async with house(tmp_path, content) as it:

            async def counted() -> bool:
                return (await asked(it, "blue")).status == 400

            await until_found(counted, "the records are read")
            assert (await asked(it, "red")).status == 200
        assert len(up.seen) < 60
