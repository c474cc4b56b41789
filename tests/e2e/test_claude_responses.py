"""The real Claude Code CLI on a Responses upstream: its tools, pictures, parallel calls, search and thoughts."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.client import Client
from tests.e2e.pictures import png
from tests.e2e.responses_rules import complaints
from tests.e2e.stage import Answer, router

from claude_code_router.scripted.script import Call, Fault, Say, Script, Search, Think
from claude_code_router.scripted.upstream import Seen, Upstream, in_turn

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]

FREELY = "--dangerously-skip-permissions"
MODEL, OTHER = "gpt-6-astra", "gpt-6-sol"
DONE = Script((Think("Enough."), Say("All done.")))


@dataclass
class Scene:
    client: Client
    up: Upstream
    project: Path

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [seen.json for seen in self.up.seen]

    def items(self, kind: str, at: int = -1) -> list[dict[str, Any]]:
        return [item for item in self.bodies[at]["input"] if item["type"] == kind]

    def outputs(self, at: int = -1) -> dict[str, Any]:
        """By the call's id, what its tool has answered."""
        return {item["call_id"]: item["output"] for item in self.items("function_call_output", at)}


Begin = Callable[..., AbstractAsyncContextManager[Scene]]


@pytest.fixture
def scene(claude: Path, tmp_path: Path) -> Begin:
    @contextlib.asynccontextmanager
    async def begin(answer: Answer, **routes: str) -> AsyncIterator[Scene]:
        home, project = tmp_path / "home", tmp_path / "project"
        home.mkdir()
        project.mkdir()
        async with Upstream(answer) as up:
            entry = {
                "name": "openai",
                "api_base_url": f"{up.url}/v1/responses",
                "api_key": "sk-upstream",
                "models": [MODEL, OTHER],
                "transformer": {"use": ["openai-responses"]},
            }
            content = {"LOG": False, "Providers": [entry], "Router": {"default": f"openai,{MODEL}", **routes}}
            async with router(home, content) as url:
                yield Scene(Client(claude, url, home, project), up, project)
            assert up.seen
            for seen in up.seen:
                assert (seen.path, seen.headers["authorization"]) == ("/v1/responses", "Bearer sk-upstream")
                assert complaints(seen.body) == [], seen.body[:3000]

    return begin


async def test_the_tool_loop(scene: Begin, tmp_path: Path) -> None:
    """Bash, Read and Edit run beside reasoning; the reasoning of every step goes back with the encrypted content of its end."""
    file = tmp_path / "project" / "note.txt"
    make = "printf 'old words' > note.txt; echo made"
    edit = {"file_path": str(file), "old_string": "old", "new_string": "new"}
    answer = in_turn(
        Script((Think("A file.", signature="one"), Say("I make one."), Call("Bash", {"command": make}, id="call_1"))),
        Script((Think("Read it.", signature="two"), Call("Read", {"file_path": str(file)}, id="call_2"))),
        Script((Call("Edit", edit, id="call_3"),), split=5),
        DONE,
    )
    async with scene(answer) as s:
        run = await s.client.run("Make a note and change it.", FREELY)
        assert run.text == "All done."
        assert file.read_text() == "new words"
        assert "made" in s.outputs()["call_1"]
        assert "old words" in s.outputs()["call_2"]
        assert "updated" in s.outputs()["call_3"]
        assert [item["encrypted_content"].split("-")[1] for item in s.items("reasoning")] == ["one", "two"]
        assert "I make one." in json.dumps(s.bodies[-1])
        assert s.bodies[0]["reasoning"]["effort"] in ("low", "medium", "high")
        assert b"ccr1" not in s.up.seen[-1].body


async def test_parallel_calls_and_a_failing_tool(scene: Begin) -> None:
    """Three calls in one reply all run; each has its one output; a failure is told in words."""
    commands = {"call_a": "echo alpha", "call_b": "sleep 0.3; echo beta", "call_c": "exit 7"}
    calls = Script(tuple(Call("Bash", {"command": command}, id=id) for id, command in commands.items()))
    async with scene(in_turn(calls, DONE)) as s:
        assert (await s.client.run("Run three.", FREELY)).text == "All done."
        outputs = s.outputs()
        assert list(outputs) == ["call_a", "call_b", "call_c"]
        assert outputs["call_a"].strip() == "alpha"
        assert outputs["call_b"].strip() == "beta"
        assert outputs["call_c"].startswith("Error:")


async def test_a_picture_is_seen_in_the_tools_output(scene: Begin, tmp_path: Path) -> None:
    """Read of a PNG puts the picture where its call is answered."""

    def answer(seen: Seen) -> Script:
        if any(item["type"] == "function_call_output" for item in seen.json["input"]):
            return Script((Say("It is red."),))
        return Script((Call("Read", {"file_path": str(tmp_path / "project" / "red.png")}, id="call_i"),))

    async with scene(answer) as s:
        (s.project / "red.png").write_bytes(png())
        assert (await s.client.run("Look at red.png.", FREELY)).text == "It is red."
        images = [part for part in s.outputs()["call_i"] if part["type"] == "input_image"]
        assert len(images) == 1
        assert images[0]["image_url"].startswith("data:image/")


async def test_another_model_never_sees_the_reasoning(scene: Begin) -> None:
    """Encrypted reasoning belongs to its model: with another one the conversation goes on without it, and back with it. (The
    client itself keeps thoughts for the name that it asked under, so the name is given each time.)"""
    async with scene(lambda _: DONE) as s:
        await s.client.run("One.", "--model", f"openai,{MODEL}")
        await s.client.run("Two.", "--continue", "--model", f"openai,{OTHER}")
        await s.client.run("Three.", "--continue", "--model", f"openai,{MODEL}")
        talks = [at for at, body in enumerate(s.bodies) if body.get("tools")]
        assert [len(s.items("reasoning", at)) for at in talks] == [0, 0, 1]
        assert [s.bodies[at]["model"] for at in talks] == [MODEL, OTHER, MODEL]


async def test_web_search(scene: Begin) -> None:
    """The WebSearch tool is answered by the provider's own search, with its links."""

    def answer(seen: Seen) -> Script:
        if any(tool["type"] == "web_search" for tool in seen.json.get("tools", ())):
            return Script((Search("python news", (("Python 4", "https://python.example/4"),)), Say("Python 4 is out.")))
        if any(item["type"] == "function_call_output" for item in seen.json["input"]):
            return DONE
        if any(tool.get("name") == "WebSearch" for tool in seen.json.get("tools", ())):
            return Script((Call("WebSearch", {"query": "python news"}, id="call_w"),))
        return Script((Call("ToolSearch", {"query": "select:WebSearch", "max_results": 3}, id="call_s"),))

    async with scene(answer) as s:
        await s.client.run("What is new?", FREELY, env={"ENABLE_TOOL_SEARCH": "false"})
        assert "https://python.example/4" in json.dumps(s.bodies[-1]["input"])


async def test_a_failed_response_is_repeated(scene: Begin) -> None:
    """A failure inside a 200 is told as one, and the client asks again."""
    async with scene(in_turn(Script((Fault("server_error", "broken"),)), DONE)) as s:
        assert (await s.client.run("Go on.")).text == "All done."
