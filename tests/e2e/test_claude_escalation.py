"""Escalation under the real Claude Code CLI: it sees one good reply, never the one that fell short."""

from __future__ import annotations

from typing import Any

import pytest
from tests.e2e.conftest import Play
from tests.e2e.sight import Sight
from tests.e2e.stage import Mode

from claude_code_router.scripted.script import Call, Say, Script, Think
from claude_code_router.scripted.upstream import Seen

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]

FREELY = "--dangerously-skip-permissions"
MODELS = ["mid-model", "heavy-model", "judge-model"]
ASKS: dict[str, Any] = {
    "routes": {"default": "up,mid-model"},
    "models": MODELS,
    "Tiers": {"mid": "up,mid-model", "heavy": "up,heavy-model"},
    "Escalation": {"hold": {"tiers": ["mid"], "judge": "up,judge-model"}},
}
POOR = "I have no idea, sorry about that poor answer."


def judge(seen: Seen) -> Script:
    score = 1 if b"poor" in seen.body else 9
    return Script((Say(f'{{"reason": "as it is", "score": {score}, "sure": 0.9}}'),))


def models(s: Any) -> list[str]:
    return [sight.model for sight in s.sights if sight.model != "judge-model"]


@pytest.fixture(autouse=True)
def _routed(mode: Mode) -> None:
    if mode == "direct":
        pytest.skip("only a router escalates")


async def test_a_poor_answer_is_replaced_before_the_client_sees_it(stage: Play) -> None:
    """The mid tier's answer is nowhere in what the client got; the heavy tier's is all of it."""

    def answer(seen: Seen) -> Script:
        if Sight(seen).model == "judge-model":
            return judge(seen)
        return Script((Say(POOR if Sight(seen).model == "mid-model" else "It is the race in the queue."),))

    async with stage(answer, **ASKS) as s:
        run = await s.client.run("Why does it hang?", FREELY)
        assert run.text == "It is the race in the queue."
        assert POOR not in "".join(map(str, run.events))
        [row] = [row for row in await s.records(2) if row["purpose"] == "client" and row["kind"] == "user"]
        assert (row["outcome"], row["model"], row["attempt_count"]) == ("escalated", "heavy-model", 2)


async def test_a_tool_turn_survives(stage: Play) -> None:
    """A held call that is good is released and runs; a poor one never runs, and the call in its place does. Thinking and
    its signatures go where they belong."""

    def answer(seen: Seen) -> Script:
        sight = Sight(seen)
        if sight.model == "judge-model":
            return judge(seen)
        done = [result.text.strip() for result in sight.results]
        if not done:
            return Script((Think("First look."), Say("I look."), Call("Bash", {"command": "echo first"}, id="call_1")))
        if done == ["first"] and sight.model == "mid-model":
            return Script((Say("Now"), Call("Bash", {"command": "echo a poor idea > harm.txt"}, id="call_2")))
        if done == ["first"]:
            return Script((Think("Better so."), Call("Bash", {"command": "echo second"}, id="call_3")))
        return Script((Say("Both are done."),))

    async with stage(answer, **ASKS) as s:
        run = await s.client.run("Do both.", FREELY)
        assert run.text == "Both are done."
        assert not (s.project / "harm.txt").exists()
        last = [sight for sight in s.sights if sight.model != "judge-model"][-1]
        assert [result.text.strip() for result in last.results] == ["first", "second"]
        assert [call.id for call in last.calls] == ["call_1", "call_3"]
        assert models(s)[:3] == ["mid-model", "mid-model", "heavy-model"]
        rows = [
            row for row in await s.records(5) if row["purpose"] == "client" and row["kind"] in ("user", "tool_result")
        ]
        assert [row["outcome"] for row in rows][:2] == ["delivered", "escalated"]
        assert {row["outcome"] for row in rows} <= {"delivered", "escalated"}


async def test_a_judge_that_is_down_changes_nothing_but_the_record(stage: Play) -> None:
    """The client gets the mid tier's answer, poor as it may be, and the judge's row says that it failed."""

    def answer(seen: Seen) -> Script:
        if Sight(seen).model == "judge-model":
            return Script(status=500)
        return Script((Say(POOR),))

    async with stage(answer, **ASKS) as s:
        run = await s.client.run("Why does it hang?", FREELY)
        assert run.text == POOR
        assert "heavy-model" not in models(s)
        rows = await s.records(2)
        [row] = [row for row in rows if row["purpose"] == "client" and row["kind"] == "user"]
        assert (row["outcome"], row["model"], row["attempt_count"]) == ("delivered", "mid-model", 1)
        assert [one["outcome"] for one in rows if one["purpose"] == "score" and one["parent"] == row["id"]] == [
            "exhausted"
        ]
