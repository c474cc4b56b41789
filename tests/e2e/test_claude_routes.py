"""Each task type of the real Claude Code CLI reaches its own target, with and without our launcher's hint headers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.client import LAUNCHER
from tests.e2e.conftest import Play
from tests.e2e.pictures import image_block, png
from tests.e2e.sight import Sight
from tests.e2e.stage import Stage

from claude_code_router.scripted.script import Call, Fault, Say, Script
from claude_code_router.scripted.upstream import Seen, in_turn

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]

FREELY = "--dangerously-skip-permissions"
OK = Script((Say("ok"),))
CLASSIC = {
    "default": "up,default-model",
    "background": "up,background-model",
    "think": "up,think-model",
    "longContext": "up,long-model",
    "longContextThreshold": 60000,
    "webSearch": "up,search-model",
    "image": "up,image-model",
}
OURS = {"compaction": "up,compaction-model", "classifier": "up,classifier-model", "subagent": "up,subagent-model"}


@pytest.fixture(params=["plain", "hints"])
def env(request: pytest.FixtureRequest) -> dict[str, str]:
    """The client as it is, and as our launcher starts it."""
    return dict(LAUNCHER) if request.param == "hints" else {}


async def routed(s: Stage, wanted: Callable[[Sight], bool], model: str, scenario: str) -> None:
    """The requests that are meant went to this model, and our records say which scenario that was."""
    if not s.routed:
        assert any(wanted(sight) for sight in s.sights)
        return
    assert {sight.model for sight in s.sights if wanted(sight)} == {model}
    rows = await s.records(len(s.sights))
    assert {row["scenario"] for row in rows if row["model"] == model} == {scenario}
    assert {row["outcome"] for row in rows} == {"delivered"}


def main_request(sight: Sight) -> bool:
    return bool(sight.tools)


async def test_default(stage: Play, env: dict[str, str]) -> None:
    """An ordinary prompt goes to `default`, though adaptive thinking is on in it."""
    async with stage(OK, routes=CLASSIC) as s:
        await s.client.run("hello", env=env)
        await routed(s, main_request, "default-model", "default")


@pytest.mark.parametrize(
    ("prompt", "arguments"),
    [
        pytest.param("ultrathink about it", (), id="ultrathink"),
        pytest.param("hello", ("--effort", "max"), id="effort"),
        pytest.param("hello", ("--permission-mode", "plan"), id="plan"),
    ],
)
async def test_think(stage: Play, prompt: str, arguments: tuple[str, ...]) -> None:
    """What a person asks to be thought about goes to `think`."""
    async with stage(OK, routes=CLASSIC) as s:
        await s.client.run(prompt, *arguments)
        await routed(s, main_request, "think-model", "think")


async def test_think_ends_with_its_prompt(stage: Play) -> None:
    """The prompt behind an ultrathink prompt goes to `default` again."""
    async with stage(OK, routes=CLASSIC) as s, s.client.live() as live:
        for prompt in ("ultrathink about it", "thank you"):
            await live.say(prompt)
            await live.until(lambda event: event.get("type") == "result")
        if s.routed:
            assert [sight.model for sight in s.sights] == ["think-model", "default-model"]


async def test_long_context(stage: Play, env: dict[str, str]) -> None:
    """A conversation above the threshold goes to `longContext`."""
    async with stage(OK, routes=CLASSIC) as s, s.client.live(env=env) as live:
        await live.say("Read this. " + "The quick brown fox jumps over the lazy dog. " * 9000)
        await live.finish()
        await routed(s, main_request, "long-model", "longContext")


async def test_web_search(stage: Play, env: dict[str, str]) -> None:
    """The inner request of a web search goes to `webSearch`, the conversation around it to `default`."""

    def answer(seen: Seen) -> Script:
        sight = Sight(seen)
        if "Perform a web search" in sight.user_text:
            return Script((Say("Found."),))
        return OK if sight.results else Script((Call("WebSearch", {"query": "x y"}, id="call_w"),))

    async with stage(answer, routes=CLASSIC) as s:
        await s.client.run("Search x.", FREELY, env={**env, "ENABLE_TOOL_SEARCH": "false"})
        await routed(s, lambda sight: "Perform a web search" in sight.user_text, "search-model", "webSearch")
        await routed(s, lambda sight: "Agent" in sight.tools, "default-model", "default")


async def test_image_pasted(stage: Play, env: dict[str, str]) -> None:
    """A prompt with a pasted picture goes to `image`."""
    async with stage(OK, routes=CLASSIC) as s, s.client.live(env=env) as live:
        await live.say([{"type": "text", "text": "What is this?"}, image_block()])
        await live.finish()
        await routed(s, main_request, "image-model", "image")


async def test_image_read(stage: Play, tmp_path: Path) -> None:
    """The turn in which a tool has shown a picture goes to `image`."""
    answer = in_turn(Script((Call("Read", {"file_path": str(tmp_path / "project" / "a.png")}, id="call_i"),)), OK)
    async with stage(answer, routes=CLASSIC) as s:
        (s.project / "a.png").write_bytes(png())
        await s.client.run("Look.", FREELY)
        await routed(s, lambda sight: sight.images > 0, "image-model", "image")
        await routed(s, lambda sight: not sight.images, "default-model", "default")


async def test_small_model(stage: Play, env: dict[str, str]) -> None:
    """A haiku-class model asked for goes to `background`."""
    async with stage(OK, routes=CLASSIC) as s:
        await s.client.run("hello", "--model", "haiku", env=env)
        await routed(s, main_request, "background-model", "background")


async def test_title(stage: Play, env: dict[str, str]) -> None:
    """The session's title, made beside the first prompt on a terminal, goes to `background`."""

    def answer(seen: Seen) -> Script:
        return Script((Say("Guten-Tag-Welt" if Sight(seen).tools else '{"title": "A greeting"}'),))

    async with stage(answer, routes=CLASSIC) as s, s.client.screen(env=env, silent=False) as screen:
        await screen.shows("Claude")
        await screen.settles()
        screen.type("Please say good day to the whole wide world for me")
        await screen.shows("world")
        await screen.settles()
        screen.type("\r")
        await screen.shows("Guten-Tag-Welt")
        await screen.until(lambda: any(not sight.tools for sight in s.sights), "the title was asked for")
        await routed(s, lambda sight: not sight.tools, "background-model", "background")
        await routed(s, main_request, "default-model", "default")


def delegating(prompt: str, kind: str = "general-purpose") -> Callable[[Seen], Script]:
    """The main conversation calls the Agent tool with this prompt; whoever gets the prompt answers it."""

    def answer(seen: Seen) -> Script:
        sight = Sight(seen)
        if sight.results:
            return OK
        if "The errand" in sight.user_text:
            return Script((Say("Errand done."),))
        call = {"description": "Errand", "prompt": prompt, "subagent_type": kind, "run_in_background": False}
        return Script((Call("Agent", call, id="call_a"),))

    return answer


def errand(sight: Sight) -> bool:
    return "The errand" in sight.user_text


async def test_subagent_route(stage: Play, env: dict[str, str]) -> None:
    """With a route of their own, all subagents go there; without one they go where the conversation goes."""
    async with stage(delegating("The errand"), routes={**CLASSIC, **OURS}) as s:
        await s.client.run("Delegate it.", FREELY, env=env)
        await routed(s, errand, "subagent-model", "subagent")
        await routed(s, lambda sight: not errand(sight), "default-model", "default")


async def test_subagent_tag(stage: Play) -> None:
    """A tag in the subagent's prompt names its model, and the tag is not passed on."""
    prompt = "<CCR-SUBAGENT-MODEL>up,tagged-model</CCR-SUBAGENT-MODEL>\nThe errand"
    async with stage(delegating(prompt), routes=CLASSIC, models=("tagged-model",)) as s:
        await s.client.run("Delegate it.", FREELY)
        if s.routed:
            assert {sight.model for sight in s.sights if errand(sight)} == {"tagged-model"}
            assert all(b"CCR-SUBAGENT-MODEL" not in sight.seen.body for sight in s.sights if errand(sight))


async def test_model_of_an_agent(stage: Play) -> None:
    """An agent defined with `provider,model` goes to that model, whatever the other routes say."""
    agents = {"runner": {"description": "Runs", "prompt": "You run errands.", "model": "up/named-model"}}
    routes = {**CLASSIC, **OURS}
    async with stage(delegating("The errand", "runner"), routes=routes, models=("named-model",)) as s:
        await s.client.run("Delegate it.", FREELY, "--agents", json.dumps(agents))
        if s.routed:
            assert {sight.model for sight in s.sights if errand(sight)} == {"named-model"}


async def test_model_asked_for(stage: Play) -> None:
    """`--model provider,model` is an explicit choice and wins."""
    async with stage(OK, routes=CLASSIC, models=("chosen-model",)) as s:
        await s.client.run("ultrathink", "--model", "up,chosen-model")
        if s.routed:
            assert {sight.model for sight in s.sights} == {"chosen-model"}


async def test_classifier(stage: Play) -> None:
    """Auto mode's classifier goes to its optional route; without one it goes to `default`, not to `background`."""

    def answer(seen: Seen) -> Script:
        sight = Sight(seen)
        if sight.stop:
            return Script((Say("<block>no"),), stop="stop_sequence", stop_sequence="</block>")
        command = {"command": "curl -s http://127.0.0.1:9/ ; echo tried"}
        return OK if sight.results else Script((Call("Bash", command, id="call_c"),))

    async with stage(answer, routes={**CLASSIC, **OURS}) as s:
        await s.client.run("Try.", "--permission-mode", "auto", silent=False)
        if s.routed:
            assert {sight.model for sight in s.sights if sight.stop} == {"classifier-model"}
            assert {sight.model for sight in s.sights if not sight.stop} == {"default-model"}


async def test_compaction(stage: Play, env: dict[str, str]) -> None:
    """A compaction goes to its optional route, and the conversation behind it to `default` again."""
    too_long = Script(
        (Fault("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),), status=400
    )
    summary = Script((Say("<analysis>a</analysis>\n<summary>We greeted.</summary>"),))
    async with (
        stage(in_turn(OK, OK, too_long, summary, OK), routes={**CLASSIC, **OURS}) as s,
        s.client.live(env=env) as live,
    ):
        for prompt in ("hello", "hello again", "and now?"):
            await live.say(prompt)
            await live.until(lambda event: event.get("type") == "result")
        assert len(s.sights) == 5
        if s.routed:
            models = ["default-model"] * 3 + ["compaction-model", "default-model"]
            assert [sight.model for sight in s.sights] == models
