"""The real Claude Code CLI when its upstream fails: it recovers through us as it does without us."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest
from tests.e2e.conftest import Play
from tests.e2e.sight import Sight

from claude_code_router.scripted.script import Call, Cut, End, Fault, Raw, Say, Script, Start, Wait
from claude_code_router.scripted.upstream import Seen, in_turn

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]

FREELY = "--dangerously-skip-permissions"
WELL = Script((Say("Back again."),))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
async def test_passing_error(stage: Play, status: int) -> None:
    """A passing error is retried, the answer arrives, and the client saw the upstream's own status."""
    async with stage(in_turn(Script((Fault("api_error", "a bad moment"),), status=status), WELL)) as s:
        run = await s.client.run("hello")
        assert run.text == "Back again."
        assert len(s.sights) == 2
        if run.retries:  # absent when the router itself knocked twice
            assert run.retries[0]["error_status"] == status


async def test_retry_after(stage: Play) -> None:
    """A 429's retry-after reaches the client, which waits at least so long."""
    limited = Script((Fault("rate_limit_error", "slow down"),), status=429, headers={"retry-after": "2"})
    async with stage(in_turn(limited, WELL)) as s:
        run = await s.client.run("hello")
        assert run.text == "Back again."
        assert all(retry["retry_delay_ms"] >= 2000 for retry in run.retries)
        first, second = s.up.seen
        assert second.at - first.at >= 2  # not a speed test: the pause is what was asked for


@pytest.mark.parametrize(
    ("status", "kind", "message", "shown"),
    [
        (401, "authentication_error", "this key has expired", "this key has expired"),
        (403, "permission_error", "this key may not", "this key may not"),
        (402, "billing_error", "no credit left", "no credit left"),
    ],
)
async def test_lasting_error(stage: Play, status: int, kind: str, message: str, shown: str) -> None:
    """A lasting error is shown in the upstream's own words."""
    async with stage(Script((Fault(kind, message),), status=status)) as s:
        run = await s.client.run("hello", env={"CLAUDE_CODE_MAX_RETRIES": "1"})
        assert run.result["is_error"]
        assert shown in run.text
        if s.routed:
            row = (await s.records())[-1]
            assert row["outcome"] == "exhausted"
            assert row["status"] == status


async def test_healing_text(stage: Play) -> None:
    """A 400 whose wording the client understands passes through unchanged, so that it heals itself in one more request."""
    rejected = Script((Fault("invalid_request_error", "capability_rejected: mid_conv_system"),), status=400)
    async with stage(in_turn(rejected, WELL)) as s:
        run = await s.client.run("hello")
        assert run.text == "Back again."
        assert len(s.sights) == 2
        if s.mode != "translate":
            assert [m["role"] for m in s.last.messages if m["role"] == "system"] == []
        assert str(s.project) in s.last.all_text


async def test_max_tokens_text(stage: Play) -> None:
    """A limit on max_tokens in Anthropic's words makes the client ask for less."""
    words = "max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens for claude-opus-5-5"
    rejected = Script((Fault("invalid_request_error", words),), status=400)
    async with stage(in_turn(rejected, WELL)) as s:
        run = await s.client.run("hello", "--model", "claude-opus-5-5")
        assert run.text == "Back again."
        if s.mode != "translate":
            assert [sight.body["max_tokens"] for sight in s.sights] == [128000, 64000]


OVERFLOWS: Mapping[str, str] = {
    "relay": "prompt is too long: 210000 tokens > 200000 maximum",
    "direct": "prompt is too long: 210000 tokens > 200000 maximum",
    "translate": (
        "This model's maximum context length is 200000 tokens. However, your messages resulted in 210000 tokens. "
        "Please reduce the length of the messages."
    ),
}


async def test_context_overflow(stage: Play) -> None:
    """A context overflow, in whatever words, makes the client compact the conversation and go on."""
    answers = [
        Script((Say("First answer."),)),
        Script((Say("Second answer."),)),
        None,
        Script((Say("<analysis>all</analysis>\n<summary>We greeted twice.</summary>"),)),
        Script((Say("On we go."),)),
    ]

    async def overflow_in(mode: str) -> Script:
        return Script((Fault("invalid_request_error", OVERFLOWS[mode]),), status=400)

    scripts: list[Script] = []
    async with stage(lambda seen: scripts.pop(0) if len(scripts) > 1 else scripts[0]) as s, s.client.live() as live:
        scripts.extend([answer or await overflow_in(s.mode) for answer in answers])
        for word in ("hello", "hello again", "and now?"):
            await live.say(word)
            await live.until(lambda event: event.get("type") == "result")
        run = await live.finish()
        assert run.text == "On we go."
        assert run.system("compact_boundary")
        assert "We greeted twice." in s.last.all_text
        if s.routed:
            rows = await s.records(5)
            assert [row["kind"] for row in rows].count("compaction") == 1


async def test_cut_before_a_block(stage: Play) -> None:
    """A connection reset before any block was finished is not a success: the client streams anew."""
    async with stage(in_turn(Script((Start(), Say("half", 1), Cut())), WELL)) as s:
        run = await s.client.run("hello")
        assert run.text == "Back again."
        if s.routed:
            rows = await s.records(2)
            assert [row["outcome"] for row in rows] == ["broken_off", "delivered"]


async def test_cut_behind_a_block(stage: Play) -> None:
    """A reset behind a finished call keeps the call: the client goes on from there and nothing is run twice."""
    cut = Script((Call("Bash", {"command": "echo ran >> runs.txt"}, id="call_1"), Say("and", 1), Cut()))
    async with stage(in_turn(cut, WELL)) as s:
        run = await s.client.run("hello", FREELY)
        assert run.text == "Back again."
        runs = s.project / "runs.txt"
        assert not runs.exists() or runs.read_text() == "ran\n"


async def test_reset_before_the_headers(stage: Play) -> None:
    """A connection that is reset before any answer is tried again."""
    async with stage(in_turn(Script((Cut(),)), WELL)) as s:
        run = await s.client.run("hello")
        assert run.text == "Back again."


async def test_stream_without_end(stage: Play) -> None:
    """A stream that just ends is never passed on as a finished answer."""
    async with stage(in_turn(Script((Say("half of it", 1), End())), WELL)) as s:
        run = await s.client.run("hello")
        assert "Back again." in run.text
        assert len(s.sights) == 2
        if s.routed:
            rows = await s.records(2)
            assert [row["outcome"] for row in rows] == ["broken_off", "delivered"]


@pytest.mark.parametrize("kind", ["overloaded_error", "api_error"])
async def test_error_event(stage: Play, kind: str) -> None:
    """An error in mid-stream reaches the client, which asks again (streamed or not, as the error's type says)."""
    async with stage(in_turn(Script((Say("half", 1), Fault(kind, "sorry"))), WELL)) as s:
        run = await s.client.run("hello")
        assert run.text == "Back again."
        assert len(s.sights) == 2


async def test_reply_that_is_no_stream(stage: Play) -> None:
    """A web page in place of an answer is the owner's mistake: one request, and a sentence that says where to look."""
    page = Script(body=b"<html><body>Welcome to the portal</body></html>", headers={"content-type": "text/html"})
    async with stage(in_turn(page, WELL)) as s:
        run = await s.client.run("hello")
        if not s.routed:
            assert run.text == "Back again."
            return
        assert run.result["is_error"]
        assert "up,main-model" in run.text
        assert "portal" not in run.text
        assert len(s.sights) == 1


HALF_A_BLOCK = b"".join(
    b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), json.dumps(event).encode())
    for event in (
        {"type": "message_start", "message": {"role": "assistant", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "half"}},
    )
)


async def test_fallback_without_stream(stage: Play) -> None:
    """When the client falls back to a request without streaming, it gets a whole JSON message, tool calls and all."""
    shown = asyncio.Event()
    calls = Script((Say("I look."), Call("Bash", {"command": "echo whole"}, id="call_w")))
    scripts = [calls, WELL]

    def answer(seen: Seen) -> Script:
        if shown.is_set():
            return scripts.pop(0)
        opened = Raw(HALF_A_BLOCK) if seen.dialect == "anthropic" else Say("half", 1)
        return Script((opened, Wait(shown), Fault("api_error", "no")))

    async with (
        stage(answer) as s,
        s.client.live(FREELY, "--include-partial-messages", prompt="hello") as live,
    ):
        await live.until(lambda event: event.get("type") == "stream_event" and "half" in str(event))
        shown.set()  # the error comes when its text has left us: nothing can be repeated in silence any more
        run = await live.finish()
        assert run.text == "Back again."
        assert s.last.result("call_w").text.strip() == "whole"
        if s.mode != "translate":
            assert s.sights[1].seen.stream is False


async def test_garbage_in_a_stream(stage: Play) -> None:
    """Bytes that are no event of the dialect end in another request, not in a broken session."""
    async with stage(in_turn(Script((Raw(b"data: {not json}\n\n"),)), WELL)) as s:
        run = await s.client.run("hello")
        assert run.text == "Back again."


async def test_length_becomes_max_tokens(stage: Play) -> None:
    """A reply cut off by its length makes the client ask the model to go on by itself."""
    async with stage(in_turn(Script((Say("A long"),), stop="max_tokens"), WELL)) as s:
        run = await s.client.run("hello")
        assert "Back again." in run.text
        assert len(s.sights) == 2


async def test_unknown_model_costs_one_request(stage: Play) -> None:
    """A selector that names no provider of ours is refused with a sentence, and the client does not ask six times."""
    async with stage(WELL) as s:
        if not s.routed:
            pytest.skip("a mistake in the router's configuration needs the router")
        run = await s.client.run("hello", "--model", "nobody,nothing")
        assert run.result["is_error"]
        assert "nobody" in run.text
        assert s.sights == []
        [row] = await s.records()
        assert row["outcome"] == "refused"


async def test_fallback_of_the_router(stage: Play) -> None:
    """With a fallback of our own the client notices nothing of a target that fails."""

    def answer(seen: Seen) -> Script:
        if Sight(seen).model == "main-model":
            return Script((Fault("overloaded_error", "Overloaded"),), status=529)
        return Script((Say("From the second one."),))

    async with stage(answer, fallback={"default": ["up,second-model"]}, models=("second-model",)) as s:
        if not s.routed:
            pytest.skip("the fallback is the router's")
        run = await s.client.run("hello")
        assert run.text == "From the second one."
        assert run.retries == []
        [row] = await s.records()
        assert (row["outcome"], row["model"]) == ("delivered", "second-model")
        assert row["attempt_count"] == len(s.sights) >= 2


async def test_fallback_of_the_client(stage: Play) -> None:
    """The client's own --fallback-model still works: three overloads, then the other model is asked for through us."""

    def answer(seen: Seen) -> Script:
        if Sight(seen).model in ("main-model", "claude-opus-5-5"):
            return Script((Fault("overloaded_error", "Overloaded"),), status=529)
        return Script((Say("From the other one."),))

    async with stage(answer, models=("second-model",)) as s:
        second = "up/second-model" if s.routed else "second-model"  # the option's own lists are parted by commas
        run = await s.client.run("hello", "--model", "claude-opus-5-5", "--fallback-model", second)
        assert run.text == "From the other one."
        assert run.system("model_fallback")
