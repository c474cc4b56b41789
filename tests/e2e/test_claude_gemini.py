"""The real Claude Code CLI on a Gemini upstream: its tools, pictures, parallel calls, search and thoughts."""

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
from tests.e2e.gemini_rules import PLACEHOLDER, complaints
from tests.e2e.pictures import png
from tests.e2e.stage import Answer, router

from claude_code_router.scripted.script import Call, Fault, Say, Script, ScriptUsage, Search, Think
from claude_code_router.scripted.upstream import Seen, Upstream, in_turn

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]

FREELY = "--dangerously-skip-permissions"
MODEL = "gemini-3.1-pro-preview"
DONE = Script((Think("Enough."), Say("All done.")))


@dataclass
class Scene:
    client: Client
    up: Upstream
    project: Path

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [seen.json for seen in self.up.seen]

    def responses(self, at: int = -1) -> dict[str, Any]:
        """By the call's id, what its tool has answered."""
        parts = [part for content in self.bodies[at]["contents"] for part in content["parts"]]
        return {p["functionResponse"]["id"]: p["functionResponse"] for p in parts if "functionResponse" in p}


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
                "name": "google",
                "api_base_url": f"{up.url}/v1beta/models/",
                "api_key": "AIza-upstream",
                "models": [MODEL],
                "transformer": {"use": ["gemini"]},
            }
            content = {"LOG": False, "Providers": [entry], "Router": {"default": f"google,{MODEL}", **routes}}
            async with router(home, content) as url:
                yield Scene(Client(claude, url, home, project), up, project)
            assert up.seen
            for seen in up.seen:
                assert seen.path == f"/v1beta/models/{MODEL}:streamGenerateContent"
                assert (seen.query, seen.headers["x-goog-api-key"]) == ("alt=sse", "AIza-upstream")
                assert not {"authorization", "x-api-key"} & seen.headers.keys()
                assert complaints(seen.body, placeholder=False) == [], seen.body[:3000]

    return begin


async def test_the_tool_loop(scene: Begin, tmp_path: Path) -> None:
    """Bash, Read and Edit run with the arguments that Gemini gave; every step's call goes back with its own signature."""
    file = tmp_path / "project" / "note.txt"
    make = "printf 'old words' > note.txt; echo made"
    edit = {"file_path": str(file), "old_string": "old", "new_string": "new"}
    answer = in_turn(
        Script((Think("A file."), Say("I make one."), Call("Bash", {"command": make}, id="c1"))),
        Script((Think("Read it."), Call("Read", {"file_path": str(file)}, id="c2"))),
        Script((Call("Edit", edit, id="c3"),), split=5),
        DONE,
    )
    async with scene(answer) as s:
        run = await s.client.run("Make a note and change it.", FREELY)
        assert run.text == "All done."
        assert file.read_text() == "new words"
        outputs = {id: response["response"]["output"] for id, response in s.responses().items()}
        assert "made" in outputs["c1"]
        assert "old words" in outputs["c2"]
        assert "updated" in outputs["c3"]
        signed = [
            part["thoughtSignature"]
            for content in s.bodies[-1]["contents"]
            for part in content["parts"]
            if "functionCall" in part
        ]
        assert len(set(signed)) == 3
        assert "I make one." in json.dumps(s.bodies[-1])
        assert "A file." not in json.dumps(s.bodies[-1])


async def test_parallel_calls_and_a_failing_tool(scene: Begin) -> None:
    """Three calls in one reply all run; results go back in the calls' order; a failure stands under `error`."""
    commands = {"a": "echo alpha", "b": "sleep 0.3; echo beta", "c": "exit 7"}
    calls = Script(tuple(Call("Bash", {"command": command}, id=id) for id, command in commands.items()))
    async with scene(in_turn(calls, DONE)) as s:
        assert (await s.client.run("Run three.", FREELY)).text == "All done."
        responses = s.responses()
        assert list(responses) == ["a", "b", "c"]
        assert responses["a"]["response"]["output"].strip() == "alpha"
        assert responses["b"]["response"]["output"].strip() == "beta"
        assert "error" in responses["c"]["response"]


async def test_a_picture_is_seen(scene: Begin) -> None:
    """Read of a PNG puts the picture into the response."""
    async with scene(in_turn(Script((Call("Read", {"file_path": "dot.png"}, id="c1"),)), DONE)) as s:
        (s.project / "dot.png").write_bytes(png(8, 8))
        assert (await s.client.run("Look.", FREELY)).text == "All done."
        (media,) = s.responses()["c1"]["parts"]
        assert media["inlineData"]["mimeType"].startswith("image/")


async def test_web_search(scene: Begin) -> None:
    """The client's WebSearch is answered by Google's search: its links reach the model."""

    def answer(seen: Seen) -> Script:
        if any("googleSearch" in tool for tool in seen.json.get("tools", ())):
            return Script((Say("It is so."), Search("is it", (("Example", "https://example.org/a"),))))
        if "functionResponse" in seen.body.decode():
            return DONE
        return Script((Call("WebSearch", {"query": "is it so"}, id="c1"),))

    async with scene(answer) as s:
        assert (await s.client.run("Search.", FREELY, env={"ENABLE_TOOL_SEARCH": "false"})).text == "All done."
        assert "https://example.org/a" in s.responses()["c1"]["response"]["output"]


async def test_usage_and_a_passing_failure(scene: Begin) -> None:
    """An overloaded Gemini is asked again, and its counts arrive in the client's arithmetic."""
    usage = ScriptUsage(input_tokens=40, cache_read_tokens=60, output_tokens=9, reasoning_tokens=4)
    fault = Script((Fault("overloaded_error", "The model is overloaded."),), status=503)
    async with scene(in_turn(fault, Script((Say("Here."),), usage=usage))) as s:
        run = await s.client.run("Hello.")
        assert run.text == "Here."
        (counts,) = run.result["modelUsage"].values()
        assert (counts["inputTokens"], counts["cacheReadInputTokens"], counts["outputTokens"]) == (40, 60, 9)
        assert len(s.up.seen) == 2


async def test_a_session_that_moves(claude: Path, tmp_path: Path) -> None:
    """Gemini, then Claude, then Gemini in one conversation, with thoughts and calls on both: Claude gets no signature that is
    not its own, Gemini its own back, and the placeholder for Claude's call."""
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()

    def answer(seen: Seen) -> Script:
        text = seen.body.decode()
        if seen.dialect == "gemini":
            asked = text.rpartition("Turn ")[2][:1]
            return (
                DONE
                if f"g{asked}" in text
                else Script((Think("g"), Call("Bash", {"command": "echo g"}, id=f"g{asked}")))
            )
        return DONE if "toolu_c" in text else Script((Think("c"), Call("Bash", {"command": "echo c"}, id="toolu_c")))

    async with Upstream(answer) as up:
        google = {
            "name": "google",
            "api_base_url": f"{up.url}/v1beta/models/",
            "api_key": "k",
            "models": [MODEL],
            "transformer": {"use": ["gemini"]},
        }
        anthropic = {
            "name": "claude",
            "api_base_url": f"{up.url}/v1/messages",
            "api_key": "k",
            "models": ["claude-opus-5-5"],
            "transformer": {"use": ["Anthropic"]},
        }
        content = {"LOG": False, "Providers": [google, anthropic], "Router": {"default": f"google,{MODEL}"}}
        async with router(home, content) as url:
            client = Client(claude, url, home, project)
            # The client (2.1.330) leaves out the thinking of turns that ran under another model's name.
            for turn, model in enumerate((f"google,{MODEL}", "claude,claude-opus-5-5", f"google,{MODEL}"), start=1):
                more = ("--continue",) if turn > 1 else ()
                run = await client.run(f"Turn {turn}.", FREELY, "--model", model, *more)
                assert run.text == "All done."
    assert [seen.dialect for seen in up.seen] == ["gemini"] * 2 + ["anthropic"] * 2 + ["gemini"] * 2
    for seen in up.seen:
        if seen.dialect == "gemini":
            assert complaints(seen.body) == [], seen.body[:3000]
            continue
        blocks = [b for m in seen.json["messages"] if isinstance(m["content"], list) for b in m["content"]]
        assert {b["signature"] for b in blocks if b["type"] == "thinking"} <= {Think("").signature}
        assert b"ccr1~" not in seen.body
    calls = [p for c in up.seen[-1].json["contents"] for p in c["parts"] if "functionCall" in p]
    signed = {part["functionCall"]["id"]: part["thoughtSignature"] for part in calls}
    assert list(signed) == ["g1", "toolu_c", "g3"]
    assert signed["toolu_c"] == PLACEHOLDER
    assert PLACEHOLDER not in (signed["g1"], signed["g3"])
