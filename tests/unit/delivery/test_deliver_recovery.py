"""Repetitions, fallbacks and keeping a client alive, on real sockets."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from tests.unit.delivery.world import ONCE, STREAM, WHOLE, Make

from claude_code_router.core.failure import FailureKind
from claude_code_router.core.record import Outcome
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.backoff import RetrySettings
from claude_code_router.delivery.memory import Memory
from claude_code_router.delivery.settings import DeliverySettings, TimeLimits
from claude_code_router.delivery.upward import UpwardCaps
from claude_code_router.scripted.script import Cut, End, Fault, Say, Script, ScriptUsage, Stall, Start, Wait
from claude_code_router.scripted.upstream import Upstream, in_turn

K = FailureKind
USUAL = DeliverySettings()
OVERLOADED = Script((Fault("overloaded_error", "busy"),), status=529)
FINE = Script((Say("fine"),))
OVERFLOW = Script((Fault("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),), status=400)


@pytest.mark.parametrize("signals", [STREAM, WHOLE])
@pytest.mark.parametrize("chat", [False, True])
async def test_a_passing_failure_is_repeated(world: Make, signals: Signals, chat: bool) -> None:
    """Twice overloaded, then an answer: the client sees only that, the record all three."""
    async with Upstream(in_turn(OVERLOADED, OVERLOADED, FINE)) as up:
        here = world(signals, chat=(up.url,), settings=USUAL) if chat else world(signals, up.url, settings=USUAL)
        await here.delivery.run()
    assert here.client.status == 200
    assert here.client.body.count(b"event: message_start") == (1 if signals.stream else 0)
    assert [a.failure.kind if a.failure else None for a in here.delivery.attempts] == [K.OVERLOADED, K.OVERLOADED, None]


async def test_absorbed_attempts_keep_their_usage(world: Make) -> None:
    """A stream that broke before its content has told its input: it is on the record, for it is billed."""
    broken = Script((Start(), Cut()), usage=ScriptUsage(input_tokens=70))
    async with Upstream(in_turn(broken, FINE)) as up:
        here = world(STREAM, up.url, settings=USUAL)
        await here.delivery.run()
    first = here.delivery.attempts[0]
    assert first.failure is not None
    assert first.usage is not None
    assert first.usage.input_tokens == 70
    assert here.delivery.outcome == Outcome.DELIVERED


async def test_a_client_that_was_told_exhausted_repeats_by_itself(world: Make) -> None:
    """Its next request for the same turn asks once: its repetitions and ours add up."""
    memory, signals = Memory(), msgspec.structs.replace(STREAM, session="s")
    async with Upstream(OVERLOADED) as up:
        for _ in range(3):
            await world(signals, up.url, settings=USUAL, memory=memory).delivery.run()
    assert len(up.seen) == 3 + 1 + 1


async def test_an_outage_is_no_storm(world: Make) -> None:
    """When everything fails, a provider gets its burst of repetitions, then few."""
    memory = Memory()
    settings = DeliverySettings(retry=RetrySettings(burst=4.0, ratio=0.0))
    async with Upstream(OVERLOADED) as up:
        for _ in range(10):
            await world(WHOLE, up.url, settings=settings, memory=memory).delivery.run()
    assert len(up.seen) <= 10 + 4 + 1


@pytest.mark.parametrize("cap", [1, 0])
async def test_upward_steps_are_capped(world: Make, cap: int) -> None:
    """A dearer target is asked within the cap; beyond it the client learns why it was not."""

    def usd(target: Target, _: Usage) -> float:
        return 1.0 if target.provider == "a0" else 2.0

    settings = msgspec.structs.replace(ONCE, upward=UpwardCaps(max_per_hour=cap))
    async with Upstream(OVERLOADED) as first, Upstream(FINE) as second:
        here = world(WHOLE, first.url, second.url, settings=settings, expected_usd=usd)
        await here.delivery.run()
    assert len(second.seen) == cap
    kinds = [attempt.failure.kind for attempt in here.delivery.attempts if attempt.failure]
    assert kinds == ([K.OVERLOADED] if cap else [K.OVERLOADED, K.CAPPED])
    if not cap:
        assert here.client.status == 529
        assert "a1,m0 was not asked: it costs more than a0,m0" in here.client.json["error"]["message"]
        assert "0 of 0 upward fallbacks an hour" in here.client.json["error"]["message"]


async def test_a_cheaper_or_unpriced_target_is_no_upward_step(world: Make) -> None:
    """Only what is known to be dearer counts."""
    settings = msgspec.structs.replace(ONCE, upward=UpwardCaps(max_per_hour=0))
    async with Upstream(OVERLOADED) as first, Upstream(FINE) as second:
        here = world(WHOLE, first.url, second.url, settings=settings)
        await here.delivery.run()
    assert here.delivery.outcome == Outcome.DELIVERED
    assert len(second.seen) == 1


@pytest.mark.parametrize(("model", "asked"), [("claude-haiku-4-5", 1), ("m0", 0)])
async def test_an_overflow_goes_to_a_larger_window(world: Make, model: str, asked: int) -> None:
    """The prompt that does not fit is answered by a target that is known to be larger; else the client hears of it."""
    async with Upstream(OVERFLOW) as small, Upstream(FINE) as large:
        here = world(
            WHOLE, small.url, large.url, model=model, models=("claude-haiku-4-5", "claude-opus-5-5")[: 2 * asked]
        )
        await here.delivery.run()
    assert len(large.seen) == asked
    assert here.client.status == (200 if asked else 400)
    assert asked or "prompt is too long" in here.client.json["error"]["message"]


async def test_pings_while_the_first_content_is_awaited(world: Make) -> None:
    """The stream has begun upstream: the client gets pings, and the request can still go elsewhere."""
    settings = msgspec.structs.replace(ONCE, ping_after_s=0.0)
    gate = asyncio.Event()
    async with Upstream(Script((Start(), Wait(gate), End()))) as first, Upstream(FINE) as second:
        here = world(STREAM, first.url, second.url, settings=settings)
        async with asyncio.TaskGroup() as group:
            group.create_task(here.delivery.run())
            while b"event: ping" not in here.client.body:
                await here.delivery.keep_alive()
                await asyncio.sleep(0.001)
            gate.set()
    assert here.client.body.startswith(b"event: ping")
    assert here.client.body.count(b"event: message_start") == 1
    assert here.client.body.count(b"event: message_stop") == 1
    assert here.delivery.outcome == Outcome.DELIVERED


async def test_no_early_start_while_a_status_is_possible(world: Make) -> None:
    """Before the upstream's headers nothing leaves, so that its error can still be told as one."""
    settings = msgspec.structs.replace(ONCE, ping_after_s=0.0)
    gate = asyncio.Event()
    async with Upstream(Script((Wait(gate), Fault()), status=500)) as up:
        here = world(STREAM, up.url, settings=settings)
        async with asyncio.TaskGroup() as group:
            group.create_task(here.delivery.run())
            while not up.seen:
                await asyncio.sleep(0.001)
            await here.delivery.keep_alive()
            assert here.client.status is None
            gate.set()
    assert here.client.status == 500


async def test_after_the_longest_wait_the_stream_begins_and_errors_are_events(world: Make) -> None:
    """Just before the client would give up, a ping begins the stream; a failure is then told inside it."""
    settings = msgspec.structs.replace(ONCE, ping_after_s=0.0, early_s=0.0)
    gate = asyncio.Event()
    async with Upstream(Script((Wait(gate), Fault("api_error", "in vain")), status=500)) as up:
        here = world(STREAM, up.url, settings=settings)
        async with asyncio.TaskGroup() as group:
            group.create_task(here.delivery.run())
            while here.client.status is None:
                await here.delivery.keep_alive()
                await asyncio.sleep(0.001)
            gate.set()
    assert here.client.status == 200
    assert here.client.body.count(b"event: error") == 1
    assert b"in vain" in here.client.body
    assert here.client.ended
    assert here.delivery.outcome == Outcome.EXHAUSTED


@pytest.mark.parametrize("steps", [(Stall(),), (Start(), Stall()), (Say("half", 1), Stall())])
async def test_the_upstream_is_cancelled_before_the_delivery_is_over(world: Make, steps: tuple[object, ...]) -> None:
    """A client that leaves: when the delivery has ended, its connection is closed already; nothing lingers."""
    async with Upstream(Script(steps)) as up:  # type: ignore[arg-type]
        here = world(STREAM, up.url)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(here.delivery.run())
            while not up.seen:
                await asyncio.sleep(0.001)
            running.cancel()
        turns = 0
        while not up.seen[0].cancelled:
            turns += 1
            await asyncio.sleep(0)
        assert turns < 1000  # turns of the loop, not time: the close was written before the delivery ended
    assert here.delivery.outcome == Outcome.CLIENT_GONE
    assert len(here.delivery.attempts) == 1


@pytest.mark.parametrize(
    ("limits", "steps", "kind"),
    [
        (TimeLimits(first_byte_s=0.05), (Stall(),), K.FIRST_BYTE_TIMEOUT),
        (TimeLimits(idle_s=0.05), (Start(), Stall()), K.IDLE_TIMEOUT),
        (TimeLimits(total_s=0.05), (Start(), Stall()), K.TOTAL_TIMEOUT),
        (TimeLimits(total_s=0.05), (Stall(),), K.TOTAL_TIMEOUT),
    ],
)
async def test_time_limits(world: Make, limits: TimeLimits, steps: tuple[object, ...], kind: FailureKind) -> None:
    """Each limit cuts off its own kind of waiting, and the next target answers."""
    settings = msgspec.structs.replace(ONCE, provider_timeouts={"a0": limits})
    async with Upstream(Script(steps)) as slow, Upstream(FINE) as second:  # type: ignore[arg-type]
        here = world(STREAM, slow.url, second.url, settings=settings)
        await here.delivery.run()
    failure = here.delivery.attempts[0].failure
    assert failure is not None
    assert failure.kind == kind
    assert here.delivery.outcome == Outcome.DELIVERED


@pytest.mark.parametrize("begun", [False, True])
async def test_a_delivery_that_is_cut_short_says_so(world: Make, begun: bool) -> None:
    """The router ends: an error status, or an error event in a stream that has begun."""
    async with Upstream(Script((Say("half", 1), Stall()) if begun else (Stall(),))) as up:
        here = world(STREAM, up.url)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(here.delivery.run())
            while not (here.client.parts if begun else up.seen):
                await asyncio.sleep(0.001)
            running.cancel()
        await here.delivery.cut_short()
    assert here.client.ended
    assert here.client.status == (200 if begun else 503)
    assert b"overloaded_error" in here.client.body
    assert here.delivery.outcome == Outcome.BROKEN_OFF


async def test_a_lone_slow_target_is_waited_for(world: Make) -> None:
    """Without anywhere else to go, a stream's headers may take as long as the client waits: API_TIMEOUT_MS."""
    transport_saw: list[float] = []
    async with Upstream(FINE) as up:
        here = world(STREAM, up.url, settings=USUAL, watch=lambda timeouts: transport_saw.append(timeouts.first_byte_s))
        await here.delivery.run()
        there = world(STREAM, up.url, up.url, settings=USUAL, watch=lambda t: transport_saw.append(t.first_byte_s))
        await there.delivery.run()
    assert transport_saw == [600.0, 180.0]
