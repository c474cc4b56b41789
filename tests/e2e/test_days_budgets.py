"""Each day's budget for what the router asks of its own accord: kept, and kept on by the process that comes after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.bodies import hello
from tests.e2e.house import House, house
from tests.e2e.waiting import until, until_found
from tests.e2e.wire import post

from claude_code_router.scripted.script import Say, Script, ScriptUsage, Wait
from claude_code_router.scripted.upstream import Seen, Upstream

A_CENT = ScriptUsage(input_tokens=1_000, output_tokens=1_000)
"""At the prices below."""
BAD = '{"score": 2, "reason": "wrong", "sure": 0.9}'


def config(url: str, **more: Any) -> dict[str, Any]:
    provider = {
        "name": "p",
        "api_base_url": f"{url}/v1/messages",
        "api_key": "sk-upstream",
        "models": ["mid", "heavy", "judge"],
        "price": {"*": {"input": 1.0, "output": 9.0}},
    }
    tiers = {"mid": "p,mid", "heavy": "p,heavy"}
    return {"LOG": False, "Providers": [provider], "Router": {"default": "p,mid"}, "Tiers": tiers, **more}


def saying(judge: str) -> Callable[[Seen], Script]:
    return lambda seen: Script((Say(judge if seen.json["model"] == "judge" else "An answer."),), usage=A_CENT)


def asked(up: Upstream, model: str) -> int:
    return sum(1 for seen in up.seen if seen.json["model"] == model)


async def _priced(it: House) -> None:
    """Prices are computed beside the requests, a moment after the start."""

    async def look() -> bool:
        row = await it.record(await post(it.url, hello(model="p,heavy")))
        return row["cost_usd"] is not None

    await until_found(look, "prices are known")


HOLD = {"hold": {"judge": "p,judge"}, "dailyBudgetUsd": 0.03}


@pytest.mark.parametrize(
    ("judge", "outcomes", "questions"),
    [(BAD, ["escalated", "delivered"], [2, 2]), ("What a fine reply!", ["delivered"] * 4, [1, 2, 3, 3])],
    ids=["escalated", "babbling judge"],
)
async def test_escalation(tmp_path: Path, judge: str, outcomes: list[str], questions: list[int]) -> None:
    """An escalated request costs three cents: two looks and the second answer. A judge that babbles costs its cent, too.
    Afterwards replies leave as they come, also in the next process."""
    looks = "select * from requests where purpose = 'score' and rule = 'escalation'"
    async with Upstream(saying(judge)) as up:
        async with house(tmp_path, config(up.url, Escalation=HOLD)) as it:
            await _priced(it)
            for outcome, count in zip(outcomes, questions, strict=True):
                row = await it.record(await post(it.url, hello()))
                await it.rows(looks, count=count)
                assert (row["outcome"], asked(up, "judge")) == (outcome, count)
        async with house(tmp_path, config(up.url, Escalation=HOLD)) as it:
            await it.until_counted()
            last = await it.record(await post(it.url, hello()))
        assert asked(up, "judge") == questions[-1]
    assert last["outcome"] == "delivered"
    assert "$0.03 of $0.03 a day are spent on escalation" in last["verdicts"]


async def test_many_at_once_do_not_spend_the_same_money(tmp_path: Path) -> None:
    """Twenty requests, and money for three: what is held while others arrive is set aside for them, and free again after."""
    gate = asyncio.Event()
    escalation = {**HOLD, "dailyBudgetUsd": 0.03}
    answers = saying(BAD)

    def answer(seen: Seen) -> Script:
        said = answers(seen)
        return Script((Wait(gate), *said.steps), usage=A_CENT) if seen.json["model"] == "mid" else said

    async with Upstream(answer) as up, house(tmp_path, config(up.url, Escalation=escalation)) as it:
        await _priced(it)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(post(it.url, hello(max_tokens=1_000))) for _ in range(20)]
            await until(lambda: asked(up, "mid") == 20, "all are asked")
            gate.set()
        rows = [await it.record(task.result()) for task in tasks]
        held = [row["outcome"] for row in rows].count("escalated")
    assert 3 <= held <= 4


async def test_a_namespace_counts_for_itself(tmp_path: Path) -> None:
    """What one has spent, before the restart too, leaves another's budget whole."""
    lanes: dict[str, Any] = {"a": {}, "b": {}}
    content = {"Escalation": {**HOLD, "dailyBudgetUsd": 0.01}, "Namespaces": lanes}
    async with Upstream(saying(BAD)) as up:
        async with house(tmp_path, config(up.url, **content)) as it:
            await _priced(it)
            await it.record(await post(it.url, hello(), path="/ns/a/v1/messages"))
            await it.rows("select * from requests where purpose = 'score'", count=1)
        async with house(tmp_path, config(up.url, **content)) as it:
            await it.until_counted()
            again = [await it.record(await post(it.url, hello(), path=f"/ns/{lane}/v1/messages")) for lane in "ab"]
    assert [row["outcome"] for row in again] == ["delivered", "escalated"]


async def test_pairs(tmp_path: Path) -> None:
    """The other tier's answers: what today's have cost is known to the next process."""
    quality = {"judge": "p,judge", "pairs": {"up": 1, "dailyBudgetUsd": 0.01}}
    async with Upstream(saying(BAD)) as up:
        async with house(tmp_path, config(up.url, Quality=quality)) as it:
            await post(it.url, hello())
            await it.rows("select * from requests where purpose = 'shadow' and cost_usd > 0", count=1)
        async with house(tmp_path, config(up.url, Quality=quality)) as it:
            await it.until_counted()
            await post(it.url, hello())
            await it.until_health(lambda health: health["scores"]["unjudged"] == 1)
    assert asked(up, "heavy") == 1


async def test_difficulty(tmp_path: Path) -> None:
    """The judge of difficulty is not asked beyond its budget, nor by the next process."""
    difficulty = {"judge": "p,judge", "dailyBudgetUsd": 0.01}
    async with Upstream(saying('{"difficulty": 2}')) as up:
        async with house(tmp_path, config(up.url, Difficulty=difficulty)) as it:
            await _priced(it)
            await post(it.url, hello())
            await it.rows("select * from requests where purpose = 'difficulty' and cost_usd > 0", count=1)
        async with house(tmp_path, config(up.url, Difficulty=difficulty)) as it:
            await it.until_counted()
            await post(it.url, hello(messages=[{"role": "user", "content": "Something else."}]))
    assert asked(up, "judge") == 1


async def test_a_new_home_is_not_read(tmp_path: Path) -> None:
    """There is nothing to find, and to open the records twice at once would be in the way of the first row."""
    more = {"Escalation": HOLD, "Difficulty": {"judge": "p,judge"}, "Quality": {"judge": "p,judge", "share": 1}}
    async with Upstream(saying(BAD)) as up, house(tmp_path, config(up.url, **more, budget={"day_usd": 5})) as it:
        await it.until_counted()
        assert not it.home.records.exists()
        await it.record(await post(it.url, hello()))
