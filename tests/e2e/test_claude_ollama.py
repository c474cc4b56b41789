"""The real Claude Code CLI on Ollama's own API: its tool loop, pictures in results, and a session that comes from Claude and
goes back to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.e2e.client import Client
from tests.e2e.pictures import png
from tests.e2e.stage import router

from claude_code_router.scripted.script import Call, Say, Script, Think
from claude_code_router.scripted.upstream import Seen, Upstream, in_turn

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]

FREELY = "--dangerously-skip-permissions"
MODEL = "qwen3:8b"
FIELDS = frozenset({"model", "messages", "tools", "think", "format", "options", "stream", "keep_alive"})
MESSAGE_FIELDS = frozenset({"role", "content", "images", "tool_calls", "tool_name", "tool_call_id", "thinking"})


def providers(up: Upstream) -> list[dict[str, Any]]:
    return [
        {"name": "box", "api_base_url": f"{up.url}/api/chat", "api_key": "", "models": [MODEL]},
        {"name": "claude", "api_base_url": f"{up.url}/v1/messages", "api_key": "k", "models": ["claude-opus-5-5"],
         "transformer": {"use": ["Anthropic"]}},
    ]  # fmt: skip


def ollamas(up: Upstream) -> list[dict[str, Any]]:
    """The bodies that Ollama got, held against its API (docs/api.md, 2026-08)."""
    bodies = [seen.json for seen in up.seen if seen.path == "/api/chat"]
    for body in bodies:
        assert body.keys() <= FIELDS
        assert body["options"]["num_ctx"] >= 32_768  # by default it cuts prompts short without a word
        for message in body["messages"]:
            assert message.keys() <= MESSAGE_FIELDS
            assert isinstance(message["content"], str)
            assert all(isinstance(call["function"]["arguments"], dict) for call in message.get("tool_calls", ()))
    return bodies


async def test_the_tool_loop(claude: Path, tmp_path: Path) -> None:
    """Bash and Read run with the arguments that the model gave; results and a picture reach it in its own form."""
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    (project / "dot.png").write_bytes(png())
    answer = in_turn(
        Script((Think("A look."), Say("I look."), Call("Bash", {"command": "echo seen"}, id="c1"))),
        Script((Call("Read", {"file_path": str(project / "dot.png")}, id="c2"),)),
        Script((Think("Enough."), Say("All done."))),
    )
    async with Upstream(answer) as up:
        content = {"LOG": False, "Providers": providers(up), "Router": {"default": f"box,{MODEL}"}}
        async with router(home, content) as url:
            run = await Client(claude, url, home, project).run("Look.", FREELY)
        assert run.text == "All done."
        assert [block["thinking"] for block in run.blocks("thinking")] == ["A look.", "Enough."]
        last = ollamas(up)[-1]["messages"]
        assert [m["tool_name"] for m in last if m["role"] == "tool"] == ["Bash", "Read"]
        assert any("seen" in m["content"] for m in last if m["role"] == "tool")
        assert any(m.get("images") for m in last)


async def test_from_claude_and_back(claude: Path, tmp_path: Path) -> None:
    """Claude's signed thinking is Claude's alone, and comes back to it unchanged after a turn elsewhere."""

    def answer(seen: Seen) -> Script:
        if seen.path == "/api/chat":
            return Script((Think("Mine."), Say("From the box.")))
        return Script((Think("Signed.", signature="c2lnbmVk"), Say("From Claude.")))

    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    async with Upstream(answer) as up:
        content = {"LOG": False, "Providers": providers(up), "Router": {"default": "claude,claude-opus-5-5"}}
        async with router(home, content) as url:
            client = Client(claude, url, home, project)
            said = [
                (await client.run("One.", FREELY)).text,
                (await client.run("Two.", FREELY, "--continue", "--model", f"box,{MODEL}")).text,
                (await client.run("Three.", FREELY, "--continue", "--model", "claude,claude-opus-5-5")).text,
            ]
        assert said == ["From Claude.", "From the box.", "From Claude."]
        assert not any("Signed." in str(body) or "c2lnbmVk" in str(body) for body in ollamas(up))
        back = [seen for seen in up.seen if seen.path == "/v1/messages"][-1]
        thinking = [
            block
            for message in back.json["messages"]
            for block in message["content"]
            if isinstance(block, dict) and block["type"] == "thinking"
        ]
        assert [(block["thinking"], block["signature"]) for block in thinking] == [("Signed.", "c2lnbmVk")]
