"""Deliveries on real sockets: what left for the client, what the attempts say, what the upstream saw."""

import asyncio

import msgspec
import pytest
from tests.unit.delivery.world import BODY, ONCE, STREAM, WHOLE, Make

from claude_code_router.core.failure import FailureKind
from claude_code_router.core.record import Outcome
from claude_code_router.core.signals import Signals
from claude_code_router.delivery.settings import TimeLimits
from claude_code_router.scripted.script import Call, Cut, End, Fault, Raw, Say, Script, ScriptUsage, Stall, Start, Wait
from claude_code_router.scripted.upstream import Upstream, in_turn


async def test_a_relayed_stream_is_byte_equal(world: Make) -> None:
    """Same dialect: the client gets the upstream's bytes, the upstream the client's but for the model."""
    raw = (
        b'event: message_start\r\ndata:{"type":"message_start", "x":1.0}\r\n\r\n: odd\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
    async with Upstream(
        Script((Raw(raw),), headers={"content-type": "text/event-stream", "request-id": "req_up"})
    ) as up:
        here = world(STREAM, up.url)
        await here.delivery.run()
    assert here.client.body == raw
    assert here.client.headers["request-id"] == "req_up"
    assert up.seen[0].body == BODY.replace(b'"asked"', b'"m0"')
    assert up.seen[0].query == "beta=true"
    assert here.delivery.outcome == Outcome.DELIVERED


async def test_usage_and_stop_reason_are_on_the_attempt(world: Make) -> None:
    """What the reply says of itself is read off while it passes."""
    script = Script((Say("hello"),), usage=ScriptUsage(input_tokens=11, cache_read_tokens=5, output_tokens=3))
    async with Upstream(script) as up:
        for signals, chat in ((STREAM, False), (WHOLE, False), (STREAM, True), (WHOLE, True)):
            here = world(signals, chat=(up.url,)) if chat else world(signals, up.url)
            await here.delivery.run()
            attempt = here.delivery.attempts[0]
            assert attempt.usage is not None
            assert (attempt.usage.input_tokens, attempt.usage.cache_read_tokens, attempt.usage.output_tokens) == (
                11,
                5,
                3,
            )
            assert attempt.stop_reason == "end_turn"
            assert attempt.failure is None
            assert here.client.ended
            assert b"hello" in here.client.body.replace(b'"}}\n', b"") or signals.stream


async def test_one_credential_goes_up(world: Make) -> None:
    """The client's own credentials stay here; the provider's travel in exactly one header."""
    async with Upstream(Script((Say("x"),))) as up:
        await world(STREAM, up.url).delivery.run()
        await world(STREAM, chat=(up.url,)).delivery.run()
    relayed, translated = (seen.headers for seen in up.seen)
    assert (relayed.get("x-api-key"), relayed.get("authorization")) == ("sk-a", None)
    assert (translated.get("x-api-key"), translated.get("authorization")) == (None, "Bearer sk-o")
    assert relayed["anthropic-beta"] == "a,b"


async def test_an_upstream_error_is_passed_on_verbatim(world: Make) -> None:
    """Status, body bytes and telling headers of the same dialect arrive untouched."""
    body = b'{"type":"error", "error":{"type":"rate_limit_error","message":"slow down"},"request_id":"req_up" }'
    script = Script(status=429, headers={"retry-after": "7", "anthropic-ratelimit-requests-remaining": "0"}, body=body)
    async with Upstream(script) as up:
        here = world(STREAM, up.url)
        await here.delivery.run()
    assert (here.client.status, here.client.body) == (429, body)
    assert here.client.headers["retry-after"] == "7"
    assert here.client.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert here.delivery.outcome == Outcome.EXHAUSTED
    failure = here.delivery.attempts[0].failure
    assert failure is not None
    assert (failure.kind, failure.retry_after_s) == (FailureKind.RATE_LIMIT, 7.0)


async def test_a_foreign_error_is_worded_anew(world: Make) -> None:
    """Another dialect's error arrives in the client's envelope, with status and retry-after."""
    script = Script(status=429, headers={"retry-after": "7"}, body=b'{"error":{"message":"slow down","type":"tokens"}}')
    async with Upstream(script) as up:
        here = world(STREAM, chat=(up.url,))
        await here.delivery.run()
    assert here.client.status == 429
    assert here.client.json["error"] == {"type": "rate_limit_error", "message": "slow down"}
    assert here.client.headers["retry-after"] == "7"


async def test_a_dead_upstream_is_told_once(world: Make) -> None:
    """Nobody listens: 503 that the client does not repeat for three minutes, with the target named."""
    async with Upstream(Script()) as gone:
        url = gone.url
    here = world(STREAM, url)
    await here.delivery.run()
    assert here.client.status == 503
    assert here.client.headers["x-should-retry"] == "false"
    assert "a0,m0" in here.client.json["error"]["message"]


@pytest.mark.parametrize("signals", [STREAM, WHOLE])
@pytest.mark.parametrize(
    "first",
    [
        Script(status=500, body=b"oops"),
        Script(status=529, body=b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}'),
        Script((Cut(),)),
        Script((Raw(b"<html>login</html>"),), headers={"content-type": "text/html"}),
        Script((Raw(b""),)),
    ],
)
@pytest.mark.parametrize("second_dialect", ["anthropic", "chat"])
async def test_a_failing_target_is_followed_by_the_next(
    world: Make, signals: Signals, first: Script, second_dialect: str
) -> None:
    """What fails before content goes to the next target, whichever dialect it speaks; the client sees one clean reply."""
    async with Upstream(in_turn(first, first)) as bad, Upstream(Script((Say("fine"),))) as good:
        here = (
            world(signals, bad.url, good.url)
            if second_dialect == "anthropic"
            else world(signals, bad.url, chat=(good.url,))
        )
        await here.delivery.run()
    assert here.client.status == 200
    assert b"fine" in here.client.body or here.client.body.count(b"text_delta") > 0
    assert here.client.body.count(b"event: message_start") == (1 if signals.stream else 0)
    assert here.delivery.outcome == Outcome.DELIVERED
    assert here.delivery.attempts[0].failure is not None


@pytest.mark.parametrize("steps", [(Start(), Cut()), (Start(), Fault("overloaded_error", "busy")), (Start(), End())])
async def test_a_stream_that_fails_before_content_goes_on_elsewhere(world: Make, steps: tuple[object, ...]) -> None:
    """message_start is held back while there is another target: nothing of the first stream reaches the client."""
    async with Upstream(Script(steps)) as bad, Upstream(Script((Say("fine"),))) as good:  # type: ignore[arg-type]
        here = world(STREAM, bad.url, good.url)
        await here.delivery.run()
    assert here.client.body.count(b"event: message_start") == 1
    assert here.client.body.count(b"event: error") == 0
    assert here.delivery.outcome == Outcome.DELIVERED


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("steps", [(Say("par"), Cut()), (Say("par"), End()), (Call("Bash", {"command": "ls"}), Cut())])
async def test_a_stream_that_breaks_after_content_is_never_a_success(
    world: Make, steps: tuple[object, ...], chat: bool
) -> None:
    """An error event of a type on which the client resumes; no message_stop; no second target."""
    async with Upstream(Script(steps)) as bad, Upstream(Script((Say("other"),))) as good:  # type: ignore[arg-type]
        here = world(STREAM, chat=(bad.url, good.url)) if chat else world(STREAM, bad.url, good.url)
        await here.delivery.run()
    assert here.client.ended
    assert here.client.body.count(b"event: error") == 1
    assert b"overloaded_error" in here.client.body
    assert b"message_stop" not in here.client.body
    assert here.delivery.outcome == Outcome.BROKEN_OFF
    assert not good.seen


@pytest.mark.parametrize("chat", [False, True])
async def test_an_error_event_after_content_is_passed_on(world: Make, chat: bool) -> None:
    """The upstream's own error inside its stream ends ours."""
    async with Upstream(Script((Say("par"), Fault("overloaded_error", "busy")))) as up:
        here = world(STREAM, chat=(up.url,)) if chat else world(STREAM, up.url)
        await here.delivery.run()
    assert here.client.body.count(b"event: error") == 1
    assert b"busy" in here.client.body
    assert here.delivery.outcome == Outcome.BROKEN_OFF


@pytest.mark.parametrize("chat", [False, True])
async def test_content_passes_as_it_comes(world: Make, chat: bool) -> None:
    """The first words reach the client while the upstream is still holding the rest."""
    gate = asyncio.Event()
    async with Upstream(Script((Say("first", chunks=1), Wait(gate), Say("second")))) as up:
        here = world(STREAM, chat=(up.url,)) if chat else world(STREAM, up.url)
        async with asyncio.TaskGroup() as group:
            group.create_task(here.delivery.run())
            while b"first" not in here.client.body:
                here.client.got.clear()
                await here.client.got.wait()
            gate.set()
    assert here.delivery.outcome == Outcome.DELIVERED


@pytest.mark.parametrize("chat", [False, True])
async def test_silence_is_filled_with_pings_and_bounded(world: Make, chat: bool) -> None:
    """Pings while the upstream is silent; beyond idle_s the stream is broken off."""
    settings = msgspec.structs.replace(ONCE, ping_after_s=0.03, timeouts={"default": TimeLimits(idle_s=0.1)})
    async with Upstream(Script((Say("par"), Stall()))) as up:
        here = world(STREAM, chat=(up.url,), settings=settings) if chat else world(STREAM, up.url, settings=settings)
        await here.delivery.run()
        assert here.client.body.count(b"event: ping") >= 2
        assert here.delivery.outcome == Outcome.BROKEN_OFF
        while not up.seen[0].cancelled:
            await asyncio.sleep(0.01)


async def test_a_cancelled_delivery_is_a_client_gone(world: Make) -> None:
    """Cancelling stops the upstream, and the attempt is on the record."""
    async with Upstream(Script((Say("par"), Stall()))) as up:
        here = world(STREAM, up.url)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(here.delivery.run())
            await here.client.got.wait()
            running.cancel()
        while not up.seen[0].cancelled:
            await asyncio.sleep(0.01)
    assert (here.delivery.outcome, here.delivery.status) == (Outcome.CLIENT_GONE, 200)
    assert len(here.delivery.attempts) == 1


async def test_nothing_can_be_injected_through_a_models_name(world: Make) -> None:
    """Names from the client end up in a header of ours: only printable ASCII gets there."""
    async with Upstream(Script((Say("x"),))) as up:
        here = world(STREAM, up.url, model="m\r\nx-evil: 1ü")
        await here.delivery.run()
    assert here.client.headers["x-ccr-target"] == "a0,m??x-evil:?1?"
