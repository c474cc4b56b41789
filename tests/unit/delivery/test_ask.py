"""The router's own questions: an answer or the reason why there is none, a row of their own, and what they cost."""

import time
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from tests.unit.delivery.world import BODY, ONCE

from claude_code_router.core.inbound import ClientDialect, Inbound
from claude_code_router.core.record import Outcome, Purpose, Record
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.delivery.allowance import Allowance
from claude_code_router.delivery.ask import Asking, Errand
from claude_code_router.delivery.deliver import Means
from claude_code_router.delivery.gate import Gate
from claude_code_router.delivery.memory import Memory
from claude_code_router.delivery.read_reply import read_reply
from claude_code_router.delivery.transport import AiohttpTransport
from claude_code_router.providers.provider import Provider
from claude_code_router.scripted.script import Call, Cut, End, Say, Script, ScriptUsage, Stall, Think
from claude_code_router.scripted.upstream import Upstream

ERRAND = Errand(purpose=Purpose.SCORE, target=Target("p", "judge"), parent="req_parent", tier="light")


class Desk:
    """Asks, and keeps what was recorded."""

    def __init__(self, means: Callable[[str], Means]) -> None:
        self.records: list[Record] = []
        self.asking = Asking(means, self.records.append, Allowance())


@pytest.fixture
async def desk() -> AsyncIterator[Callable[[str], Desk]]:
    transport = AiohttpTransport()

    def make(url: str) -> Desk:
        anthropic = Provider(name="p", url=f"{url}/v1/messages", key="sk-a", dialect="anthropic", auth="x-api-key")
        chat = Provider(name="o", url=f"{url}/v1/chat/completions", key="sk-o")
        means = Means(
            providers={"p": anthropic, "o": chat},
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


async def test_a_question_gets_its_answer_and_a_row(desk: Callable[[str], Desk]) -> None:
    """The prompt travels as one message; the row names purpose and parent; the cost counts in the purpose's allowance."""
    async with Upstream(Script((Say("7"),), usage=ScriptUsage(input_tokens=11, output_tokens=3))) as up:
        at = desk(up.url)
        answer = await at.asking.question(ERRAND, "You judge.", "How good?", max_tokens=5)
    assert (answer.text, answer.failed, answer.cost_usd) == ("7", "", 0.003)
    sent = msgspec.json.decode(up.seen[0].body)
    assert (sent["system"], sent["max_tokens"], sent["model"]) == ("You judge.", 5, "judge")
    assert sent["messages"] == [{"role": "user", "content": "How good?"}]
    [row] = at.records
    assert (row.id, row.purpose, row.parent, row.tier) == (answer.id, Purpose.SCORE, "req_parent", "light")
    assert row.outcome == Outcome.DELIVERED
    assert row.request_body is None
    assert at.asking.allowance.spent_today_usd(Purpose.SCORE, "", time.time()) == pytest.approx(0.003)
    assert not at.asking.allowance.allows(Purpose.SCORE, "", 0.003, time.time())
    assert at.asking.allowance.allows(Purpose.SHADOW, "", 0.003, time.time())


async def test_a_question_on_somebodys_account(desk: Callable[[str], Desk]) -> None:
    """Its row is told apart, and its cost counts there too, whatever the answer is worth."""
    booked: list[tuple[str, float]] = []
    async with Upstream(Script((Say("hm"), Cut()), usage=ScriptUsage(output_tokens=3))) as up:
        at = desk(up.url)
        asking = at.asking.on_account_of("escalation", lambda namespace, usd: booked.append((namespace, usd)))
        errand = msgspec.structs.replace(ERRAND, namespace="blue")
        await asking.question(errand, "You judge.", "How good?")
        await at.asking.question(errand, "You judge.", "How good?")
    assert [row.decision.rule for row in at.records if row.decision] == ["escalation", "score"]
    assert [namespace for namespace, _ in booked] == ["blue"] * len(booked)
    spent = at.asking.allowance.spent_today_usd(Purpose.SCORE, "blue", time.time())
    assert sum(usd for _, usd in booked) == pytest.approx(spent / 2)


@pytest.mark.parametrize("broken", [(Cut(),), (Say("ha"), End()), (Stall(),)], ids=["reset", "half", "silence"])
async def test_no_answer_is_a_reason(desk: Callable[[str], Desk], broken: tuple[Cut | Say | End | Stall, ...]) -> None:
    """Nothing that goes wrong upstream is raised, and the row says that it failed."""
    async with Upstream(Script(broken)) as up:
        at = desk(up.url)
        answer = await at.asking.question(msgspec.structs.replace(ERRAND, timeout_s=0.5), "", "?")
    assert answer.failed
    assert answer.text == ""
    [row] = at.records
    assert row.outcome != Outcome.DELIVERED
    assert row.error


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("provider", ["p", "o"])
@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat"])
async def test_a_request_is_answered_once_more(
    desk: Callable[[str], Desk], dialect: ClientDialect, provider: str, stream: bool
) -> None:
    """Streamed or whole, relayed or translated: the reply is read back as values."""
    body = BODY if stream else BODY.replace(b"true", b"false")
    inbound = Inbound(
        id="req_1", path="/x", query="", headers=((b"traceparent", b"00-a-b-01"), (b"user-agent", b"x")), header={},
        body=body, received_at=0.0, dialect=dialect
    )  # fmt: skip
    script = Script(
        (Think("hm"), Say("hello"), Call("Read", {"path": "a"}, id="toolu_1")), usage=ScriptUsage(output_tokens=9)
    )
    async with Upstream(script) as up:
        errand = msgspec.structs.replace(ERRAND, target=Target(provider, "m"), keep_bodies=True)
        at = desk(up.url)
        answer = await at.asking.once_more(errand, inbound, Signals(model="asked", stream=stream))
    assert answer.reply.failed == ""
    assert answer.reply.text == "hello"
    [call] = answer.reply.calls
    assert (call.name, msgspec.json.decode(call.json)) == ("Read", {"path": "a"})
    assert answer.reply.stop_reason == "tool_use"
    assert answer.id != "req_1"
    [row] = at.records
    assert row.reply_body
    assert read_reply(inbound, row.reply_body) == answer.reply
    assert up.seen[0].headers["user-agent"] == "x"
    assert "traceparent" not in up.seen[0].headers  # it is no part of the client's trace
