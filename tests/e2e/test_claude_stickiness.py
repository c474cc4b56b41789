"""A session of the real Claude Code CLI and the model whose cache it has warmed: loops, later turns, and the way up."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import Any

import pytest
from tests.e2e.conftest import Play
from tests.e2e.sight import Sight
from tests.e2e.stage import Mode, Stage
from tests.e2e.waiting import until_found

from claude_code_router.scripted.script import Call, Say, Script, ScriptUsage
from claude_code_router.scripted.upstream import Seen

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]

FREELY = "--dangerously-skip-permissions"
ROUTES = {"default": "up,mid-model", "think": "up,big-model", "background": "up,small-model"}
TIERS = {"light": "up,small-model", "mid": "up,mid-model", "heavy": "up,big-model"}
RULES = [
    {"name": "design", "when": {"says": "design", "kind": "user"}, "use": "heavy"},
    {"name": "steps", "when": {"kind": "tool_result"}, "use": "light"},
]
USAGE = ScriptUsage(input_tokens=100, cache_read_tokens=20_000, cache_write_tokens=20_000, output_tokens=300)


def answer(seen: Seen) -> Script:
    """Two calls in a row after each prompt that asks for them, else a text."""
    sight = Sight(seen)
    if "design a queue" in sight.user_text and "thanks" not in sight.user_text and len(sight.results) < 2:
        return Script((Call("Bash", {"command": f"echo {len(sight.results)}"}),), usage=USAGE)
    return Script((Say("Done."),), usage=USAGE)


async def with_prices(s: Stage) -> None:
    """Edits the config as an owner would, and waits until the edit is in force and the prices are there."""
    file = s.home / ".claude-code-router" / "config.json"
    config: dict[str, Any] = json.loads(file.read_text())
    rate = {"small-model": 1, "mid-model": 3, "big-model": 5}
    config["Providers"][0]["price"] = {
        model: {"input": usd, "output": 5 * usd, "cache_read": usd / 10, "cache_write": usd * 1.25}
        for model, usd in rate.items()
    }
    before = await asyncio.to_thread(_hash, s.client.base_url)
    file.write_text(json.dumps(config))

    async def changed() -> bool:
        return await asyncio.to_thread(_hash, s.client.base_url) != before

    await until_found(changed, "the edit is in force")


def _hash(url: str) -> str:
    with urllib.request.urlopen(f"{url}/health", timeout=5) as reply:
        return str(json.loads(reply.read())["config"]["hash"])


async def test_a_session_stays_where_its_cache_is_warm(stage: Play, mode: Mode) -> None:
    """The loop stays with the model that began it though a rule sends its steps elsewhere; so does the next turn; thinking
    goes up at once."""
    if mode == "direct":
        pytest.skip("only a router routes")
    async with stage(answer, routes=ROUTES, Tiers=TIERS, Rules=RULES) as s:
        await with_prices(s)
        await s.client.run("design a queue", FREELY)
        await s.client.run("thanks", FREELY, "--continue")
        turns = [row for row in await s.records(4) if row["kind"] in ("user", "tool_result")]
        told = [(row["kind"], row["rule"], row["target"]) for row in turns]
    assert told == [
        ("user", "design", "up,big-model"),
        ("tool_result", "stickiness", "up,big-model"),
        ("tool_result", "stickiness", "up,big-model"),
        ("user", "stickiness", "up,big-model"),
    ]
    assert "does not pay yet" in turns[-1]["because"]
