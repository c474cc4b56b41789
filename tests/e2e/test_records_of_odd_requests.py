"""Requests that end before an upstream is asked: answered in the client's envelope, and on record all the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.e2e.bodies import HELLO, hello
from tests.e2e.house import house
from tests.e2e.stage import Mode, config
from tests.e2e.wire import post

from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Upstream


async def test_what_cannot_be_translated_is_the_clients_error(tmp_path: Path) -> None:
    """A body that routing can read and the translation cannot: 400 with a sentence, on record, no upstream asked."""
    async with (
        Upstream(Script((Say("ok"),))) as up,
        house(tmp_path, config(up.url, "translate", {"default": "up,main-model"})) as router,
    ):
        answer = await post(router.url, hello(tool_choice={"type": 7}))
        assert answer.status == 400, answer.body
        assert answer.error[0] == "invalid_request_error"
        row = await router.record(answer)
        assert (row["outcome"], row["status"]) == ("refused", 400)
        assert not up.seen


async def test_a_refused_request_keeps_what_the_rules_said(tmp_path: Path) -> None:
    """A selector that names no provider: the row says which rule refused it, and what all the others said."""
    async with (
        Upstream(Script((Say("ok"),))) as up,
        house(tmp_path, config(up.url, "relay", {"default": "up,main-model"})) as router,
    ):
        answer = await post(router.url, hello(model="nobody,some-model"))
        assert answer.error[0] == "policy_blocked"
        row = await router.record(answer)
    assert (row["outcome"], row["rule"], row["route"]) == ("refused", "explicit", None)
    said = {verdict["rule"]: verdict["type"] for verdict in json.loads(row["verdicts"])}
    assert said["explicit"] == "refuse"
    assert said["default"] == "choose"
    assert row["because"] in answer.error[1]


@pytest.mark.parametrize("way", ["relay", "translate"])
async def test_half_a_surrogate_pair_is_no_reason_to_refuse(tmp_path: Path, way: Mode) -> None:
    """JavaScript that cut an emoji in two: relayed as it is, translated as U+FFFD."""
    async with (
        Upstream(Script((Say("ok"),))) as up,
        house(tmp_path, config(up.url, way, {"default": "up,main-model"})) as router,
    ):
        answer = await post(router.url, hello(messages=[{"role": "user", "content": "cut \ud83d"}]))
        assert answer.status == 200, answer.body
        sent = up.seen[0].body
    assert (b"cut \\ud83d" if way == "relay" else "cut �".encode()) in sent


async def test_a_body_over_the_limit_is_on_record(tmp_path: Path) -> None:
    """413 in the envelope, and a row although the body was never read to its end."""
    async with (
        Upstream(Script((Say("ok"),))) as up,
        house(tmp_path, config(up.url, "relay", {"default": "up,main-model"})) as router,
    ):
        answer = await post(router.url, hello(metadata={"x": "x" * (51 << 20)}))
        assert answer.status == 413
        assert answer.error[0] == "request_too_large"
        row = await router.record(answer)
        assert (row["outcome"], row["status"]) == ("refused", 413)


async def test_bodies_are_kept_for_those_who_ask(tmp_path: Path) -> None:
    """RECORD_BODIES keeps both sides, secrets taken out."""
    async with Upstream(Script((Say("the reply"),))) as up:
        content = config(up.url, "relay", {"default": "up,main-model"}, RECORD_BODIES=True)
        async with house(tmp_path, content) as router:
            answer = await post(
                router.url, {**HELLO, "messages": [{"role": "user", "content": "key sk-ant-api03-abcdefgh12345678"}]}
            )
            assert answer.status == 200
            record = await router.record(answer)
            [kept] = await router.rows("select * from bodies where request_id = ?", record["id"], count=1)
    assert "the reply" in kept["reply"]
    assert "key " in kept["request"]
    assert "abcdefgh12345678" not in kept["request"]
