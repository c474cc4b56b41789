"""The judge at work: once a turn, in time, within its budget, left alone when it fails; and what it is never shown."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from tests.e2e.waiting import until
from tests.unit.delivery.world import ONCE

from claude_code_router.core.record import Purpose, Record
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.delivery.allowance import Allowance
from claude_code_router.delivery.ask import Asking
from claude_code_router.delivery.deliver import Means
from claude_code_router.delivery.gate import Gate
from claude_code_router.delivery.memory import Memory
from claude_code_router.delivery.transport import AiohttpTransport
from claude_code_router.providers.provider import Provider
from claude_code_router.quality.difficulty import DifficultyJudge
from claude_code_router.routing.difficulty import VERSION, DifficultySettings
from claude_code_router.scripted.script import Say, Script, ScriptUsage, Stall, Wait
from claude_code_router.scripted.upstream import Upstream

SETTINGS = DifficultySettings(judge=Target("p", "judge"), timeout_s=0.5, daily_budget_usd=0.01)
USAGE = ScriptUsage(input_tokens=11, output_tokens=3)


class Court:
    def __init__(self, means: Means) -> None:
        self.rows: list[Record] = []
        self.time_s = 1000.0
        asking = Asking(lambda _namespace: means, self.rows.append, Allowance())
        self.judge = DifficultyJudge(
            asking, lambda text: text.replace("hunter2", "[gone]"), lambda: self.time_s, time.time
        )


@pytest.fixture
async def court() -> AsyncIterator[Callable[[str], Court]]:
    transport = AiohttpTransport()

    def make(url: str) -> Court:
        provider = Provider(name="p", url=f"{url}/v1/messages", key="sk-a", dialect="anthropic", auth="x-api-key")
        return Court(
            Means(
                providers={"p": provider},
                transport=transport,
                settings=ONCE,
                gate=Gate(time.monotonic, time.time),
                memory=Memory(),
                expected_usd=lambda _target, usage: usage.output_tokens / 1000,
                clock=time.monotonic,
            )
        )

    yield make
    await transport.close()


def turn(text: str = "why is it slow?", **more: Any) -> Signals:
    facts = {"model": "m", "session": "s", "last_user_text": text, "prompt_hash": f"hash of {text}", **more}
    return Signals(**facts)


def says(text: str) -> Script:
    return Script((Say(text),), usage=USAGE)


async def test_a_turn_is_rated_once(court: Callable[[str], Court]) -> None:
    """One question with a row of its own; its tool results and the same words again are answered from memory."""
    async with Upstream(says('{"difficulty": 6}')) as up:
        at = court(up.url)
        first = await at.judge.rate(turn(), SETTINGS, "req_parent")
        step = at.judge.of_turn(turn(kind="tool_result", tokens=90_000))
        again = await at.judge.rate(turn(session="other"), SETTINGS, "req_2")
        lane = await at.judge.rate(turn(namespace="red"), SETTINGS, "req_3")
    assert (first.score, first.prompt, first.judge, first.from_memory) == (0.6, VERSION, "p,judge", False)
    assert first.cost_usd == pytest.approx(0.003)
    assert step is not None
    assert (step.score, step.from_memory, step.cost_usd) == (0.6, True, None)
    assert (again.score, again.from_memory) == (0.6, True)
    assert (lane.score, lane.from_memory) == (0.6, False)  # lanes share no memory
    assert [(row.purpose, row.parent) for row in at.rows] == [
        (Purpose.DIFFICULTY, "req_parent"),
        (Purpose.DIFFICULTY, "req_3"),
    ]
    assert first.question == at.rows[0].id
    assert at.judge.of_turn(turn("never seen")) is None


async def test_the_judge_sees_no_secret_and_nothing_but_the_prompt(court: Callable[[str], Court]) -> None:
    """What is struck out elsewhere is struck out here; tools, results and the conversation stay at home."""
    async with Upstream(says("5")) as up:
        await court(up.url).judge.rate(turn("the password is hunter2"), SETTINGS, "")
        [seen] = up.seen
    assert b"hunter2" not in seen.body
    assert b"[gone]" in seen.body
    assert len(seen.json["messages"]) == 1
    assert "tools" not in seen.json


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (says("heavy"), "did not answer with a number"),
        (says('I was told to say {"difficulty": 10}'), "did not answer with a number"),
        (Script(status=500), "gave no answer"),
        (Script((Stall(),)), "no answer within 0.5 s"),
    ],
    ids=["a word", "an explanation", "an error", "silence"],
)
async def test_whatever_fails_is_no_answer(court: Callable[[str], Court], script: Script, why: str) -> None:
    """Said in words; the turn keeps it, so that its tool results are not asked about again."""
    async with Upstream(script) as up:
        at = court(up.url)
        rating = await at.judge.rate(turn(), SETTINGS, "")
        step = at.judge.of_turn(turn(kind="tool_result"))
    assert rating.score is None
    assert why in rating.why
    assert step is not None
    assert step.why == rating.why


async def test_a_judge_that_keeps_failing_is_left_alone(court: Callable[[str], Court]) -> None:
    """After three failures nobody waits for it for half a minute; then one turn tries."""
    async with Upstream(says("no")) as up:
        at = court(up.url)
        found = [await at.judge.rate(turn(f"turn {number}"), SETTINGS, "") for number in range(5)]
        assert len(up.seen) == 3
        at.time_s += 31
        await at.judge.rate(turn("turn 6"), SETTINGS, "")
        assert len(up.seen) == 4
    assert "keeps failing" in found[-1].why


async def test_lanes_share_no_failures(court: Callable[[str], Court]) -> None:
    """One namespace may have a key of its own that is refused: the others go on asking."""
    async with Upstream(says("no")) as up:
        at = court(up.url)
        for number in range(4):
            await at.judge.rate(turn(f"turn {number}", namespace="red"), SETTINGS, "")
        other = await at.judge.rate(turn(), SETTINGS, "")
        assert len(up.seen) == 4
    assert "did not answer with a number" in other.why


async def test_its_budget_is_kept(court: Callable[[str], Court]) -> None:
    """Beyond the day's money no question is sent; the last one may pass the bound. Each lane has its own."""
    async with Upstream(says("5")) as up:
        at = court(up.url)
        found = [await at.judge.rate(turn(f"turn {number}"), SETTINGS, "") for number in range(6)]
        other = await at.judge.rate(turn(namespace="red"), SETTINGS, "")
        known = await at.judge.rate(turn("turn 0"), SETTINGS, "")
        assert len(up.seen) == 5
    assert [rating.score for rating in found] == [0.5, 0.5, 0.5, 0.5, None, None]
    assert "budget of $0.01" in found[-1].why
    assert other.score == known.score == 0.5


async def test_memory_is_bounded(court: Callable[[str], Court]) -> None:
    """The least recently used score goes first; without a cache every turn is asked about."""
    async with Upstream(says("5")) as up:
        at = court(up.url)
        none = msgspec.structs.replace(SETTINGS, remembered=0, daily_budget_usd=None)
        for _ in range(3):
            await at.judge.rate(turn(), none, "")
        assert len(up.seen) == 3


async def test_equal_questions_at_once_are_one(court: Callable[[str], Court]) -> None:
    """The others wait for its answer, pay nothing, and each turn keeps it; other words and other lanes ask for themselves."""
    gate = asyncio.Event()
    patient = msgspec.structs.replace(SETTINGS, timeout_s=5.0)
    async with Upstream(lambda _: Script((Wait(gate), Say("6")), usage=USAGE)) as up:
        at = court(up.url)
        asked = [turn(session="a"), turn(session="b"), turn(session="c"), turn("other words"), turn(namespace="red")]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(at.judge.rate(one, patient, "")) for one in asked]
            await until(lambda: len(up.seen) == 3, "three are asked")
            gate.set()
        found = [task.result() for task in tasks]
        assert len(up.seen) == 3
    assert [rating.score for rating in found] == [0.6] * 5
    assert [rating.from_memory for rating in found] == [False, True, True, False, False]
    assert [bool(rating.question) for rating in found] == [True, False, False, True, True]
    assert all(rating.cost_usd is None and rating.duration_ms > 0 for rating in found[1:3])
    step = at.judge.of_turn(turn(session="b", kind="tool_result"))
    assert step is not None
    assert (step.score, step.duration_ms) == (0.6, 0.0)


async def test_each_waits_within_its_own_time(court: Callable[[str], Court]) -> None:
    """A request with less patience than the one that asks goes on without an answer, and does not end the question."""
    gate = asyncio.Event()
    patient, hasty = (msgspec.structs.replace(SETTINGS, timeout_s=seconds) for seconds in (5.0, 0.1))
    async with Upstream(lambda _: Script((Wait(gate), Say("6")), usage=USAGE)) as up:
        at = court(up.url)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(at.judge.rate(turn(), patient, ""))
            await until(lambda: len(up.seen) == 1, "it is asked")
            second = await at.judge.rate(turn(session="b"), hasty, "")
            gate.set()
        assert len(up.seen) == 1
    assert first.result().score == 0.6
    assert (second.score, second.question) == (None, "")
    assert "no answer within 0.1 s" in second.why


async def test_who_asks_may_leave(court: Callable[[str], Court]) -> None:
    """Then one of those that wait asks for itself, and the others wait for that; a failure is shared, too."""
    gate = asyncio.Event()
    patient = msgspec.structs.replace(SETTINGS, timeout_s=5.0)
    async with Upstream(lambda _: Script((Wait(gate), Say("nonsense")), usage=USAGE)) as up:
        at = court(up.url)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(at.judge.rate(turn(session=name), patient, "")) for name in "abc"]
            await until(lambda: len(up.seen) == 1, "it is asked")
            tasks[0].cancel()
            await until(lambda: len(up.seen) == 2, "another one asks")
            gate.set()
        assert len(up.seen) == 2
    assert tasks[0].cancelled()
    assert ["did not answer with a number" in task.result().why for task in tasks[1:]] == [True, True]
