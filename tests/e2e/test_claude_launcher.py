"""The real Claude Code CLI as our launcher starts it, and what else than messages it asks a router for."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.e2e.client import RUN_LIMIT_S, WALLED
from tests.e2e.conftest import Play
from tests.e2e.sight import Sight
from tests.e2e.stage import CALM, Mode, config, free_port, rows_of
from tests.e2e.waiting import until

from claude_code_router.scripted.script import Call, Say, Script
from claude_code_router.scripted.upstream import Upstream, in_turn

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]


async def ccr(environment: Mapping[str, str], folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of our command."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "ccr"),
        *arguments,
        cwd=folder,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(RUN_LIMIT_S):
        out, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), errors.decode()


@asynccontextmanager
async def fresh_home(up: Upstream, mode: Mode, claude: Path, folder: Path) -> AsyncIterator[dict[str, str]]:
    """The environment of a user who has a config and nothing else; stops whatever service was left."""
    root = folder / ".claude-code-router"
    root.mkdir()
    content = {"PORT": free_port(), "CLAUDE_PATH": str(claude), **config(up.url, mode, CALM)}
    (root / "config.json").write_text(json.dumps(content))
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
        **WALLED,
    }
    try:
        yield environment
    finally:
        await ccr(environment, folder, "stop")


async def test_ccr_code(mode: Mode, claude: Path, tmp_path: Path) -> None:
    """`ccr code` starts the router and the client, whose requests say what they are; its exit code is the client's."""
    if mode == "direct":
        pytest.skip("the launcher needs the router")
    bash = Call("Bash", {"command": "echo $ANTHROPIC_BASE_URL"}, id="call_b")
    answer = in_turn(Script((bash,)), Script((Say("Through the router."),)))
    async with Upstream(answer) as up, fresh_home(up, mode, claude, tmp_path) as environment:
        arguments = ("-p", "--output-format", "json", "--dangerously-skip-permissions", "--", "which way?")
        code, out, errors = await ccr(environment, tmp_path, "code", *arguments)
        assert code == 0, errors
        assert json.loads(out)["result"] == "Through the router."
        assert "http://127.0.0.1:" in Sight(up.seen[-1]).result("call_b").text
        await until(lambda: len(rows_of(tmp_path)) == 2, "both requests are on record")
        assert {row["request_class"] for row in rows_of(tmp_path)} == {"main"}


async def test_context_command(stage: Play) -> None:
    """`/context` counts its parts through us: every count is answered."""
    async with stage(Script((Say("ok"),))) as s:
        run = await s.client.run("/context")
        assert run.exit_code == 0
        assert "tokens" in run.text.lower()
        assert s.sights == []


async def test_model_discovery(stage: Play) -> None:
    """The client's model discovery lists every target of the config."""
    async with stage(Script((Say("ok"),)), models=("other-model",)) as s:
        if not s.routed:
            pytest.skip("a list of our targets needs the router")
        await s.client.run("hello", env={"CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1"}, silent=False)
        found = s.home / ".claude" / "cache" / "gateway-models.json"
        await until(found.exists, "the client has stored what it discovered")
        text = found.read_text()
        assert "claude/up/main-model" in text
        assert "claude/up/other-model" in text


async def test_discovered_model(stage: Play) -> None:
    """A model picked from what was discovered is the one that answers."""
    async with stage(Script((Say("ok"),)), models=("other-model",)) as s:
        run = await s.client.run("hello", "--model", "claude/up/other-model")
        assert run.text == "ok"
        if s.routed:
            assert s.last.model == "other-model"
