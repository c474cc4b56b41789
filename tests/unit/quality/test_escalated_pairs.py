"""Escalated requests as pairs: compared by the judge that scored both replies, and pairs whatever happens then."""

from __future__ import annotations

import asyncio

import pytest

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.escalation import Check
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.reply import Reply
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.quality.afterwards import Discarded, Left
from claude_code_router.quality.escalated_pairs import EscalatedPairs
from claude_code_router.quality.inspector import Looked
from claude_code_router.quality.judging import About, Judging, Preferred
from claude_code_router.quality.settings import JudgeSettings

FIRST, SECOND = Target("p", "first"), Target("p", "second")
REQUEST = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'


class Judges(Judging):
    """Prefers what was served."""

    def __init__(self, bug: bool) -> None:
        self.asked: list[tuple[Target, ...]] = []
        self._bug = bug

    async def compare(
        self, settings: JudgeSettings, about: About, chat: ChatRequest, served: Reply, other: Reply
    ) -> Preferred:
        self.asked.append(settings.targets)
        if self._bug:
            raise ZeroDivisionError
        return Preferred(preferred="served")


def score(value: float) -> Score:
    return Score(id="s", request_id="r", at=0.0, by="model", judge=str(SECOND), epoch="e", value=value)


@pytest.mark.parametrize(("bug", "preferred"), [(False, "served"), (True, "")])
async def test_by_the_judge_that_scored_both(bug: bool, preferred: str) -> None:
    """The first was down when the replies were looked at: its preference does not stand beside the second's scores."""
    judges, put = Judges(bug), list[Pair]()
    left = Left(
        inbound=Inbound(id="r", path="/v1/messages", query="", headers=(), header={}, body=REQUEST, received_at=0.0),
        signals=Signals(model="m"),
        body=b"{}",
        conversation="c",
        rule="default",
        tier="heavy",
        top=True,
        target=Target("p", "heavy"),
        check=Check(judge=(FIRST, SECOND)),
        enough=2,
        comparing=JudgeSettings(targets=(FIRST, SECOND)),
        looked=asyncio.get_running_loop().create_future(),
    )
    other = Discarded(tier="mid", target=Target("p", "mid"), scores=(score(0.2),), body=b"{}")
    pairs = EscalatedPairs(judges, put.append)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        working = group.create_task(pairs.run())
        pairs.add(left, other, Looked(good=True, because="", scores=(score(0.9),)))
        while not put:
            await asyncio.sleep(0.001)
        working.cancel()
    assert judges.asked == [(SECOND,)]
    assert [(pair.judge, pair.preferred) for pair in put] == [("p,second", preferred)]
