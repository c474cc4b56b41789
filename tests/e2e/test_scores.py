"""Scores and pairs through the whole router: behind the request, within time and money, unnoticed by the client."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.bodies import hello
from tests.e2e.house import house
from tests.e2e.waiting import until
from tests.e2e.wire import post

from claude_code_router.quality.judge import epoch_of
from claude_code_router.scripted.script import Call, Cut, Pause, Say, Script, ScriptUsage, Search, Stall, Wait
from claude_code_router.scripted.upstream import Seen, Upstream

TIERS = {"light": "p,small", "mid": "p,mid", "heavy": "p,big"}
SECRET = "sk-of-the-owner-1234"
HEADERS = {"x-claude-code-session-id": "s1"}
GRADE = '{"reason": "fine", "score": 8, "sure": 0.9}'
USAGE = ScriptUsage(input_tokens=1000, output_tokens=1000)
SEARCHED = ScriptUsage(input_tokens=1000, output_tokens=1000, web_searches=1)


def config(url: str, quality: dict[str, Any], **more: Any) -> dict[str, Any]:
    provider = {
        "name": "p",
        "api_base_url": f"{url}/v1/messages",
        "api_key": SECRET,
        "models": ["small", "mid", "big", "judge"],
        "price": {"*": {"input": 1.0, "output": 9.0}},
    }
    return {
        "Providers": [provider],
        "Router": {"default": "p,mid"},
        "Tiers": TIERS,
        "Quality": {"judge": "p,judge", **quality},
        **more,
    }


Judge = Callable[[Seen], Script]


def world(judge: Judge | str = GRADE, **served: str) -> Callable[[Seen], Script]:
    """Models answer with their names, or with what is said of them here."""

    def answer(seen: Seen) -> Script:
        model = seen.json["model"]
        if model == "judge":
            return Script((Say(judge),), usage=USAGE) if isinstance(judge, str) else judge(seen)
        return Script((Say(served.get(model, f"I am {model}.")),), usage=USAGE)

    return answer


def asked(up: Upstream, model: str) -> list[Seen]:
    return [seen for seen in up.seen if seen.json["model"] == model]


SCORES = "select * from scores order by judged_by, judge"


async def test_a_reply_is_scored_behind_the_request(tmp_path: Path) -> None:
    """The client has its reply before the judge is asked; the score says who, how good, at what cost, with which chance."""
    gate = asyncio.Event()
    judge: Judge = lambda _: Script((Wait(gate), Say(GRADE)), usage=USAGE)  # noqa: E731
    async with Upstream(world(judge)) as up, house(tmp_path, config(up.url, {"share": 1})) as it:
        answer = await post(it.url, hello(), HEADERS)
        assert answer.status == 200
        await until(lambda: len(asked(up, "judge")) == 1, "the judge is asked")
        gate.set()
        [score] = await it.rows(SCORES, count=1)
        row = await it.record(answer)
        question = await it.rows("select * from requests where purpose = 'score'", count=1)
        health = await it.health()
        bodies = await it.rows("select * from bodies", count=0)
    assert (score["request_id"], score["judged_by"], score["judge"]) == (row["id"], "model", "p,judge")
    assert (score["value"], score["sure"], score["reason"], score["probability"]) == (0.8, 0.9, "fine", 1.0)
    assert score["epoch"] == epoch_of("p,judge")
    assert score["cost_usd"] == pytest.approx(0.01)
    assert (question[0]["parent"], question[0]["target"]) == (row["id"], "p,judge")
    assert health["scores"] == {"waiting": 0, "scored": 1, "paired": 0, "dropped": 0, "unjudged": 0}
    assert bodies == []


@pytest.mark.parametrize("dialect", ["anthropic", "chat", "responses"])
@pytest.mark.parametrize("stream", [True, False])
async def test_whatever_the_client_speaks(tmp_path: Path, dialect: str, stream: bool) -> None:
    """Streamed or whole, in each dialect: the judge sees the words, and neither keys nor system prompts."""
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "anthropic": ("/v1/messages", {"system": "HIDDEN", "messages": [{"role": "user", "content": "Say it."}]}),
        "chat": (
            "/v1/chat/completions",
            {"messages": [{"role": "system", "content": "HIDDEN"}, {"role": "user", "content": "Say it."}]},
        ),
        "responses": ("/v1/responses", {"instructions": "HIDDEN", "input": "Say it."}),
    }
    path, body = bodies[dialect]
    body = {**body, "model": "x", "stream": stream, "max_tokens": 500}
    async with Upstream(world(mid=f"The key is {SECRET}.")) as up, house(tmp_path, config(up.url, {"share": 1})) as it:
        await post(it.url, json.dumps(body).encode(), HEADERS, path)
        await it.rows(SCORES, count=1)
        [question] = asked(up, "judge")
    prompt = json.dumps(question.json)
    assert "Say it." in prompt
    assert "The key is [redacted]." in prompt
    assert SECRET not in prompt
    assert "HIDDEN" not in prompt
    assert not question.stream


async def test_secrets_never_reach_a_judge(tmp_path: Path) -> None:
    """Planted in the person's words, a tool's input and result, and the reply; configured ones and well-known shapes."""
    planted = [
        "sk-ant-api03-AAAABBBBCCCCDDDDEEEE",
        SECRET,
        "ghp_0123456789abcdefghij0123456789abcdef",
        "hunter2hunter2",
    ]
    words = " and ".join([*planted[:3], f"password={planted[3]}"])
    messages = [
        {"role": "user", "content": f"EARLIER {words}"},
        {"role": "assistant", "content": "done"},
        {"role": "user", "content": f"Now use {words}"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": words}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": f"401 for {words}"}]},
    ]
    async with Upstream(world(mid=f"I used {words}")) as up, house(tmp_path, config(up.url, {"share": 1})) as it:
        await post(it.url, hello(messages=messages, system=f"SYSTEM {words}"), HEADERS)
        await it.rows(SCORES, count=1)
        [question] = asked(up, "judge")
    prompt = json.dumps(question.json)
    for secret in (*planted, "EARLIER", "SYSTEM "):
        assert secret not in prompt
    for shown in ("Now use", "401 for", "I used"):
        assert shown in prompt


@pytest.mark.parametrize(
    "judge",
    [
        lambda _: Script((Cut(),)),
        lambda _: Script((), status=500),
        lambda _: Script((Stall(),)),
        lambda _: Script((Pause(5), Say(GRADE))),
        lambda _: Script((Say("Eight of ten, I would say."),)),
    ],
    ids=["down", "error", "silent", "slow", "nonsense"],
)
async def test_a_judge_that_fails_changes_nothing(tmp_path: Path, judge: Judge) -> None:
    """No score, no harm: the client is served as ever, and the tally says so."""
    quality = {"share": 1, "timeoutMs": 500}
    async with (
        Upstream(world(judge)) as up,
        house(tmp_path, config(up.url, quality, retry={"max_attempts": 1})) as it,
    ):
        began = time.monotonic()
        answer = await post(it.url, hello(), HEADERS)
        assert answer.status == 200
        assert time.monotonic() - began < 3
        await it.until_health(lambda health: health["scores"]["unjudged"] == 1)
        again = await post(it.url, hello(), HEADERS)
        assert again.status == 200
        scores = await it.rows(SCORES, count=0)
        row = await it.record(answer)
    assert (row["outcome"], scores) == ("delivered", [])


def _looked_at(n: int) -> Callable[[dict[str, Any]], bool]:
    return lambda health: bool(health["scores"]["scored"] + health["scores"]["unjudged"] == n)


async def test_the_budget_of_the_day_also_after_a_restart(tmp_path: Path) -> None:
    """What was spent today is known from the records: the next process does not begin anew."""
    quality = {"share": 1, "dailyBudgetUsd": 0.015}
    async with Upstream(world()) as up:
        async with house(tmp_path, config(up.url, quality)) as it:
            for n in range(1, 4):
                await post(it.url, hello(), HEADERS)
                await it.until_health(_looked_at(n))
            assert (await it.health())["scores"]["scored"] == 2
        async with house(tmp_path, config(up.url, quality)) as it:
            await it.until_counted()
            await post(it.url, hello(), HEADERS)
            await it.until_health(lambda health: health["scores"]["unjudged"] == 1)
    assert len(asked(up, "judge")) == 2


async def test_a_fault_needs_no_judge(tmp_path: Path) -> None:
    """A check that fails is a score of 0 by its name, free of charge."""
    answer = lambda _: Script((Call("Nobody", {"a": 1}),), usage=USAGE)  # noqa: E731
    async with Upstream(answer) as up, house(tmp_path, config(up.url, {"share": 1})) as it:
        await post(it.url, hello(), HEADERS)
        [score] = await it.rows(SCORES, count=1)
    assert (score["judged_by"], score["judge"], score["value"], score["cost_usd"]) == ("check", "tool_call", 0.0, None)
    assert asked(up, "judge") == []


async def test_tests_errands_and_the_unsampled_are_left_alone(tmp_path: Path) -> None:
    """What says that it is a test, and what a namespace excludes."""
    lanes = {"quiet": {"Quality": {"judge": "p,judge"}}}
    async with Upstream(world()) as up, house(tmp_path, config(up.url, {"share": 1}, Namespaces=lanes)) as it:
        await post(it.url, hello(), {**HEADERS, "x-ccr-purpose": "test"})
        await post(it.url, hello(), HEADERS, "/ns/quiet/v1/messages")
        counted = await post(it.url, hello(), HEADERS)
        scores = await it.rows(SCORES, count=1)
    assert [score["request_id"] for score in scores] == [counted.header("x-ccr-request-id")]


def prefers(better: str) -> Judge:
    """A judge that likes what holds this word; alone it gets 9, the other 4."""

    def judge(seen: Seen) -> Script:
        user = seen.json["messages"][0]["content"]
        if "begins: the first reply" not in user:
            said = f'{{"score": {9 if better in user else 4}}}'
        else:
            first = user.split("begins: the first reply")[1].split("begins: the second reply")[0]
            said = f'{{"better": "{"first" if better in first else "second"}"}}'
        return Script((Say(said),), usage=USAGE)

    return judge


@pytest.mark.parametrize(
    ("pairs", "other", "preferred", "values"),
    [({"up": 1}, "heavy", "other", (0.4, 0.9)), ({"down": 1}, "light", "other", (0.4, 0.9))],
)
async def test_a_pair(
    tmp_path: Path, pairs: dict[str, float], other: str, preferred: str, values: tuple[float, float]
) -> None:
    """The neighbour answers the same request unseen; both are scored and compared, and nobody is named to the judge."""
    model = {"heavy": "big", "light": "small"}[other]
    async with (
        Upstream(world(prefers(f"I am {model}."))) as up,
        house(tmp_path, config(up.url, {"pairs": pairs})) as it,
    ):
        answer = await post(it.url, hello(), HEADERS)
        [pair] = await it.rows("select * from pairs", count=1)
        served, shadow = await it.record(answer), await it.record(pair["other_id"])
        scores = await it.rows(SCORES, count=2)
        health = await it.health()
    assert b"I am mid." in answer.body
    assert (pair["request_id"], pair["probability"], pair["rule"]) == (served["id"], 1.0, "default")
    assert (pair["served_tier"], pair["other_tier"]) == ("mid", other)
    assert (pair["served_target"], pair["other_target"]) == ("p,mid", f"p,{model}")
    assert (pair["served_value"], pair["other_value"], pair["preferred"]) == (*values, preferred)
    assert (pair["judge"], pair["epoch"]) == ("p,judge", epoch_of("p,judge"))
    assert pair["served_cost_usd"] == pytest.approx(0.01)
    assert pair["other_cost_usd"] == pytest.approx(0.01)
    assert pair["judge_cost_usd"] == pytest.approx(0.04)
    assert (shadow["purpose"], shadow["parent"], shadow["tier"]) == ("shadow", served["id"], other)
    assert {score["request_id"] for score in scores} == {served["id"], shadow["id"]}
    assert health["scores"]["paired"] == 1
    [first, again] = [seen.body for seen in up.seen if seen.json["model"] in ("mid", model)]
    assert first.replace(b'"mid"', b'"*"') == again.replace(f'"{model}"'.encode(), b'"*"')
    assert not any(b"p,mid" in seen.body or b"heavy" in seen.body for seen in asked(up, "judge"))


async def test_what_offers_tools_is_paired_and_nothing_is_carried_out(tmp_path: Path) -> None:
    """Both answers are judged as they stand, calls included; a step in the tool loop is never asked twice."""
    tools = [{"name": "Read", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}}]

    def answer(seen: Seen) -> Script:
        if seen.json["model"] == "judge":
            return prefers("a.py")(seen)
        return Script((Call("Read", {"path": "a.py" if seen.json["model"] == "mid" else "b.py"}),), usage=USAGE)

    step = [
        {"role": "user", "content": "Read it."},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "Read", "input": {"path": "a.py"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "x = 1"}]},
    ]
    async with Upstream(answer) as up, house(tmp_path, config(up.url, {"pairs": {"up": 1}})) as it:
        await post(it.url, hello(tools=tools), HEADERS)
        [pair] = await it.rows("select * from pairs", count=1)
        await it.record(await post(it.url, hello(tools=tools, messages=step), HEADERS))
        await it.until_health(lambda health: health["scores"]["waiting"] == 0)
        assert len(asked(up, "big")) == 1
    assert pair["preferred"] == "served"


CODEX: dict[str, Any] = {
    "model": "x",
    "instructions": "You are Codex.",
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "Say it."}]}],
    "tools": [{"type": "function", "name": "shell", "parameters": {"type": "object"}}, {"type": "web_search"}],
    "store": False,
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("path", "dialect"), [("/v1/messages", "anthropic"), ("/v1/responses", "openai_responses")])
async def test_a_client_that_offers_the_search_with_every_request(
    tmp_path: Path, path: str, dialect: str, stream: bool
) -> None:
    """Its turns are paired, without the search; a turn that was searched for is not, nor one that offers what acts."""

    def answer(seen: Seen) -> Script:
        if seen.json["model"] == "mid" and b"news" in seen.body:
            return Script((Search("news", (("News", "https://news.example"),)), Say("I am mid.")), usage=SEARCHED)
        return world(prefers("I am mid."))(seen)

    async with Upstream(answer) as up:
        settings = config(up.url, {"pairs": {"up": 1}})
        served = {**settings["Providers"][0], "name": "r", "api_base_url": up.url + path, "dialect": dialect}
        settings["Providers"].append(served)
        settings["Router"] = {"default": "r,mid"}
        settings["Tiers"] = {"mid": "r,mid", "heavy": "r,big"}
        async with house(tmp_path, settings) as it:
            body = {**CODEX, "stream": stream}
            for more in (
                {"input": "Any news?"},
                {"input": "Run it.", "tools": [*CODEX["tools"], {"type": "code_interpreter"}]},
                {},
            ):
                await post(it.url, {**body, **more}, HEADERS, "/v1/responses")
            [pair] = await it.rows("select * from pairs", count=1)
            await it.until_health(lambda health: health["scores"]["waiting"] == 0)
            shadows = await it.rows("select * from requests where purpose = 'shadow'", count=1)
    assert (len(shadows), pair["preferred"]) == (1, "served")
    [plain] = [seen for seen in asked(up, "mid") if b"Say it." in seen.body]
    [other] = asked(up, "big")
    assert b"web_search" in plain.body
    assert b"web_search" not in other.body
    assert b"shell" in other.body


async def test_a_pairs_budget_and_a_broken_other(tmp_path: Path) -> None:
    """Beyond the day's money nothing is asked; a tier that fails makes no pair."""

    def answer(seen: Seen) -> Script:
        return Script((Cut(),)) if seen.json["model"] == "big" else world()(seen)

    async with Upstream(answer) as up, house(tmp_path, config(up.url, {"pairs": {"up": 1}})) as it:
        await post(it.url, hello(), HEADERS)
        await it.until_health(lambda health: health["scores"]["unjudged"] == 1)
        assert await it.rows("select * from pairs", count=0) == []
    async with Upstream(world()) as up:
        quality = {"pairs": {"up": 1, "dailyBudgetUsd": 0}}
        async with house(tmp_path / "b", config(up.url, quality)) as it:
            await post(it.url, hello(), HEADERS)
            await it.until_health(lambda health: health["scores"]["unjudged"] == 1)
            assert asked(up, "big") == []


async def test_beside_escalation(tmp_path: Path) -> None:
    """A reply that was held and let go is judged once, and sampling takes that score; one that was answered again by the next
    tier up is not sampled."""
    escalation = {"hold": {"tiers": ["mid"], "judge": "p,judge", "acceptFrom": 0.5}}
    poor: Judge = lambda seen: Script((Say(f'{{"score": {2 if b"POOR" in seen.body else 9}}}'),), usage=USAGE)  # noqa: E731

    def answer(seen: Seen) -> Script:
        if seen.json["model"] == "mid":
            return Script((Say("POOR" if b"hard" in seen.body else "fine"),), usage=USAGE)
        return world(poor)(seen)

    async with Upstream(answer) as up:
        settings = config(up.url, {"share": 1}, Escalation=escalation)
        async with house(tmp_path, settings) as it:
            kept = await it.record(await post(it.url, hello(), HEADERS))
            hard = hello(messages=[{"role": "user", "content": "hard"}])
            raised = await it.record(await post(it.url, hard, HEADERS))
            await it.until_health(
                lambda health: health["scores"]["scored"] == 1 and not health["escalation"]["waiting"]
            )
            scores = await it.rows("select * from scores order by value", count=3)
    assert (kept["outcome"], raised["outcome"]) == ("delivered", "escalated")
    assert len(asked(up, "judge")) == 3
    assert {(score["request_id"], score["value"]) for score in scores} == {
        (raised["id"] + "-short", 0.2),
        (raised["id"], 0.9),
        (kept["id"], 0.9),
    }
    assert [score["probability"] for score in scores] == [None] * 3


OTHERS = {"hold": {"judge": "p,small", "acceptFrom": 0.3}}


@pytest.mark.parametrize(
    "escalation",
    [{"hold": {"judge": "p,judge", "acceptFrom": 0.3}}, {"nextTurn": {"judge": "p,judge"}}, OTHERS, {"hold": {}}],
    ids=["held", "next turn", "another judge", "checks alone"],
)
async def test_one_judge_is_asked_once_about_a_reply(tmp_path: Path, escalation: dict[str, Any]) -> None:
    """Held, or looked at behind, and drawn for a pair, too: two replies and their comparison in both orders are four
    questions. Another judge's score is another score, and both stand on the records."""

    def judge(seen: Seen) -> Script:
        return prefers("I am big.")(seen)

    def answer(seen: Seen) -> Script:
        return judge(seen) if seen.json["model"] == "small" else world(judge)(seen)

    async with Upstream(answer) as up:
        settings = config(up.url, {"share": 1, "pairs": {"up": 1}}, Escalation=escalation)
        async with house(tmp_path, settings) as it:
            served = await it.record(await post(it.url, hello(), HEADERS))
            [pair] = await it.rows("select * from pairs", count=1)
            scores = await it.rows(SCORES, count=2)
    assert len(asked(up, "judge")) == 4
    assert (pair["served_value"], pair["other_value"], pair["preferred"]) == (0.4, 0.9, "other")
    assert pair["judge_cost_usd"] == pytest.approx(0.04)
    own = [score["judge"] for score in scores if score["request_id"] == served["id"]]
    assert own == (["p,judge", "p,small"] if escalation is OTHERS else ["p,judge"])
