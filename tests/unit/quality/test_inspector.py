"""A look at one reply: checks first, then the judge, and whatever goes wrong releases it."""

from __future__ import annotations

import asyncio
import time

import pytest

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.escalation import Check, Escalation
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.reply import Reply
from claude_code_router.core.score import Score
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.delivery.holding import Held
from claude_code_router.quality.inspector import SHORT, Ledger, ReplyInspector
from claude_code_router.quality.judging import About, Judging
from claude_code_router.quality.settings import JudgeSettings

JUDGE = Target("p", "judge")
REQUEST = b'{"model":"m","max_tokens":999,"messages":[{"role":"user","content":"hi"}]}'


class Judges(Judging):
    """Says what it is told to, after a while."""

    def __init__(self, value: float | None, takes_s: float = 0.0, bug: bool = False) -> None:
        self._value = value
        self._takes_s = takes_s
        self._bug = bug
        self.asked = 0

    async def score(self, settings: JudgeSettings, about: About, chat: ChatRequest, reply: Reply) -> Score | None:
        self.asked += 1
        assert settings.targets == (JUDGE,)
        if self._bug:
            raise ZeroDivisionError
        await asyncio.sleep(self._takes_s)
        if self._value is None:
            return None
        return Score(
            id="s", request_id=about.request_id, at=0.0, by="model", judge="p,judge", value=self._value, cost_usd=0.25
        )


def held(text: str = "hello", stop: str = "end_turn", request: bytes = REQUEST, *, wait_s: float = 5.0) -> Held:
    body = (
        f'{{"id":"m","type":"message","role":"assistant","model":"m","content":[{{"type":"text","text":"{text}"}}],'
        f'"stop_reason":"{stop}","usage":{{"input_tokens":1,"output_tokens":1}}}}'
    )
    inbound = Inbound(id="req_1", path="/v1/messages", query="", headers=(), header={}, body=request, received_at=0.0)
    check = Check(judge=(JUDGE,), accept_from=0.6, wait_s=wait_s)
    plan = Escalation(tier="mid", to="heavy", targets=(Target("p", "heavy"),), check=check)
    return Held(inbound=inbound, signals=Signals(model="m", namespace="n"), plan=plan, target=JUDGE, body=body.encode())


@pytest.mark.parametrize(
    ("judge", "reply", "good", "because", "scored"),
    [
        (Judges(0.9), held(), True, "p,judge gave 0.9 of 1, which is good enough", ["req_1"]),
        (Judges(0.6), held(), True, "p,judge gave 0.6 of 1, which is good enough", ["req_1"]),
        (Judges(0.5), held(), False, "p,judge gave 0.5 of 1, below 0.6", ["req_1" + SHORT]),
        (Judges(None), held(), True, "the judge had no answer", []),
        (Judges(0.1, bug=True), held(), True, "the check has a bug", []),
        (Judges(0.1), held(request=b"no JSON"), True, "it cannot be read", []),
        (
            Judges(0.9),
            held(text=""),
            False,
            "the check empty failed: it holds neither text nor a tool call",
            ["req_1" + SHORT],
        ),
        # Cut off by its own limit: a stronger model would be, too. The judge is asked as of any reply.
        (Judges(0.9), held(stop="max_tokens"), True, "p,judge gave 0.9 of 1, which is good enough", ["req_1", "req_1"]),
    ],
)
async def test_what_is_found(judge: Judges, reply: Held, good: bool, because: str, scored: list[str]) -> None:
    """The verdict in words with its numbers, and scores that belong to the reply they are about."""
    put: list[Score] = []
    found = await ReplyInspector(judge, put.append, time.time).inspect(reply)
    assert found.good == good
    assert because in found.because
    assert [score.request_id for score in put] == scored


async def test_it_never_waits_longer_than_it_may() -> None:
    """Also for a judge that does not keep to its own limit."""
    began = time.monotonic()
    found = await ReplyInspector(Judges(0.1, 60.0), list[Score]().append, time.time).inspect(held(wait_s=0.05))
    assert found.good
    assert time.monotonic() - began < 5


def test_what_is_reserved_counts_until_it_is_given_back() -> None:
    """Within its namespace."""
    ledger = Ledger(lambda: 1_000_000.0)
    ledger.spent("a", 0.5)
    ledger.reserve("a", 0.25)
    assert (ledger.today_usd("a"), ledger.today_usd("b")) == (0.75, 0.0)
    ledger.reserve("a", -0.25)
    assert ledger.today_usd("a") == 0.5


def test_what_the_records_say_never_takes_back_what_was_counted() -> None:
    """They may lag behind; a namespace of which they know nothing keeps its own count."""
    ledger = Ledger(lambda: 1_000_000.0)
    for namespace, usd in (("a", 0.5), ("b", 0.5), ("c", None)):
        ledger.spent(namespace, usd)
    ledger.recall({"a": 0.25, "d": 2.0})
    assert [ledger.today_usd(name) for name in "abcd"] == [0.5, 0.5, 0.0, 2.0]
    ledger.recall({"a": 0.75})
    ledger.spent("a", 0.25)
    assert ledger.today_usd("a") == 1.0
