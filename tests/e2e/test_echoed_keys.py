"""Upstreams repeat the key that they did not take: nobody who shares the router may read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.bodies import hello
from tests.e2e.house import House, house
from tests.e2e.wire import Answer, post

from claude_code_router.scripted.script import Fault, Say, Script
from claude_code_router.scripted.upstream import Upstream

KEY = "0123456789abcdefhexkey.QQ"
NEW_KEY = "fedcba9876543210newkey.RR"
OURS = "the-house-key-for-all"
WAYS = pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"], ids=["relay", "translation"])


def config(url: str, key: str = KEY) -> dict[str, Any]:
    entry = {"name": "up", "api_base_url": url, "api_key": key, "models": ["m"]}
    return {
        "APIKEY": OURS,
        "RECORD_BODIES": True,
        "Providers": [entry],
        "Router": {"default": "up,m"},
        "retry": {"max_attempts": 1},
    }


def refusal(*keys: str) -> Script:
    error = {"type": "authentication_error", "message": f"Incorrect API key provided: {' '.join(keys)}"}
    return Script(status=401, body=json.dumps({"type": "error", "error": error}).encode(), headers={"x-saw": keys[0]})


async def ask(it: House, text: str = "hi", **more: Any) -> Answer:
    messages = [{"role": "user", "content": text}]
    return await post(it.url, hello(messages=messages, **more), {"x-api-key": OURS})


async def everything_kept(it: House, answer: Answer) -> str:
    record = await it.record(answer)
    bodies = await it.rows("select * from bodies where request_id = ?", record["id"], count=1)
    return str([record, await it.attempts(record["id"]), bodies])


@WAYS
async def test_a_refused_key_is_not_told(tmp_path: Path, path: str) -> None:
    """Neither to the client nor to the records and bodies, which lose our own key as well; the sentence stays."""
    async with Upstream(refusal(KEY)) as up, house(tmp_path, config(up.url + path)) as it:
        answer = await ask(it, f"my key is {OURS}")
        kept = await everything_kept(it, answer)
    assert answer.status == 401
    assert answer.error == ("authentication_error", "Incorrect API key provided: [redacted]")
    assert KEY not in str(answer)
    assert "Incorrect API key provided: [redacted]" in kept
    assert KEY not in kept
    assert OURS not in kept
    assert "my key is [redacted]" in kept


@WAYS
async def test_an_error_inside_a_stream_does_not_tell_it(tmp_path: Path, path: str) -> None:
    """After content has left as before it."""
    for n, steps in enumerate([(Fault("api_error", f"no {KEY}"),), (Say("so"), Fault("api_error", f"no {KEY}"))]):
        async with Upstream(Script(steps)) as up, house(tmp_path / str(n), config(up.url + path)) as it:
            answer = await ask(it, stream=True)
            kept = await everything_kept(it, answer)
        assert b"no [redacted]" in answer.body
        assert KEY not in str(answer)
        assert KEY not in kept


async def test_an_edited_key_and_the_one_before(tmp_path: Path) -> None:
    """Both are struck out after the edit: late errors may repeat the old one."""
    async with Upstream(refusal(NEW_KEY, KEY)) as up, house(tmp_path, config(up.url + "/v1/messages")) as it:
        before = (await it.health())["config"]["hash"]
        it.write(config(up.url + "/v1/messages", NEW_KEY))
        await it.until_health(lambda health: health["config"]["hash"] != before)
        answer = await ask(it)
        kept = await everything_kept(it, answer)
    assert answer.error[1] == "Incorrect API key provided: [redacted] [redacted]"
    assert KEY not in kept + str(answer)
    assert NEW_KEY not in kept + str(answer)


async def test_other_errors_are_byte_equal(tmp_path: Path) -> None:
    """A relayed error that holds no secret is the upstream's, odd spaces included."""
    body = b'{ "type":"error",  "error":{"type":"authentication_error","message":"no"} , "odd":1.0}'
    script = Script(status=401, body=body)
    async with Upstream(script) as up, house(tmp_path, config(up.url + "/v1/messages")) as it:
        assert (await ask(it)).body == body
