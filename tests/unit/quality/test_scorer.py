"""The scorer: bounded, never in anybody's way, and going on after whatever goes wrong with one reply."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from tests.unit.delivery.world import ONCE
from tests.unit.quality.test_judging import COST, compares, grade

from claude_code_router.core.inbound import Inbound
from claude_code_router.core.record import Record
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.secrets import NO_SECRETS
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.delivery.allowance import Allowance
from claude_code_router.delivery.ask import Asking
from claude_code_router.delivery.deliver import Means
from claude_code_router.delivery.gate import Gate
from claude_code_router.delivery.memory import Memory
from claude_code_router.delivery.transport import AiohttpTransport
from claude_code_router.providers.provider import Provider
from claude_code_router.quality import scorer as module
from claude_code_router.quality.judge import epoch_of
from claude_code_router.quality.judging import Judging
from claude_code_router.quality.sampling import Draw
from claude_code_router.quality.scorer import Finished, Scorer
from claude_code_router.quality.settings import JudgeSettings, QualitySettings
from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Seen, Upstream

SETTINGS = QualitySettings(judge=JudgeSettings(targets=(Target("p", "judge"),), timeout_s=5))
REPLY = b'{"type":"message","content":[{"type":"text","text":"%s"}],"stop_reason":"%s","usage":{}}'


def finished(words: str = "GOOD", stop: str = "end_turn", *, body: bytes = b"", **more: object) -> Finished:
    request = b'{"model":"m","max_tokens":999,"messages":[{"role":"user","content":"hi"}]}'
    inbound = Inbound(
        id="req_1", path="/v1/messages", query="", headers=(), header={}, body=body or request, received_at=7.0
    )
    item = Finished(
        settings=SETTINGS,
        draw=Draw(score_probability=0.5),
        inbound=inbound,
        signals=Signals(model="m", namespace="blue", category="talk"),
        reply_body=REPLY % (words.encode(), stop.encode()),
        rule="mine",
        tier="heavy",
        target=Target("p", "big"),
        cost_usd=0.5,
    )
    return msgspec.structs.replace(item, **more)


class Desk:
    def __init__(self, means: Callable[[str], Means]) -> None:
        self.put: list[Score | Pair] = []
        self.records: list[Record] = []
        asking = Asking(means, self.records.append, Allowance())
        judging = Judging(asking, lambda: NO_SECRETS, time.time)
        self.scorer = Scorer(asking, judging, self.put.append, dice=lambda: 0.0, now=time.time)

    @property
    def pairs(self) -> list[Pair]:
        return [one for one in self.put if isinstance(one, Pair)]

    @property
    def scores(self) -> list[Score]:
        return [one for one in self.put if isinstance(one, Score)]

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.scorer.run())
            yield
            task.cancel()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                await asyncio.sleep(0.01)


@pytest.fixture
async def desk() -> AsyncIterator[Callable[[str], Desk]]:
    transport = AiohttpTransport()

    def make(url: str) -> Desk:
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
        return Desk(lambda _namespace: means)

    yield make
    await transport.close()


async def test_it_is_bounded(desk: Callable[[str], Desk]) -> None:
    """By number and by bytes; what is beyond is counted and forgotten."""
    at = desk("http://127.0.0.1:1")
    for _ in range(module.CAPACITY + 3):
        at.scorer.put(finished())
    assert (at.scorer.waiting, at.scorer.tally.dropped) == (module.CAPACITY, 3)
    large = desk("http://127.0.0.1:1")
    for _ in range(5):
        large.scorer.put(finished(body=b"x" * (module.CAPACITY_BYTES // 3)))
    assert (large.scorer.waiting, large.scorer.tally.dropped) == (2, 3)


async def test_room_is_given_back(desk: Callable[[str], Desk]) -> None:
    """What was judged, unreadable requests included, no longer counts; and the next one is judged."""
    async with Upstream(grade(8)) as up:
        at = desk(up.url)
        async with at.working():
            for _ in range(4):
                at.scorer.put(finished(body=b"[" * (module.CAPACITY_BYTES // 2)))
                await at.until(lambda: at.scorer.waiting == 0)
            at.scorer.put(finished())
            await at.until(lambda: bool(at.put))
    assert at.scorer.tally.dropped == 0
    [score] = at.scores
    assert (score.request_id, score.value, score.probability) == ("req_1", 0.8, 0.5)


async def test_one_bug_does_not_end_it(desk: Callable[[str], Desk], caplog: pytest.LogCaptureFixture) -> None:
    """A reply that cannot be judged for a reason of ours is logged, and the next one is judged."""
    async with Upstream(grade(8)) as up:
        at = desk(up.url)
        async with at.working():
            at.scorer.put(finished(settings=None))  # no such item is ever made
            at.scorer.put(finished())
            await at.until(lambda: bool(at.put))
    assert "bug: the reply of req_1 was not looked at" in caplog.text


PAIRED = Draw(score_probability=1.0, pair_probability=0.25, pair_tier="light")


def answering(other_stop: str = "end_turn") -> Callable[[Seen], Script]:
    """The judge, who likes what is GOOD, and the other tier."""

    def answer(seen: Seen) -> Script:
        if seen.json["model"] == "small":
            return Script((Say("POOR"),), usage=COST, stop=other_stop)
        if "the first reply" in seen.json["messages"][0]["content"]:
            return compares(lambda first, _: "first" if "GOOD" in first else "second")(seen)
        return grade(9 if "GOOD" in seen.json["messages"][0]["content"] else 3)

    return answer


def paired(stop: str = "end_turn") -> Finished:
    return finished(stop=stop, draw=PAIRED, other_target=Target("p", "small"))


async def test_a_pair_says_all_that_its_statistics_need(desk: Callable[[str], Desk]) -> None:
    """Who, where, with which chance, how good, at what cost."""
    async with Upstream(answering()) as up:
        at = desk(up.url)
        async with at.working():
            at.scorer.put(paired())
            await at.until(lambda: bool(at.pairs))
    [pair] = at.pairs
    assert msgspec.structs.replace(pair, other_id="", judge_cost_usd=None) == Pair(
        request_id="req_1",
        other_id="",
        at=7.0,
        probability=0.25,
        namespace="blue",
        category="talk",
        rule="mine",
        served_tier="heavy",
        other_tier="light",
        served_target="p,big",
        other_target="p,small",
        served_value=0.9,
        other_value=0.3,
        preferred="served",
        judge="p,judge",
        epoch=epoch_of("p,judge"),
        served_cost_usd=0.5,
        other_cost_usd=0.01,
    )
    assert pair.judge_cost_usd == pytest.approx(4 * COST.output_tokens / 1000)
    assert [score.probability for score in at.scores] == [1.0, 0.25]


@pytest.mark.parametrize(
    ("served", "other", "values", "preferred", "questions"),
    [
        ("end_turn", "max_tokens", (0.9, 0.0), "served", 1),
        ("max_tokens", "end_turn", (0.0, 0.3), "other", 1),
        ("max_tokens", "max_tokens", (0.0, 0.0), "tie", 0),
    ],
)
async def test_a_fault_decides_without_a_comparison(
    desk: Callable[[str], Desk],
    served: str,
    other: str,
    values: tuple[float, float],
    preferred: str,
    questions: int,
) -> None:
    """What a check has found is worth 0; it is a pair of the same epoch all the same."""
    async with Upstream(answering(other)) as up:
        at = desk(up.url)
        async with at.working():
            at.scorer.put(paired(served))
            await at.until(lambda: bool(at.pairs))
    [pair] = at.pairs
    assert (pair.served_value, pair.other_value, pair.preferred) == (*values, preferred)
    assert (pair.probability, pair.epoch) == (0.25, epoch_of("p,judge"))
    assert [seen.json["model"] for seen in up.seen].count("judge") == questions
    checks = [score for score in at.scores if score.by == "check"]
    assert len(checks) == values.count(0.0)


async def test_a_judge_without_an_answer_leaves_the_pair_open(desk: Callable[[str], Desk]) -> None:
    """The money was spent and the draw was made: the pair is there, without values."""
    async with Upstream(Script((Say("hm"),))) as up:
        at = desk(up.url)
        async with at.working():
            at.scorer.put(paired())
            await at.until(lambda: bool(at.pairs))
    [pair] = at.pairs
    assert (pair.served_value, pair.other_value, pair.preferred, pair.judge) == (None, None, "", "p,judge")
    assert at.scorer.tally.unjudged == 2
