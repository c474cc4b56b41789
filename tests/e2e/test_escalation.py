"""Escalation through the whole router: every client's dialect, streamed and whole, relayed and translated.

Held and released is byte-equal to unheld; escalated is the stronger reply and nothing of the first; whatever happens to the
judge changes nothing but the record.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.e2e.bodies import hello
from tests.e2e.house import House, house
from tests.e2e.waiting import until, until_found
from tests.e2e.wire import Answer, post, request_bytes

from claude_code_router.cli.explain import as_text, recorded
from claude_code_router.scripted.script import Call, Cut, Say, Script, Stall, Step, Think, Wait
from claude_code_router.scripted.upstream import Seen, Upstream

BAD = '{"reason": "wrong", "score": 2, "sure": 0.9}'
GOOD = '{"reason": "right", "score": 9, "sure": 0.9}'
HEADERS = {"x-claude-code-session-id": "s1"}
HOLD = {"hold": {"tiers": ["mid"], "judge": "j,judge", "timeoutMs": 3000}}
PATHS = {"anthropic": "/v1/messages", "openai_chat": "/v1/chat/completions", "openai_responses": "/v1/responses"}
CLIENTS = [*PATHS, "gemini"]
PRICES = {"*": {"input": 1000.0, "output": 1000.0}}
"""A dollar for a thousand tokens: costs can be read."""

Answers = Callable[[Seen], Script]


def config(url: str, *, mid: str = "anthropic", heavy: str = "anthropic", **more: Any) -> dict[str, Any]:
    def provider(name: str, dialect: str, model: str) -> dict[str, Any]:
        address = {"name": name, "api_base_url": url + PATHS[dialect], "api_key": "sk-of-the-owner-1234"}
        return {**address, "models": [model], "dialect": dialect, "price": PRICES}

    providers = [provider("m", mid, "mid"), provider("h", heavy, "heavy"), provider("j", "anthropic", "judge")]
    tiers = {"mid": "m,mid", "heavy": "h,heavy"}
    return {
        "LOG": False,
        "Providers": providers,
        "Router": {"default": "m,mid"},
        "Tiers": tiers,
        "Escalation": HOLD,
        "retry": {"max_attempts": 1},
        **more,
    }


def poor(*steps: Step) -> tuple[Step, ...]:
    return steps or (Say("a poor answer", 4), Call("search", {"query": "poor"}, id="call_poor"))


def playing(mid: Script, heavy: Script, verdict: Callable[[Seen], Script]) -> Answers:
    return lambda seen: {"mid": lambda: mid, "heavy": lambda: heavy, "judge": lambda: verdict(seen)}[
        seen.json["model"]
    ]()


def judged(said: str) -> Callable[[Seen], Script]:
    return lambda _: Script((Say(said),))


def by_its_words(seen: Seen) -> Script:
    return Script((Say(BAD if b"poor" in seen.body else GOOD),))


def asked(dialect: str, *, stream: bool) -> dict[str, Any]:
    tool: Any = {"type": "object", "properties": {"query": {"type": "string"}}}
    if dialect == "anthropic":
        return hello(stream=stream, tools=[{"name": "search", "input_schema": tool}])
    if dialect == "openai_chat":
        function: Any = {"type": "function", "function": {"name": "search", "parameters": tool}}
        usage = {"stream_options": {"include_usage": True}} if stream else {}
        messages = [{"role": "user", "content": "hi"}]
        return {"model": "any", "stream": stream, "messages": messages, "tools": [function], **usage}
    if dialect == "gemini":
        declared = {"functionDeclarations": [{"name": "search", "parametersJsonSchema": tool}]}
        return {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "tools": [declared]}
    function = {"type": "function", "name": "search", "parameters": tool, "strict": False}
    return {"model": "any", "stream": stream, "input": "hi", "tools": [function]}


def path_of(client: str, *, stream: bool) -> str:
    if client != "gemini":
        return PATHS[client]
    return "/v1beta/models/any:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")


def without_ids(body: bytes) -> bytes:
    """What is made up anew for every reply, and the time."""
    body = re.sub(rb'"(msg|req|chatcmpl|resp|rs|fc|call|toolu|item|ms|ctc)[_-][A-Za-z0-9_-]+"', b'"id"', body)
    body = re.sub(rb'"(responseId|createTime)":\s?"[^"]*"', b'"made":"up"', body)
    return re.sub(rb'"created(_at)?":\s?[0-9.]+', b'"created":0', body)


def rows_for(seen: list[Seen], model: str) -> list[Seen]:
    return [one for one in seen if one.json["model"] == model]


WAYS = [pytest.param(True, id="stream"), pytest.param(False, id="whole")]


@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize("mid", ["anthropic", "openai_chat"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_released_is_what_it_would_have_been(tmp_path: Path, client: str, mid: str, stream: bool) -> None:
    """A good reply, with thinking and a tool call in it, arrives as without escalation."""
    script = Script(
        (Think("hm", signature="c2lnbmVk"), Say("a good answer", 5), Call("search", {"query": "x"}, id="call_1"))
    )
    answers = playing(script, Script((Say("not asked"),)), judged(GOOD))
    body = asked(client, stream=stream)
    bodies: list[bytes] = []
    for held in (True, False):
        async with Upstream(answers) as up:
            content = config(up.url, mid=mid)
            if not held:
                del content["Escalation"]
            async with house(tmp_path / str(len(bodies)), content) as it:
                answer = await post(it.url, body, HEADERS, path_of(client, stream=stream))
                row = await it.record(answer)
            assert rows_for(up.seen, "heavy") == []
            assert len(rows_for(up.seen, "judge")) == (1 if held else 0)
        assert (answer.status, answer.complete, row["outcome"]) == (200, True, "delivered")
        bodies.append(without_ids(answer.body))
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize(
    ("mid", "heavy"), [("anthropic", "anthropic"), ("openai_chat", "anthropic"), ("anthropic", "openai_chat")]
)
@pytest.mark.parametrize("client", CLIENTS)
async def test_escalated_is_the_second_reply_whole(
    tmp_path: Path, client: str, mid: str, heavy: str, stream: bool
) -> None:
    """Nothing of the first; with its tool call; as if the stronger target had been asked from the start."""
    strong = Script((Say("the right answer", 5), Call("search", {"query": "right"}, id="call_right")))
    answers = playing(Script(poor()), strong, by_its_words)
    body = asked(client, stream=stream)
    async with Upstream(answers) as up:
        content = config(up.url, mid=mid, heavy=heavy)
        async with house(tmp_path, content) as it:
            answer = await post(it.url, body, HEADERS, path_of(client, stream=stream))
            content["Router"] = {"default": "h,heavy"}
            it.write(content)
            await it.until_health(lambda _: True)
            row = await it.record(answer)
            attempts = await it.attempts(row["id"])
            [pair] = await it.rows("select * from pairs", count=1)
            scores = await it.rows("select * from scores order by value", count=2)
            told = as_text(recorded(it.home, row["id"]))
        async with house(tmp_path / "plain", content) as it:
            plain = await post(it.url, body, HEADERS, path_of(client, stream=stream))
    assert without_ids(answer.body) == without_ids(plain.body)
    assert b"poor" not in answer.body
    assert b"right" in answer.body
    assert (row["outcome"], row["tier"], row["model"]) == ("escalated", "heavy", "heavy")
    assert [(a["model"], a["failure_kind"], a["output_tokens"]) for a in attempts] == [
        ("mid", "fell_short", 5),
        ("heavy", None, 5),
    ]
    assert [(s["request_id"], s["value"]) for s in scores] == [(row["id"] + "-short", 0.2), (row["id"], 0.9)]
    assert (pair["probability"], pair["escalated"]) == (1.0, 1)
    assert (pair["served_tier"], pair["served_value"], pair["other_tier"], pair["other_value"]) == (
        "heavy",
        0.9,
        "mid",
        0.2,
    )
    assert "j,judge gave 0.2 of 1, below 0.6" in told
    assert "if it falls short heavy answers (h,heavy)" in told


@pytest.mark.parametrize(
    ("pairs", "budget_usd", "preferred"), [({"up": 0.5}, 5, "served"), ({}, 5, ""), ({"up": 0.5}, 0, "")]
)
async def test_an_escalated_pair_is_compared_blind(
    tmp_path: Path, pairs: dict[str, float], budget_usd: float, preferred: str
) -> None:
    """In both orders, by the judge that scored both, where pairs are compared at all and for their money; else it is a pair
    without a preference."""

    def verdict(seen: Seen) -> Script:
        text = json.dumps(seen.json)
        if "the first reply" not in text:
            return by_its_words(seen)
        first = text.index("the right answer") < text.index("poor")
        return Script((Say(json.dumps({"reason": "r", "better": "first" if first else "second"})),))

    async with Upstream(playing(Script(poor()), Script((Say("the right answer"),)), verdict)) as up:
        quality = {"judge": "j,judge", "dailyBudgetUsd": budget_usd, "pairs": pairs}
        async with house(tmp_path, config(up.url, Quality=quality)) as it:
            answer = await post(it.url, asked("anthropic", stream=True), HEADERS)
            row = await it.record(answer)
            [pair] = await it.rows("select * from pairs", count=1)
    assert row["outcome"] == "escalated"
    assert (pair["request_id"], pair["other_id"], pair["escalated"]) == (row["id"], f"{row['id']}-short", 1)
    assert (pair["served_value"], pair["other_value"], pair["preferred"]) == (0.9, 0.2, preferred)
    compared = [seen for seen in rows_for(up.seen, "judge") if "the first reply" in json.dumps(seen.json)]
    assert len(compared) == (2 if preferred else 0)


async def test_the_second_request_is_the_clients_own(tmp_path: Path) -> None:
    """Cache markers, odd fields, the order of keys: the stronger target gets the client's bytes but for the model."""
    body = json.dumps(
        {
            "system": [{"type": "text", "text": "be kind", "cache_control": {"type": "ephemeral"}}],
            "model": "claude-sonnet-5-5",
            "odd": [1.0, {"x": None}],
            "max_tokens": 64,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}
            ],
        },
        indent=1,
    ).encode()
    async with Upstream(playing(Script(poor()), Script((Say("right"),)), judged(BAD))) as up:
        async with house(tmp_path, config(up.url)) as it:
            await post(it.url, body, HEADERS)
        [first], [second] = rows_for(up.seen, "mid"), rows_for(up.seen, "heavy")
    assert second.body == body.replace(b"claude-sonnet-5-5", b"heavy")
    assert first.body.replace(b'"mid"', b'"heavy"') == second.body


DOWN: Mapping[str, Callable[[Seen], Script]] = {
    "refuses": lambda _: Script(status=500),
    "resets": lambda _: Script((Cut(),)),
    "hangs": lambda _: Script((Stall(),)),
    "babbles": judged("I think it is fine!"),
    "is out of range": judged('{"reason": "x", "score": 99, "sure": 1}'),
    "is told what to say": judged('{"reason": "x", "score": 2, "sure": 1, "and": "more"}'),
}


@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize("trouble", DOWN)
async def test_a_judge_that_fails_changes_nothing_but_the_record(tmp_path: Path, trouble: str, stream: bool) -> None:
    """The reply is released as it is, in time; the judge's own row says what became of it."""
    answers = playing(Script((Say("an answer"),)), Script((Say("never"),)), DOWN[trouble])
    hold = {"hold": {"judge": "j,judge", "timeoutMs": 400}}
    async with Upstream(answers) as up, house(tmp_path, config(up.url, Escalation=hold)) as it:
        answer = await post(it.url, hello(stream=stream), HEADERS)
        row = await it.record(answer)
        rows = await it.rows("select * from requests where purpose = 'score'", count=1)
        scores = await it.rows("select * from scores", count=0)
        assert rows_for(up.seen, "heavy") == []
    assert answer.status == 200
    assert b"an answer" in answer.body.replace(b'"}}\n', b"") or stream
    assert (row["outcome"], row["attempt_count"], scores) == ("delivered", 1, [])
    assert [(one["parent"], one["outcome"]) for one in rows] == [
        (row["id"], "exhausted" if trouble in ("refuses", "resets", "hangs") else "delivered")
    ]
    assert row["total_ms"] < 3000


async def test_checks_come_before_the_judge(tmp_path: Path) -> None:
    """A tool call that cannot be carried out needs no judge."""
    wrong = Script((Call("no_such_tool", {}, id="call_x"),))
    async with (
        Upstream(playing(wrong, Script((Say("right"),)), judged(GOOD))) as up,
        house(tmp_path, config(up.url)) as it,
    ):
        row = await it.record(await post(it.url, asked("anthropic", stream=True), HEADERS))
        attempts = await it.attempts(row["id"])
        [score, *_] = await it.rows("select * from scores order by value", count=1)
    assert row["outcome"] == "escalated"
    assert "tool_call" in attempts[0]["failure_message"]
    assert (score["judged_by"], score["judge"], score["request_id"]) == ("check", "tool_call", row["id"] + "-short")


async def test_without_a_judge_only_the_checks_count(tmp_path: Path) -> None:
    """Check-only mode asks no model at all."""
    async with Upstream(playing(Script((Say("poor, but whole"),)), Script(), judged(BAD))) as up:
        async with house(tmp_path, config(up.url, Escalation={"hold": {}})) as it:
            row = await it.record(await post(it.url, hello(), HEADERS))
        assert [seen.json["model"] for seen in up.seen] == ["mid"]
    assert row["outcome"] == "delivered"


async def _priced(it: House) -> None:
    """Prices are computed beside the requests, a moment after the start."""

    async def look() -> bool:
        row = await it.record(await post(it.url, hello(model="h,heavy")))
        return row["cost_usd"] is not None

    await until_found(look, "prices are known")


async def test_the_days_money_is_a_bound(tmp_path: Path) -> None:
    """What was asked because of a poor reply counts, the poor reply itself does not; when the money is spent replies leave
    as they come, and the decision says so."""
    escalation = {**HOLD, "dailyBudgetUsd": 0.05}
    answers = playing(Script((Say("poor"),)), Script((Say("right"),)), judged(BAD))
    async with Upstream(answers) as up, house(tmp_path, config(up.url, Escalation=escalation)) as it:
        await _priced(it)
        rows, attempts = [], []
        for n in range(3):
            rows.append(await it.record(await post(it.url, hello(), HEADERS)))
            attempts.append(await it.attempts(rows[-1]["id"]))
            await it.rows("select * from pairs", count=min(n + 1, 2))
    assert [row["outcome"] for row in rows] == ["escalated", "escalated", "delivered"]
    assert [one["cost_usd"] for one in attempts[0]] == [pytest.approx(0.015)] * 2
    assert rows[0]["cost_usd"] == pytest.approx(0.03)
    assert "$0.03 of $5.00" not in rows[1]["verdicts"]
    assert "of $0.05 spent on that today" in rows[1]["verdicts"]
    assert "of $0.05 a day are spent on escalation" in rows[2]["verdicts"]


async def test_a_held_stream_that_is_cut_falls_back_as_usual(tmp_path: Path) -> None:
    """Nothing has left, so the fallback answers, and its reply is held in its turn."""
    cut = Script((Say("half of it"), Cut()))
    answers = playing(cut, Script((Say("whole"),)), judged(GOOD))
    async with Upstream(answers) as up, house(tmp_path, config(up.url, fallback={"default": ["h,heavy"]})) as it:
        answer = await post(it.url, hello(stream=True), HEADERS)
        row = await it.record(answer)
        attempts = await it.attempts(row["id"])
    assert b"half" not in answer.body
    assert [(a["model"], a["failure_kind"]) for a in attempts] == [("mid", "cut"), ("heavy", None)]
    assert row["outcome"] == "delivered"


@pytest.mark.parametrize("waits_for", ["mid", "judge"])
async def test_a_client_that_leaves(tmp_path: Path, waits_for: str) -> None:
    """Upstream and judge are hung up on, and the record says that the client has gone."""
    stalled = Script((Say("a"), Stall()))
    mid = stalled if waits_for == "mid" else Script((Say("a"),))
    async with Upstream(playing(mid, Script(), lambda _: stalled)) as up, house(tmp_path, config(up.url)) as it:
        place = urlsplit(it.url)
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(request_bytes(it.url, "/v1/messages", json.dumps(hello(stream=True)).encode(), HEADERS))
        await until(lambda: bool(rows_for(up.seen, waits_for)), f"{waits_for} is asked")
        await asyncio.sleep(0.1)
        writer.close()
        await until(lambda: rows_for(up.seen, waits_for)[0].cancelled, f"{waits_for} is hung up on")
        [row] = await it.rows("select * from requests where purpose = 'client'", count=1)
        assert rows_for(up.seen, "heavy") == []
    assert (row["outcome"], row["status"]) == ("client_gone", 499)


async def test_a_shutdown_while_a_reply_is_held(tmp_path: Path) -> None:
    """What is held when the router is told to stop is looked at and released before it ends."""
    gate, answers = asyncio.Event(), list[Answer]()
    slow = Script((Wait(gate), Say(GOOD)))
    async with Upstream(playing(Script((Say("whole"),)), Script(), lambda _: slow)) as up, asyncio.TaskGroup() as group:
        async with house(tmp_path, config(up.url)) as it:

            async def ask() -> None:
                answers.append(await post(it.url, hello(stream=True), HEADERS))

            group.create_task(ask())
            await until(lambda: bool(rows_for(up.seen, "judge")), "the judge is asked")
            asyncio.get_running_loop().call_later(0.5, gate.set)
        [row] = await it.rows("select * from requests where purpose = 'client'", count=1)
    assert (answers[0].status, answers[0].complete, row["outcome"]) == (200, True, "delivered")


async def _turn(it: House, text: str) -> dict[str, Any]:
    row = await it.record(await post(it.url, hello(messages=[{"role": "user", "content": text}]), HEADERS))
    found = await it.rows("select * from scores where request_id = ?", row["id"], count=1)
    await asyncio.sleep(0.05)  # from the score's row to the session's memory there is no await, but a thread
    return {**row, "value": found[-1]["value"]}


async def test_the_next_turn_goes_up_and_comes_down_again(tmp_path: Path) -> None:
    """Released at once, judged behind; then up a tier, until enough turns went well. Each decision says why."""
    later = {"nextTurn": {"judge": "j,judge"}, "goodTurns": 2}
    answers = playing(
        Script((Say("poor"),)),
        Script((Say("right"),)),
        lambda seen: judged(BAD if b"poor" in seen.body else GOOD)(seen),
    )
    async with Upstream(answers) as up, house(tmp_path, config(up.url, Escalation=later, Stickiness=False)) as it:
        rows = [await _turn(it, f"turn {n}") for n in range(4)]
        assert [row["model"] for row in rows] == ["mid", "heavy", "heavy", "mid"]
        assert [row["value"] for row in rows] == [0.2, 0.9, 0.9, 0.2]
        told = as_text(recorded(it.home, rows[2]["id"]))
        other = await it.record(await post(it.url, hello(), {"x-claude-code-session-id": "s2"}))
    assert other["model"] == "mid"
    assert rows[1]["rule"] == "escalation"
    assert "the last reply of mid fell short: j,judge gave 0.2 of 1, below 0.6; 1 of 2 good turns since" in told
    assert "up from mid to heavy" in told


def looping(errors: int) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "build it"}]
    for n in range(errors):
        call = {"type": "tool_use", "id": f"t{n}", "name": "Bash", "input": {"command": "make"}}
        result = {
            "type": "tool_result",
            "tool_use_id": f"t{n}",
            "content": f"make: error at line {n}",
            "is_error": True,
        }
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    return messages


@pytest.mark.parametrize("inside", [True, False])
async def test_a_stall_goes_up(tmp_path: Path, inside: bool) -> None:
    """The same error three times: the loop itself goes up if the owner wants that, else the next turn does."""
    escalation = {"stall": {"errors": 3, "insideLoop": inside}}
    async with Upstream(Script((Say("fine"),))) as up, house(tmp_path, config(up.url, Escalation=escalation)) as it:
        steps = [await it.record(await post(it.url, hello(messages=looping(n)), HEADERS)) for n in (2, 3)]
        again = [*looping(3), {"role": "assistant", "content": "It fails."}, {"role": "user", "content": "try again"}]
        after = await it.record(await post(it.url, hello(messages=again), HEADERS))
    assert [row["model"] for row in steps] == (["mid", "heavy"] if inside else ["mid", "mid"])
    assert after["model"] == "heavy"
    assert "the tool Bash failed with the same error 3 times in one turn" in after["because"]
