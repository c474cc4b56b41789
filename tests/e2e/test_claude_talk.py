"""Conversations of the real Claude Code CLI: text, usage, cadence, several turns, thinking, structured output, --continue."""

from __future__ import annotations

import asyncio
import json
from functools import partial

import pytest
from tests.e2e.client import Event
from tests.e2e.conftest import Play
from tests.e2e.waiting import until

from claude_code_router.scripted.script import Call, Say, Script, ScriptUsage, Stall, Think, Wait
from claude_code_router.scripted.upstream import in_turn

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]


async def test_text(stage: Play) -> None:
    """A prompt's answer is printed, and one request was made, recorded with its route."""
    async with stage(Script((Say("The answer is forty-two."),))) as s:
        run = await s.client.run("What is the answer?")
        assert run.exit_code == 0
        assert run.text == "The answer is forty-two."
        assert len(s.sights) == 1
        assert "What is the answer?" in s.last.user_text
        assert "You are Claude Code" in s.last.system or "Claude agent" in s.last.system
        if s.routed:
            assert s.last.model == "main-model"
            [row] = await s.records()
            assert (row["scenario"], row["outcome"]) == ("default", "delivered")


async def test_environment_reaches_the_model(stage: Play) -> None:
    """What the client says in mid-conversation system messages (folder, date, skills) is read by the model."""
    async with stage(Script((Say("ok"),))) as s:
        await s.client.run("hello")
        assert str(s.project) in s.last.all_text


async def test_billing_line_stays_out_of_translations(stage: Play) -> None:
    """The per-conversation billing line reaches an Anthropic upstream and never another (it ruins prefix caches there)."""
    async with stage(Script((Say("ok"),))) as s:
        await s.client.run("hello")
        assert (b"x-anthropic-billing-header" in s.last.seen.body) == (s.mode != "translate")


async def test_usage(stage: Play) -> None:
    """The upstream's figures are the ones that the client books, with the cache split right."""
    usage = ScriptUsage(input_tokens=1200, cache_read_tokens=3400, output_tokens=56)
    async with stage(Script((Say("ok"),), usage=usage)) as s:
        run = await s.client.run("hello")
        said = run.result["usage"]
        assert said["input_tokens"] == 1200
        assert said["cache_read_input_tokens"] == 3400
        assert said["output_tokens"] == 56
        if s.routed:
            [row] = await s.records()
            assert (row["input_tokens"], row["cache_read_tokens"], row["output_tokens"]) == (1200, 3400, 56)


async def test_streaming_cadence(stage: Play) -> None:
    """Each delta reaches the screen before the upstream says the next: nothing is held back."""
    gates = [asyncio.Event(), asyncio.Event()]
    steps = (Say("one ", 1), Wait(gates[0]), Say("two ", 1), Wait(gates[1]), Say("three", 1))
    async with stage(Script(steps)) as s, s.client.live("--include-partial-messages", prompt="count") as live:
        for word, gate in (("one ", gates[0]), ("two ", gates[1]), ("three", None)):
            await live.until(partial(_says, word))
            if gate is not None:
                gate.set()
        run = await live.finish()
        assert run.exit_code == 0


async def test_several_turns(stage: Play) -> None:
    """In a stream-json session each turn carries the earlier ones."""
    async with (
        stage(in_turn(Script((Say("Noted: blue."),)), Script((Say("It was blue."),)))) as s,
        s.client.live() as live,
    ):
        await live.say("My colour is blue.")
        await live.until(lambda event: event.get("type") == "result")
        await live.say("Which colour?")
        await live.until(lambda event: event.get("type") == "result")
        run = await live.finish()
        assert run.text == "It was blue."
        assert s.last.said == ["Noted: blue."]
        assert "My colour is blue." in s.last.user_text
        assert "Which colour?" in s.last.user_text


async def test_continue(stage: Play) -> None:
    """`--continue` in a new process resumes the conversation under the same session id."""
    async with stage(in_turn(Script((Say("Noted: red."),)), Script((Say("It was red."),)))) as s:
        first = await s.client.run("My colour is red.")
        second = await s.client.run("Which colour?", "--continue")
        assert second.text == "It was red."
        assert "My colour is red." in s.last.user_text
        assert first.result["session_id"] == second.result["session_id"]
        if s.routed:
            rows = await s.records(2)
            assert {row["session"] for row in rows} == {first.result["session_id"]}


async def test_thinking(stage: Play) -> None:
    """Reasoning is shown as thinking before the text, and goes back to where it came from on the next turn."""
    first = Script((Think("Let me see what there is."), Call("Bash", {"command": "echo seen"}, id="call_1")))
    async with stage(in_turn(first, Script((Say("Done."),)))) as s:
        run = await s.client.run("Think about it.", "--dangerously-skip-permissions")
        assert run.text == "Done."
        assert [block["thinking"] for block in run.blocks("thinking")] == ["Let me see what there is."]
        if s.mode != "translate":
            assert b'"thinking":"Let me see what there is."' in s.last.seen.body
            assert b'"signature":"c2NyaXB0ZWQ="' in s.last.seen.body
        assert "seen" in s.last.result("call_1").text


async def test_structured_output(stage: Play) -> None:
    """--json-schema offers a tool whose call becomes the structured result."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    call = Script((Call("StructuredOutput", {"city": "Oslo"}),))
    async with stage(in_turn(call, Script((Say("done"),)))) as s:
        run = await s.client.run("Which city?", "--json-schema", json.dumps(schema))
        assert run.result["structured_output"] == {"city": "Oslo"}
        assert s.sights[0].tools["StructuredOutput"]["properties"] == schema["properties"]


async def test_killed_in_mid_stream(stage: Play) -> None:
    """When the client dies in mid-stream, the upstream's request ends at once and the record says so."""
    async with stage(Script((Say("partial ", 1), Stall()))) as s:
        async with s.client.live("--include-partial-messages", prompt="go on for ever") as live:
            await live.until(lambda event: _delta_text(event) == "partial ")
            live.kill()
        await until(lambda: s.up.seen[0].cancelled, "the upstream's request is cancelled")
        if s.routed:
            [row] = await s.records()
            assert row["outcome"] == "client_gone"


async def test_empty_reply_is_asked_again(stage: Play) -> None:
    """A reply without content reaches the client as such: it asks once more and goes on."""
    async with stage(in_turn(Script(()), Script((Say("Here I am."),)))) as s:
        run = await s.client.run("hello")
        assert run.text == "Here I am."
        assert len(s.sights) >= 2


def _says(word: str, event: Event) -> bool:
    return _delta_text(event) == word


def _delta_text(event: Event) -> str:
    match event:
        case {"type": "stream_event", "event": {"type": "content_block_delta", "delta": {"text": str(text)}}}:
            return text
    return ""
