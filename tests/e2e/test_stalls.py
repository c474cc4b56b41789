"""Clients whose dialects do not mark a tool's errors going round in circles: their loop goes up a tier, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.house import house
from tests.e2e.test_escalation import config, path_of
from tests.e2e.wire import post

from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Upstream

COMMAND = json.dumps({"command": "make"})


def looping(client: str, times: int, result: str, *, session: bool) -> dict[str, Any]:
    """A turn that has made the same call so many times."""
    named = {"prompt_cache_key": "s1"} if session else {}
    if client == "openai_chat":
        function = {"name": "shell", "arguments": COMMAND}
        messages: list[dict[str, Any]] = [{"role": "user", "content": "build it"}]
        for n in range(times):
            call = {"id": f"c{n}", "type": "function", "function": function}
            messages += [{"role": "assistant", "content": None, "tool_calls": [call]}]
            messages += [{"role": "tool", "tool_call_id": f"c{n}", "content": result}]
        return {"model": "any", "messages": messages, **named}
    if client == "openai_responses":
        items: list[dict[str, Any]] = [{"role": "user", "content": "build it"}]
        for n in range(times):
            items += [{"type": "function_call", "call_id": f"c{n}", "name": "shell", "arguments": COMMAND}]
            items += [{"type": "function_call_output", "call_id": f"c{n}", "output": result}]
        return {"model": "any", "input": items, "store": False, **named}
    contents: list[dict[str, Any]] = [{"role": "user", "parts": [{"text": "build it"}]}]
    for _ in range(times):
        call = {"functionCall": {"name": "shell", "args": json.loads(COMMAND)}}
        answer = {"functionResponse": {"name": "shell", "response": {"output": result}}}
        contents += [{"role": "model", "parts": [call]}, {"role": "user", "parts": [answer]}]
    return {"contents": contents}


FAILED = "Exit code: 2\nWall time: 0.1 seconds\nOutput:\nno rule to make it"
FINE = "Exit code: 0\nWall time: 0.1 seconds\nOutput:\nnothing to be done"


@pytest.mark.parametrize("session", [True, False], ids=["a session", "none"])
@pytest.mark.parametrize("client", ["openai_chat", "openai_responses", "gemini"])
async def test_the_same_call_with_the_same_result(tmp_path: Path, client: str, session: bool) -> None:
    """Three times in one turn: the loop goes up. Not before, and not when the results say that all went well."""
    escalation = {"stall": {"errors": 3, "insideLoop": True}}
    headers = {"x-session-id": "s1"} if session and client == "gemini" else {}
    path = path_of(client, stream=False)
    async with Upstream(Script((Say("fine"),))) as up, house(tmp_path, config(up.url, Escalation=escalation)) as it:
        rows = []
        for times, result in ((4, FINE), (2, FAILED), (3, FAILED)):
            body = looping(client, times, result, session=session)
            rows.append(await it.record(await post(it.url, body, headers, path)))
    assert [row["model"] for row in rows] == ["mid", "mid", "heavy"]
    assert "the same call of shell had the same result 3 times in one turn" in rows[-1]["because"]


async def test_googles_clients_may_mark_an_error(tmp_path: Path) -> None:
    """Then other calls with the same error count, too; and the next turn of the session goes up;
    not that of another namespace's session with the same name."""
    body = looping("gemini", 3, "", session=False)
    for n, content in enumerate(body["contents"][1:]):
        for part in content["parts"]:
            if "functionCall" in part:
                part["functionCall"]["args"] = {"command": f"make {n}"}
            else:
                part["functionResponse"]["response"] = {"error": f"no rule at line {n}"}
    after = [{"role": "model", "parts": [{"text": "It fails."}]}, {"role": "user", "parts": [{"text": "try again"}]}]
    path, headers = path_of("gemini", stream=False), {"x-session-id": "s1"}
    escalation, lanes = {"stall": {"errors": 3}}, {"blue": dict[str, Any]()}
    async with (
        Upstream(Script((Say("fine"),))) as up,
        house(tmp_path, config(up.url, Escalation=escalation, Namespaces=lanes)) as it,
    ):
        step = await it.record(await post(it.url, body, headers, path))
        again = {"contents": [*body["contents"], *after]}
        other = await it.record(await post(it.url, again, headers, f"/ns/blue{path}"))
        turn = await it.record(await post(it.url, again, headers, path))
    assert [row["model"] for row in (step, other, turn)] == ["mid", "mid", "heavy"]
    assert "the tool shell failed with the same error 3 times in one turn" in turn["because"]
