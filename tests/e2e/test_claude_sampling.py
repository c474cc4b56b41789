"""Scores and pairs under the real Claude Code CLI: it notices nothing of them, and nothing of them counts as its traffic."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from tests.e2e.conftest import Play
from tests.e2e.house import House
from tests.e2e.sight import Sight
from tests.e2e.stage import Mode, Stage

from claude_code_router.scripted.script import Call, Say, Script
from claude_code_router.scripted.upstream import Seen
from claude_code_router.store.db import Database
from claude_code_router.store.kpis import TRAFFIC, Span, traffic

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]

FREELY = "--dangerously-skip-permissions"
ASKS: dict[str, Any] = {
    "routes": {"default": "up,mid-model"},
    "models": ["mid-model", "heavy-model", "judge-model"],
    "Tiers": {"mid": "up,mid-model", "heavy": "up,heavy-model"},
    "Quality": {"judge": "up,judge-model", "share": 1.0, "pairs": {"up": 1.0}},
    "retry": {"max_attempts": 1},
}


@pytest.fixture(autouse=True)
def _routed(mode: Mode) -> None:
    if mode == "direct":
        pytest.skip("only a router samples")


def working(seen: Seen) -> Script:
    """Of the served model a command and then the end; of the other one a command that must never run."""
    sight = Sight(seen)
    if sight.model == "heavy-model":
        return Script((Say("Better so."), Call("Bash", {"command": "echo done > harm.txt"}, id="call_h")))
    if not sight.results:
        return Script((Say("I look."), Call("Bash", {"command": "echo first"}, id="call_1")))
    return Script((Say(f"It says {sight.results[-1].text.strip()}."),))


def judging(seen: Seen) -> Script:
    compared = "begins: the first reply" in seen.body.decode()
    return Script((Say('{"better": "tie"}' if compared else '{"reason": "fine", "score": 9, "sure": 0.9}'),))


def models(s: Stage) -> list[str]:
    return [sight.model for sight in s.sights]


def house(s: Stage) -> House:
    return House(s.home, s.url)


def counted(s: Stage) -> int:
    """What reports take for the client's traffic."""
    purpose = list(TRAFFIC).index("purpose")  # None is the client's own
    with contextlib.closing(Database(f"sqlite:///{house(s).home.records}")) as database:
        return sum(1 for row in traffic(database, Span(since=0.0, until=1e12)) if row[purpose] is None)


async def test_a_sampled_session_runs_unchanged(stage: Play) -> None:
    """Each reply is scored, the person's turn is paired; the client gets the served model's words alone, the other one's
    call is never carried out, and the rows of it all are told apart from the session's own."""

    def answer(seen: Seen) -> Script:
        return judging(seen) if Sight(seen).model == "judge-model" else working(seen)

    async with stage(answer, **ASKS) as s:
        run = await s.client.run("Look what it says.", FREELY)
        [pair] = await house(s).rows("select * from pairs", count=1)
        scores = await house(s).rows("select * from scores where judged_by = 'model'", count=3)
        requests = await house(s).rows("select * from requests", count=2 + 1 + 5)
        assert (run.exit_code, run.text) == (0, "It says first.")
        assert "Better so." not in "".join(map(str, run.events))
        assert not (s.project / "harm.txt").exists()
        own = [row for row in requests if row["purpose"] == "client"]
        assert [row["kind"] for row in sorted(own, key=lambda row: float(row["at"]))] == ["user", "tool_result"]
        assert await asyncio.to_thread(counted, s) == len(own) == models(s).count("mid-model")
    by_purpose = {row["id"]: row["purpose"] for row in requests}
    assert sorted(by_purpose.values()) == ["client"] * 2 + ["score"] * 5 + ["shadow"]
    assert (by_purpose[pair["request_id"]], by_purpose[pair["other_id"]]) == ("client", "shadow")
    assert (pair["served_tier"], pair["other_tier"], pair["preferred"], pair["probability"]) == (
        "mid",
        "heavy",
        "tie",
        1.0,
    )
    assert sorted((by_purpose[score["request_id"]], score["value"]) for score in scores) == [
        ("client", 0.9),
        ("client", 0.9),
        ("shadow", 0.9),
    ]
    assert {row["parent"] for row in requests if row["purpose"] != "client"} >= {row["id"] for row in own}


async def test_a_judge_that_is_down_changes_nothing_for_the_client(stage: Play) -> None:
    """No score, no pair with a judgement; the session is what it was."""

    def answer(seen: Seen) -> Script:
        return Script(status=500) if Sight(seen).model == "judge-model" else working(seen)

    async with stage(answer, **ASKS) as s:
        run = await s.client.run("Look what it says.", FREELY)
        questions = await house(s).rows("select * from requests where purpose = 'score'", count=2)
        assert (run.exit_code, run.text, run.retries) == (0, "It says first.", [])
        assert not (s.project / "harm.txt").exists()
        own = await house(s).rows("select * from requests where purpose = 'client' order by at", count=2)
        assert [(row["kind"], row["outcome"], row["status"]) for row in own] == [
            ("user", "delivered", 200),
            ("tool_result", "delivered", 200),
        ]
        assert {row["outcome"] for row in questions} == {"exhausted"}
        assert await house(s).rows("select * from scores where judged_by = 'model'", count=0) == []
