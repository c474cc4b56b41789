"""Held replies on real sockets: nothing leaves before somebody has looked, and what leaves is one whole reply."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.delivery.conftest import world_of
from tests.unit.delivery.world import BODY, ONCE, STREAM, WHOLE, Make, World

from claude_code_router.core.failure import FailureKind
from claude_code_router.core.record import Outcome
from claude_code_router.core.signals import Signals
from claude_code_router.delivery.backoff import RetrySettings
from claude_code_router.delivery.holding import Held, Inspection
from claude_code_router.delivery.settings import DeliverySettings
from claude_code_router.delivery.transport import AiohttpTransport
from claude_code_router.scripted.script import Call, Cut, Fault, Pause, Raw, Say, Script, Stall, Think
from claude_code_router.scripted.upstream import Upstream, in_turn

MID = Script((Think("hm", signature="c2lnbmVk"), Say("a poor answer", 5), Call("Bash", {"command": "ls"}, id="call_m")))
HEAVY = Script((Think("well", signature="aGVhdnk="), Say("the right answer", 5)))
WAYS = [pytest.param(STREAM, id="stream"), pytest.param(WHOLE, id="whole")]


class Judge:
    """An Inspector that is told what to say."""

    def __init__(self, good: bool, before: Callable[[], object] = lambda: None, takes_s: float = 0.0) -> None:
        self._good = good
        self._before = before
        self._takes_s = takes_s
        self.seen: list[Held] = []
        self.cancelled = False

    async def inspect(self, held: Held) -> Inspection:
        self.seen.append(held)
        self._before()
        try:
            await asyncio.sleep(self._takes_s)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return Inspection(self._good, "the judge gave 0.3, below 0.6")


@contextlib.asynccontextmanager
async def _running(here: World) -> AsyncIterator[asyncio.Task[None]]:
    """Cancelled at the end, should it not have ended."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(here.delivery.run())
        yield task
        task.cancel()


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("signals", WAYS)
async def test_released_as_it_came(world: Make, signals: Signals, chat: bool) -> None:
    """A reply that is good enough leaves byte for byte as it would have without a look at it, headers included."""
    async with Upstream(MID) as plain, Upstream(MID) as up, Upstream(HEAVY) as strong:
        # The very same ids: what the upstream makes up is part of its bytes.
        plain._token = up._token = "equal"
        without = world(signals, chat=(plain.url,)) if chat else world(signals, plain.url)
        await without.delivery.run()
        judge = Judge(good=True, before=lambda: left.append(here.client.body))
        left: list[bytes] = []
        urls = {"chat": (up.url, strong.url)} if chat else {}
        here = world(signals, *(() if chat else (up.url, strong.url)), inspector=judge, **urls)
        await here.delivery.run()
        assert strong.seen == []
    assert left == [b""]
    assert here.client.status is not None
    assert here.client.body == without.client.body
    ours = {"x-ccr-target"}
    assert {k: v for k, v in here.client.headers.items() if k not in ours} == {
        k: v for k, v in without.client.headers.items() if k not in ours
    }
    assert judge.seen[0].body == here.client.body
    assert here.delivery.outcome == Outcome.DELIVERED
    assert here.delivery.first_event_ms is not None


@pytest.mark.parametrize("way", ["relay-relay", "relay-chat"])
@pytest.mark.parametrize("signals", WAYS)
async def test_escalated(world: Make, signals: Signals, way: str) -> None:
    """What fell short is on the record and nowhere else; the client gets the stronger reply, and nothing of the first."""
    async with Upstream(MID) as up, Upstream(HEAVY) as strong, Upstream(HEAVY) as plain:
        plain._token = strong._token = "equal"
        first, second = way.split("-")
        reference = world(signals, plain.url) if second == "relay" else world(signals, chat=(plain.url,))
        await reference.delivery.run()
        relays = tuple(up.url if n == 0 else strong.url for n, kind in enumerate((first, second)) if kind == "relay")
        chats = tuple(up.url if n == 0 else strong.url for n, kind in enumerate((first, second)) if kind == "chat")
        here = world(signals, *relays, chat=chats, inspector=Judge(good=False))
        await here.delivery.run()
        assert len(strong.seen) == 1
    assert here.client.body == reference.client.body
    assert b"poor" not in here.client.body
    assert b"call_m" not in here.client.body
    assert here.delivery.outcome == Outcome.ESCALATED
    short, answered = here.delivery.attempts
    assert short.failure is not None
    assert (short.failure.kind, answered.failure) == (FailureKind.FELL_SHORT, None)
    assert "0.3, below 0.6" in short.failure.message
    assert short.usage is not None
    assert answered.usage is not None
    if second == "relay":
        assert strong.seen[0].body == (BODY if signals.stream else BODY.replace(b"true", b"false")).replace(
            b'"asked"', b'"m0"'
        )


@pytest.mark.parametrize("signals", WAYS)
@pytest.mark.parametrize("strong", [Script(status=401), Script(status=400), Script((Cut(),)), Script((Fault(),))])
async def test_a_poor_reply_is_better_than_none(world: Make, signals: Signals, strong: Script) -> None:
    """When the stronger target fails, whatever its failure, the client gets the held reply as it came."""
    judge = Judge(good=False)
    async with Upstream(MID) as up, Upstream(strong) as failing:
        here = world(signals, up.url, failing.url, inspector=judge)
        await here.delivery.run()
    assert here.client.body == judge.seen[0].body
    assert here.client.status == 200
    assert here.delivery.outcome == Outcome.DELIVERED
    assert len(here.delivery.attempts) == 2


async def test_a_held_stream_that_breaks_is_repeated(world: Make) -> None:
    """Nothing has left: a cut in the middle of what is held is an attempt like any other, and the next reply is held."""
    cut = Script((Say("a poor answer", 3), Cut()))
    judge = Judge(good=True)
    settings = DeliverySettings(retry=RetrySettings(max_attempts=3))
    async with Upstream(in_turn(cut, MID)) as up, Upstream(HEAVY) as strong:
        here = world(STREAM, up.url, strong.url, inspector=judge, settings=settings)
        await here.delivery.run()
        assert (len(up.seen), len(strong.seen)) == (2, 0)
    kinds = [attempt.failure.kind if attempt.failure else None for attempt in here.delivery.attempts]
    assert kinds == [FailureKind.CUT, None]
    assert len(judge.seen) == 1
    assert here.client.body == judge.seen[0].body


async def test_pings_while_it_is_held(world: Make) -> None:
    """The client of a stream is kept waiting with pings; then it gets the whole reply, in the same response."""
    judge = Judge(good=True, takes_s=0.3)
    settings = DeliverySettings(retry=RetrySettings(max_attempts=1), ping_after_s=0.05)
    async with Upstream(Script((Say("a"), Pause(0.3), Say("b")))) as up, Upstream(HEAVY) as strong:
        here = world(STREAM, up.url, strong.url, inspector=judge, settings=settings)
        async with _running(here) as running:
            while not running.done():
                await here.delivery.keep_alive()
                await asyncio.sleep(0.02)
    held = judge.seen[0].body
    assert here.client.body.endswith(held)
    pings = here.client.body.removesuffix(held)
    assert pings == b'event: ping\ndata: {"type":"ping"}\n\n' * pings.count(b"event: ping")
    assert pings.count(b"event: ping") >= 2
    assert here.client.ended


async def test_an_escalation_after_pings(world: Make) -> None:
    """Pings have left, and a status: the stronger reply follows in the same stream."""
    judge = Judge(good=False, takes_s=0.2)
    settings = DeliverySettings(retry=RetrySettings(max_attempts=1), ping_after_s=0.05)
    async with Upstream(Script((Say("poor"), Pause(0.2), Say("poor")))) as up, Upstream(HEAVY) as strong:
        here = world(STREAM, up.url, strong.url, inspector=judge, settings=settings)
        async with _running(here) as running:
            while not running.done():
                await here.delivery.keep_alive()
                await asyncio.sleep(0.02)
    assert here.client.body.startswith(b"event: ping")
    assert b"poor" not in here.client.body
    assert here.client.body.count(b"message_start") == 2  # the event and its type: one reply
    assert here.delivery.outcome == Outcome.ESCALATED


@pytest.mark.parametrize("bound", [{"hold_bytes": 300}, {"hold_s": 0.01}])
async def test_beyond_its_bounds_it_is_released(world: Make, bound: dict[str, float]) -> None:
    """A stream that is too large or too slow to be held leaves unseen, and goes on as any stream."""
    judge = Judge(good=False)
    async with Upstream(Script((Say("x" * 200, 20, 0.005),))) as up, Upstream(HEAVY) as strong:
        here = world(STREAM, up.url, strong.url, inspector=judge, **bound)
        await here.delivery.run()
    assert judge.seen == []
    assert here.client.body.count(b"x") >= 200
    assert len(here.client.parts) > 3
    assert here.delivery.outcome == Outcome.DELIVERED


async def test_a_client_that_leaves_cancels_the_look(world: Make) -> None:
    """The judge is cancelled with the delivery, and the attempt with its usage is on the record."""
    judge = Judge(good=True, takes_s=30)
    async with Upstream(MID) as up, Upstream(HEAVY) as strong:
        here = world(STREAM, up.url, strong.url, inspector=judge)
        async with _running(here):
            while not judge.seen:
                await asyncio.sleep(0.01)
    assert judge.cancelled
    assert here.delivery.outcome == Outcome.CLIENT_GONE
    assert here.client.body == b""
    [attempt] = here.delivery.attempts
    assert attempt.usage is not None


async def test_a_client_that_leaves_cancels_the_held_upstream(world: Make) -> None:
    """As with any reply: the upstream is hung up on."""
    async with Upstream(Script((Say("a"), Stall()))) as up, Upstream(HEAVY) as strong:
        here = world(STREAM, up.url, strong.url, inspector=Judge(good=True))
        async with _running(here):
            while not up.seen:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            while not up.seen[0].cancelled:
                await asyncio.sleep(0.01)
    assert here.client.body == b""


async def test_a_shutdown_while_it_is_held(world: Make) -> None:
    """The client is told to ask again, by a status while that is possible."""
    judge = Judge(good=True, takes_s=30)
    async with Upstream(MID) as up, Upstream(HEAVY) as strong:
        here = world(STREAM, up.url, strong.url, inspector=judge)
        async with _running(here):
            while not judge.seen:
                await asyncio.sleep(0.01)
        await here.delivery.cut_short()
    assert here.client.status == 503
    assert here.client.json["error"]["type"] == "overloaded_error"
    assert here.delivery.outcome == Outcome.BROKEN_OFF


@given(data=st.data())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
def test_any_split_of_the_bytes(data: st.DataObject) -> None:
    """However the network cuts a reply, what is released is the same bytes."""
    raw = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":1}}}\n\n'
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text",'
        b'"text":""}}\n\n'
        b'event: content_block_delta\r\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
        b'"text":"gr\xc3\xb6\xc3\x9fe"}}\r\n\r\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
    cuts = sorted(data.draw(st.sets(st.integers(1, len(raw) - 1), max_size=12)))
    parts = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    asyncio.run(_released(parts, raw))


async def _released(parts: list[bytes], raw: bytes) -> None:
    steps = tuple(step for part in parts for step in (Raw(part), Pause(0)))
    judge = Judge(good=True)
    transport = AiohttpTransport()
    try:
        async with Upstream(Script(steps, headers={"content-type": "text/event-stream"})) as up:
            here = world_of(transport)(STREAM, up.url, up.url, inspector=judge, settings=ONCE)
            await here.delivery.run()
    finally:
        await transport.close()
    assert here.client.body == raw
    assert judge.seen[0].body == raw


@given(split=st.integers(1, 400), chat=st.booleans())
@settings(max_examples=20, deadline=None)
def test_any_split_of_a_translated_reply(split: int, chat: bool) -> None:
    """Cut into pieces of any size on its way here, relayed or translated: held and released is what unheld would have been."""
    asyncio.run(_same_held_and_unheld(split, chat))


async def _same_held_and_unheld(split: int, chat: bool) -> None:
    script = msgspec.structs.replace(MID, split=split)
    transport = AiohttpTransport()
    bodies = []
    try:
        for judge in (None, Judge(good=True)):
            async with Upstream(script) as up:
                up._token = "equal"
                urls = (up.url, up.url) if judge else (up.url,)
                make = world_of(transport)
                here = make(STREAM, chat=urls, inspector=judge) if chat else make(STREAM, *urls, inspector=judge)
                await here.delivery.run()
            bodies.append(here.client.body)
    finally:
        await transport.close()
    assert bodies[0] == bodies[1]
    assert b"a poor answer" not in bodies[0]  # in five pieces
