"""Tools of the real Claude Code CLI: its own, parallel and fragmented calls, tool search, MCP, subagents, pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import Play
from tests.e2e.pictures import image_block, png
from tests.e2e.sight import Sight

from claude_code_router.scripted.script import Call, Say, Script
from claude_code_router.scripted.upstream import Seen, in_turn

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]

FREELY = "--dangerously-skip-permissions"
DONE = Script((Say("All done."),))


async def test_bash_read_edit_loop(stage: Play, tmp_path: Path) -> None:
    """Bash, Read and Edit run with the arguments that the model gave; each result is in the next request."""
    file = tmp_path / "project" / "note.txt"
    answer = in_turn(
        Script(
            (Say("I make a file."), Call("Bash", {"command": "printf 'old words' > note.txt; echo made"}, id="call_b"))
        ),
        Script((Call("Read", {"file_path": str(file)}, id="call_r"),)),
        Script((Call("Edit", {"file_path": str(file), "old_string": "old", "new_string": "new"}, id="call_e"),)),
        DONE,
    )
    async with stage(answer) as s:
        run = await s.client.run("Make a note and change it.", FREELY)
        assert run.text == "All done."
        assert file.read_text() == "new words"
        assert "made" in s.last.result("call_b").text
        assert "old words" in s.last.result("call_r").text
        assert "updated" in s.last.result("call_e").text
        assert [call.name for call in s.last.calls] == ["Bash", "Read", "Edit"]
        assert "I make a file." in s.last.said[0]
        if s.routed:
            assert [row["outcome"] for row in await s.records(4)] == ["delivered"] * 4


async def test_parallel_calls(stage: Play) -> None:
    """Three calls in one reply all run, and each result comes back under its own id."""
    names = ("alpha", "beta", "gamma")
    calls = Script(tuple(Call("Bash", {"command": f"echo {name}"}, id=f"call_{name}") for name in names))
    async with stage(in_turn(calls, DONE)) as s:
        run = await s.client.run("Run three.", FREELY)
        assert run.text == "All done."
        assert [s.last.result(f"call_{name}").text.strip() for name in names] == list(names)


async def test_fragmented_arguments(stage: Play) -> None:
    """Arguments that arrive a character at a time, with escapes and non-ASCII, are put together exactly."""
    command = 'printf \'%s\' "a\\tb \\"quoted\\" größe 東京 🙂" > odd.txt && cat odd.txt'
    call = Call("Bash", {"command": command, "description": "Write odd text"}, id="call_f", fragments=500)
    async with stage(in_turn(Script((call,), split=7), DONE)) as s:
        await s.client.run("Write it.", FREELY)
        assert s.last.calls[0].input["command"] == command
        assert "größe 東京 🙂" in s.last.result("call_f").text


async def test_text_tool_text(stage: Play) -> None:
    """Text before and behind a tool call survives: nothing of the reply is lost."""
    reply = Script((Say("Before."), Call("Bash", {"command": "echo x"}, id="call_t"), Say("Behind.")))
    async with stage(in_turn(reply, DONE)) as s:
        run = await s.client.run("Talk around a tool.", FREELY)
        assert run.text == "All done."
        said = " ".join(s.last.said)
        assert "Before." in said
        assert "Behind." in said
        assert s.last.result("call_t").text.strip() == "x"


async def test_call_without_arguments(stage: Play) -> None:
    """A call whose arguments are an empty object is a valid call."""
    async with stage(in_turn(Script((Call("ListAgents", {}, id="call_n"),)), DONE)) as s:
        await s.client.run("Who is there?", FREELY)
        assert s.last.calls[0].input == {}
        assert "InputValidationError" not in s.last.result("call_n").text


async def test_bad_arguments_come_back_as_a_result(stage: Play) -> None:
    """Arguments that do not fit the schema reach the client, whose complaint reaches the model."""
    async with stage(in_turn(Script((Call("Read", {"nonsense": 1}, id="call_w"),)), DONE)) as s:
        run = await s.client.run("Read badly.", FREELY)
        assert run.text == "All done."
        assert "file_path" in s.last.result("call_w").text


async def test_tool_search(stage: Play) -> None:
    """ToolSearch loads a deferred tool: its schema is offered on the next request, and it can be called."""
    answer = in_turn(
        Script((Call("ToolSearch", {"query": "select:CronList", "max_results": 3}, id="call_s"),)),
        Script((Call("CronList", {}, id="call_c"),)),
        DONE,
    )
    async with stage(answer) as s:
        run = await s.client.run("Which jobs are there?", FREELY)
        assert run.text == "All done."
        first, second, third = s.sights
        assert "CronList" not in first.tools
        assert "CronList" in second.tools
        assert "CronList" in second.result("call_s").text
        assert third.result("call_c").text.strip()
        if s.mode == "translate":
            assert b"defer_loading" not in second.seen.body
            assert b"tool_reference" not in second.seen.body
            assert "DeferredToolPlaceholder" not in first.tools


async def test_mcp_tool(stage: Play) -> None:
    """A tool of an MCP server is found, called with its arguments, and answers."""
    server = {"command": sys.executable, "args": [str(Path(__file__).with_name("mcp_server.py"))]}
    answer = in_turn(
        Script((Call("ToolSearch", {"query": "select:mcp__sums__double", "max_results": 3}, id="call_s"),)),
        Script((Call("mcp__sums__double", {"number": 21}, id="call_m"),)),
        DONE,
    )
    async with stage(answer) as s:
        settings = json.dumps({"mcpServers": {"sums": server}})
        run = await s.client.run("Double 21.", FREELY, "--mcp-config", settings)
        assert run.text == "All done."
        assert "number" in s.sights[1].tools["mcp__sums__double"]["properties"]
        assert "doubled: 42" in s.last.result("call_m").text


async def test_inline_tools(stage: Play) -> None:
    """With tool search off every tool is offered inline with its schema."""
    async with stage(DONE) as s:
        await s.client.run("hello", env={"ENABLE_TOOL_SEARCH": "false"})
        assert {"WebFetch", "WebSearch", "CronList", "NotebookEdit"} <= set(s.last.tools)


async def test_subagent(stage: Play) -> None:
    """The Agent tool starts a conversation of its own whose answer comes back to the main one."""

    def answer(seen: Seen) -> Script:
        sight = Sight(seen)
        if "Count the beans" in sight.user_text and "Agent" not in {c.name for c in sight.calls}:
            return Script((Say("There are seven beans."),))
        if any("seven beans" in result.text for result in sight.results):
            return Script((Say("Seven it is."),))
        prompt = {"description": "Count", "prompt": "Count the beans", "subagent_type": "general-purpose"}
        return Script((Call("Agent", {**prompt, "run_in_background": False}, id="call_a"),))

    async with stage(answer) as s:
        run = await s.client.run("Delegate it.", FREELY)
        assert run.text == "Seven it is."
        if s.routed:
            rows = await s.records(3)
            assert sorted(bool(row["subagent"]) for row in rows) == [False, False, True]


async def test_parallel_subagents(stage: Play) -> None:
    """Several agents at once, in the background as is the client's default: all are answered, all reports come back."""
    errands = [f"Errand number {number}" for number in range(5)]

    def answer(seen: Seen) -> Script:
        sight = Sight(seen)
        mine = [errand for errand in errands if errand in sight.user_text]
        if len(mine) == 1 and not sight.calls:
            return Script((Say(f"Done with {mine[0]}"),))
        if sight.calls:
            return DONE
        return Script(
            tuple(
                Call("Agent", {"description": e, "prompt": e, "subagent_type": "general-purpose"}, id=f"call_{at}")
                for at, e in enumerate(errands)
            )
        )

    async with stage(answer) as s:
        run = await s.client.run("Run them all.", FREELY)
        assert run.text == "All done."
        asked = {errand for errand in errands for sight in s.sights if errand in sight.user_text and not sight.calls}
        assert asked == set(errands)
        if s.routed:
            rows = await s.records(len(s.sights))
            assert sum(bool(row["subagent"]) for row in rows) == 5
            assert {row["outcome"] for row in rows} == {"delivered"}


async def test_model_per_agent(stage: Play) -> None:
    """An agent defined with `provider,model` is served by that model while the main conversation keeps its own."""

    def answer(seen: Seen) -> Script:
        sight = Sight(seen)
        if "Inspect the roof" in sight.user_text and "Agent" not in {c.name for c in sight.calls}:
            return Script((Say("The roof is fine."),))
        if any("roof is fine" in result.text for result in sight.results):
            return DONE
        prompt = {"description": "Roof", "prompt": "Inspect the roof", "subagent_type": "inspector"}
        return Script((Call("Agent", {**prompt, "run_in_background": False}, id="call_a"),))

    agents = {"inspector": {"description": "Inspects", "prompt": "You inspect.", "model": "up,agent-model"}}
    async with stage(answer, models=("agent-model",)) as s:
        run = await s.client.run("Delegate it.", FREELY, "--agents", json.dumps(agents))
        assert run.text == "All done."
        roof = [sight for sight in s.sights if "Inspect the roof" in sight.user_text and not sight.results]
        assert [sight.model for sight in roof] == ["agent-model" if s.routed else "up,agent-model"]
        if s.routed:
            assert {sight.model for sight in s.sights} == {"main-model", "agent-model"}


async def test_image_read(stage: Play, tmp_path: Path) -> None:
    """A picture that Read returns is seen by the model as a picture, under its own call."""

    def answer(seen: Seen) -> Script:
        if Sight(seen).results:
            return Script((Say("It is red."),))
        return Script((Call("Read", {"file_path": str(tmp_path / "project" / "red.png")}, id="call_i"),))

    async with stage(answer) as s:
        (s.project / "red.png").write_bytes(png())
        run = await s.client.run("Look at red.png.", FREELY)
        assert run.text == "It is red."
        assert s.last.result("call_i").images == 1
        assert s.last.images == 1


async def test_image_pasted(stage: Play) -> None:
    """A pasted picture is seen by the model as a picture, its words beside it."""
    async with stage(Script((Say("It is red."),))) as s, s.client.live() as live:
        await live.say([{"type": "text", "text": "What colour is this?"}, image_block()])
        run = await live.finish()
        assert run.text == "It is red."
        assert s.last.images == 1
        assert "What colour is this?" in s.last.user_text
