"""Modes of the real Claude Code CLI that need more than a conversation: plan, auto, web search, the interactive screen."""

from __future__ import annotations

import pytest
from tests.e2e.conftest import Play
from tests.e2e.sight import Sight

from claude_code_router.scripted.script import Call, Fault, Say, Script, ScriptUsage, Search
from claude_code_router.scripted.upstream import Seen, in_turn

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]

FREELY = "--dangerously-skip-permissions"
CLASSIFIER_STOP = "</block>"
RISKY = Call("Bash", {"command": "curl -s http://127.0.0.1:9/ ; echo tried"}, id="call_c")


async def test_plan_mode(stage: Play) -> None:
    """The plan mode's instructions reach the model, and its reply is a plan."""
    async with stage(Script((Say("First this, then that."),))) as s:
        run = await s.client.run("Plan the work.", "--permission-mode", "plan")
        assert run.text == "First this, then that."
        assert "Plan mode is active" in s.last.all_text
        if s.routed:
            assert len(s.sights) == 1


def _auto_mode(verdict: str) -> tuple[list[Sight], object]:
    asked: list[Sight] = []

    def answer(seen: Seen) -> Script:
        sight = Sight(seen)
        if CLASSIFIER_STOP in sight.stop or "<block>" in sight.system:
            asked.append(sight)
            return Script((Say(verdict),), stop="stop_sequence", stop_sequence=CLASSIFIER_STOP)
        if sight.results:
            return Script((Say("I tried."),))
        return Script((RISKY,))

    return asked, answer


async def test_auto_mode_allows(stage: Play) -> None:
    """In auto mode the classifier is asked through us, honours its stop sequence, and its `no` lets the call run."""
    asked, answer = _auto_mode("<block>no")
    async with stage(answer) as s:
        run = await s.client.run("Try it.", "--permission-mode", "auto", silent=False)
        assert run.text == "I tried."
        assert len(asked) == 1
        assert asked[0].stop == [CLASSIFIER_STOP]
        assert "tried" in s.last.result("call_c").text
        if s.routed:
            assert "classifier" in {row["kind"] for row in await s.records(3)}


async def test_auto_mode_blocks(stage: Play) -> None:
    """The classifier's `yes` keeps the call from running, and the model is told why."""
    asked, answer = _auto_mode("<block>yes</block><reason>It leaves the machine.</reason>")
    async with stage(answer) as s:
        run = await s.client.run("Try it.", "--permission-mode", "auto", silent=False)
        assert run.text == "I tried."
        assert asked
        assert "leaves the machine" in s.last.result("call_c").text


async def test_safeguards_refused(stage: Play) -> None:
    """An upstream that does not know `safeguards` says so in words that the client understands."""
    rejected = Script((Fault("invalid_request_error", "safeguards: Extra inputs are not permitted"),), status=400)
    async with stage(in_turn(rejected, Script((Say("Fine."),)))) as s:
        run = await s.client.run("hello", "--permission-mode", "auto", silent=False)
        assert run.text == "Fine."
        assert "safeguards" not in s.last.body


async def test_web_search(stage: Play) -> None:
    """WebSearch makes an inner request with the provider's own search tool; what was found reaches the conversation."""

    def answer(seen: Seen) -> Script:
        sight = Sight(seen)
        if "Perform a web search" in sight.user_text:
            found = Search("tallest tree", (("Hyperion", "https://trees.example/hyperion"),))
            return Script((found, Say("Hyperion is the tallest.")), usage=ScriptUsage(web_searches=1))
        if sight.results:
            return Script((Say("Hyperion."),))
        return Script((Call("WebSearch", {"query": "tallest tree"}, id="call_w"),))

    async with stage(answer) as s:
        run = await s.client.run("Which tree is tallest?", FREELY, env={"ENABLE_TOOL_SEARCH": "false"})
        assert run.text == "Hyperion."
        assert "Hyperion is the tallest." in s.last.result("call_w").text
        if s.mode != "translate":
            assert "https://trees.example/hyperion" in s.last.result("call_w").text
        if s.routed:
            assert "web_search" in {row["kind"] for row in await s.records(3)}


async def test_interactive(stage: Play) -> None:
    """On a terminal the interactive client talks through us: the prompt is answered, and the session gets a title."""

    def answer(seen: Seen) -> Script:
        sight = Sight(seen)
        if not sight.tools:
            return Script((Say('{"title": "Greeting the world"}'),))
        return Script((Say("Guten-Tag-Welt"),))

    async with stage(answer) as s, s.client.screen(silent=False) as screen:
        await screen.shows("Claude")
        await screen.settles()
        screen.type("Please say good day to the whole wide world for me")
        await screen.shows("world")
        await screen.settles()
        screen.type("\r")
        await screen.shows("Guten-Tag-Welt")
        await screen.until(lambda: any(not sight.tools for sight in s.sights), "the title was asked for")
        if s.routed:
            kinds = {row["kind"] for row in await s.records(2)}
            assert {"user", "title"} <= kinds
