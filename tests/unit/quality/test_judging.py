"""A model's judgement over real sockets: a score with its cost, or nothing at all; never an exception, never too late."""

import time
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from tests.unit.delivery.world import ONCE
from tests.unit.quality.talk import asked, said

from claude_code_router.core.record import Purpose, Record
from claude_code_router.core.secrets import Secrets
from claude_code_router.core.target import Target
from claude_code_router.delivery.allowance import Allowance
from claude_code_router.delivery.ask import Asking
from claude_code_router.delivery.deliver import Means
from claude_code_router.delivery.gate import Gate
from claude_code_router.delivery.memory import Memory
from claude_code_router.delivery.transport import AiohttpTransport
from claude_code_router.providers.provider import Provider
from claude_code_router.quality.checks import check_reply
from claude_code_router.quality.judge import epoch_of
from claude_code_router.quality.judging import About, Judging, scores_of_checks
from claude_code_router.quality.settings import JudgeSettings
from claude_code_router.scripted.script import Cut, Pause, Say, Script, ScriptUsage, Stall
from claude_code_router.scripted.upstream import Answer, Seen, Upstream, in_turn

ABOUT = About(request_id="req_1", namespace="", session="s", category="explain")
ONE = JudgeSettings(targets=(Target("p", "judge"),), timeout_s=2.0)
TWO = JudgeSettings(targets=(Target("p", "first"), Target("p", "second")), timeout_s=2.0)
COST = ScriptUsage(output_tokens=10)
"""One cent, by the price below."""


def grade(score: int, reason: str = "because") -> Script:
    return Script((Say(f'{{"reason": "{reason}", "score": {score}, "sure": 0.5}}'),), usage=COST)


class Bench:
    def __init__(self, means: Callable[[str], Means]) -> None:
        self.records: list[Record] = []
        asking = Asking(means, self.records.append, Allowance())
        self.judging = Judging(asking, lambda: Secrets(["correct-horse-battery"]), time.time)


@pytest.fixture
async def bench() -> AsyncIterator[Callable[[str], Bench]]:
    transport = AiohttpTransport()

    def make(url: str) -> Bench:
        provider = Provider(name="p", url=f"{url}/v1/messages", key="sk-a", dialect="anthropic", auth="x-api-key")
        means = Means(
            providers={"p": provider},
            transport=transport,
            settings=ONCE,
            gate=Gate(time.monotonic, time.time),
            memory=Memory(),
            expected_usd=lambda _target, usage: usage.output_tokens / 1000,
            clock=time.monotonic,
        )
        return Bench(lambda _namespace: means)

    yield make
    await transport.close()


async def test_a_score(bench: Callable[[str], Bench]) -> None:
    """Who judged, by which epoch, at what cost; the judge's row names the request; its reason loses secrets."""
    async with Upstream(grade(8, "leaks correct-horse-battery")) as up:
        at = bench(up.url)
        score = await at.judging.score(ONE, ABOUT, asked(), said("It is so."))
    assert score
    assert (score.request_id, score.by, score.judge, score.value, score.sure) == ("req_1", "model", "p,judge", 0.8, 0.5)
    assert score.reason == "leaks [redacted]"
    assert score.epoch == epoch_of("p,judge")
    assert score.cost_usd == pytest.approx(0.01)
    assert score.duration_ms
    [row] = at.records
    assert (row.purpose, row.parent) == (Purpose.SCORE, "req_1")
    assert row.request_body is None


@pytest.mark.parametrize(
    "script",
    [
        Script((Cut(),)),
        Script((), status=500),
        Script((Stall(),)),
        Script((Pause(5), Say('{"score": 5}'))),
        Script((Say("I would say 7 of 10."),)),
        Script((Say(""),)),
        Script((Say('{"score": 70}'),)),
    ],
    ids=["down", "error", "silent", "slow", "prose", "nothing", "off the scale"],
)
async def test_no_score(bench: Callable[[str], Bench], script: Script) -> None:
    """A judge that is down, slow or talks nonsense has no say, in time."""
    async with Upstream(script) as up:
        at = bench(up.url)
        began = time.monotonic()
        hurried = msgspec.structs.replace(ONE, timeout_s=0.4)
        assert await at.judging.score(hurried, ABOUT, asked(), said("It is so.")) is None
        assert time.monotonic() - began < 3


async def test_the_next_judge_is_asked(bench: Callable[[str], Bench]) -> None:
    """When the first one talks nonsense; both are paid for, and the epoch is of the one that judged."""
    async with Upstream(in_turn(Script((Say("hm"),), usage=COST), grade(4))) as up:
        at = bench(up.url)
        score = await at.judging.score(TWO, ABOUT, asked(), said("It is so."))
    assert score
    assert (score.judge, score.epoch, score.value) == ("p,second", epoch_of("p,second"), 0.4)
    assert score.cost_usd == pytest.approx(0.02)


async def test_the_budget(bench: Callable[[str], Bench]) -> None:
    """Judging ends when the day's money is spent; what runs may finish. Other namespaces have their own."""
    async with Upstream(grade(8)) as up:
        at = bench(up.url)
        frugal = msgspec.structs.replace(ONE, a_day_usd=0.015)
        scores = [await at.judging.score(frugal, ABOUT, asked(), said("a")) for _ in range(3)]
        elsewhere = await at.judging.score(frugal, msgspec.structs.replace(ABOUT, namespace="team"), asked(), said("a"))
    assert [score is not None for score in scores] == [True, True, False]
    assert elsewhere
    assert len(up.seen) == 3


def compares(better: Callable[[str, str], str]) -> Answer:
    """A judge that sees the two replies."""

    def answer(seen: Seen) -> Script:
        user = seen.json["messages"][0]["content"]
        first, second = user.split(" begins: the first reply\n")[1].split(" begins: the second reply\n")
        return Script((Say(f'{{"reason": "", "better": "{better(first, second)}"}}'),), usage=COST)

    return answer


@pytest.mark.parametrize(
    ("better", "preferred", "asked_times"),
    [
        (lambda first, _: "first" if "GOOD" in first else "second", "served", 2),
        (lambda first, _: "second" if "GOOD" in first else "first", "other", 2),
        (lambda *_: "first", "tie", 2),
        (lambda *_: "tie", "tie", 2),
        (lambda *_: "neither", "", 1),
    ],
    ids=["served", "other", "position", "tie", "nonsense"],
)
async def test_comparing(
    bench: Callable[[str], Bench], better: Callable[[str, str], str], preferred: str, asked_times: int
) -> None:
    """In both orders; a judge that goes by position sees a tie; no answer is no preference."""
    async with Upstream(compares(better)) as up:
        at = bench(up.url)
        outcome = await at.judging.compare(ONE, ABOUT, asked(), said("GOOD"), said("POOR"))
    assert outcome.preferred == preferred
    assert len(up.seen) == asked_times
    assert outcome.cost_usd == pytest.approx(0.01 * asked_times)
    assert not any(word in seen.body for seen in up.seen for word in (b"served", b"light", b"SYSTEM-PROMPT"))


def test_failed_checks_are_scores_of_zero() -> None:
    """One a failure, by the check's name; what is in order is no score."""
    scores = scores_of_checks(ABOUT, check_reply(asked(), said("It is", "max_tokens")), 5.0)
    [score] = scores
    assert (score.by, score.judge, score.value, score.at, score.request_id) == (
        "check",
        "truncation",
        0.0,
        5.0,
        "req_1",
    )
    assert scores_of_checks(ABOUT, check_reply(asked(), said("It is.")), 5.0) == ()
