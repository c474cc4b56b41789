"""The real Claude Code CLI on an Anthropic endpoint that is not Anthropic's: a strict server of the dialect of 2025."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.client import Client
from tests.e2e.pictures import png
from tests.e2e.stage import router

from claude_code_router.scripted.script import Call, Say, Script, Think
from claude_code_router.scripted.upstream import Seen, Upstream, in_turn

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]

TOP = {"model", "messages", "system", "tools", "tool_choice", "metadata", "max_tokens", "thinking", "stream"}
TOOL = {"name", "description", "input_schema"}
BLOCKS = {"text", "image", "thinking", "tool_use", "tool_result"}


def complaints(seen: Seen) -> Iterator[str]:
    """What a server that checks its input answers with a 400."""
    body = seen.json
    if "anthropic-beta" in seen.headers:
        yield "a beta header"
    yield from (f"unknown field {name}" for name in body.keys() - TOP)
    yield from (
        f"thinking {body['thinking']}" for _ in [0] if body.get("thinking", {"type": "enabled"})["type"] != "enabled"
    )
    yield from (f"tool member {name}" for tool in body.get("tools", ()) for name in tool.keys() - TOOL)
    if b"x-anthropic-billing-header" in seen.body or b'"cache_control"' in seen.body:
        yield "the billing block, or a cache mark"
    for message in body["messages"]:
        if message["role"] not in ("user", "assistant") or message.keys() != {"role", "content"}:
            yield f"message {message['role']} {message.keys()}"
        for block in _blocks(message):
            if block["type"] not in BLOCKS:
                yield f"block {block['type']}"


def _blocks(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for block in message["content"] if isinstance(message["content"], list) else ():
        yield block
        yield from block["content"] if isinstance(block.get("content"), list) else ()


async def test_the_tool_loop(claude: Path, tmp_path: Path) -> None:
    """Tools, tool search, a picture and thoughts: nothing reaches the server that it would refuse, nothing is lost."""
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    (project / "red.png").write_bytes(png())
    answer = in_turn(
        Script(
            (Think("Look.", signature="theirs"), Say("I look."), Call("Bash", {"command": "echo seen"}, id="call_b"))
        ),
        Script((Call("ToolSearch", {"query": "select:CronList", "max_results": 3}, id="call_s"),)),
        Script((Call("Read", {"file_path": str(project / "red.png")}, id="call_r"),)),
        Script((Say("All done."),)),
    )
    async with Upstream(answer) as up:
        entry = {
            "name": "gpu",
            "api_base_url": f"{up.url}/v1/messages",
            "api_key": "k",
            "models": ["qwen3"],
            "preset": "vllm",
        }
        async with router(home, {"LOG": False, "Providers": [entry], "Router": {"default": "gpu,qwen3"}}) as url:
            run = await Client(claude, url, home, project).run("Look around.", "--dangerously-skip-permissions")
        assert run.text == "All done."
        assert [word for seen in up.seen for word in complaints(seen)] == []
        last = json.dumps(up.seen[-1].json["messages"])
        assert all(
            word in last for word in ("seen", "Loaded tools: CronList", "theirs", '"image"', "<system-reminder>")
        )
        assert "CronList" in {tool["name"] for tool in up.seen[-1].json["tools"]}
