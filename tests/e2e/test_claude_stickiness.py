"""A session of the real Claude Code CLI and the model whose cache it has warmed: loops, later turns, and the way up."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.e2e.bodies import hello
from tests.e2e.conftest import Play
from tests.e2e.sight import Sight
from tests.e2e.stage import Mode, Stage, rows_of
from tests.e2e.waiting import until_found
from tests.e2e.wire import post

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
    file.write_text(json.dumps(config))

    async def priced() -> bool:
        await post(s.client.base_url, hello())
        rows = await asyncio.to_thread(rows_of, s.home)
        return bool(rows) and rows[-1]["cost_usd"] is not None

    await until_found(priced, "the prices are known")


async def test_a_session_stays_where_its_cache_is_warm(stage: Play, mode: Mode) -> None:
    """The loop stays with the model that began it though a rule sends its steps elsewhere; so does the next turn; thinking
    goes up at once."""
    if mode == "direct":
        pytest.skip("only a router routes")
    async with stage(answer, routes=ROUTES, Tiers=TIERS, Rules=RULES) as s:
        await with_prices(s)
        await s.client.run("design a queue", FREELY)
        await s.client.run("thanks", FREELY, "--continue")

        async def its_turns() -> list[dict[str, Any]] | None:
            rows = await asyncio.to_thread(rows_of, s.home)
            found = [row for row in rows if row["session"] and row["kind"] in ("user", "tool_result")]
            return found if len(found) >= 4 else None

        turns = await until_found(its_turns, "the records of four turns are there")
        told = [(row["kind"], row["rule"], row["target"]) for row in turns]
    assert told == [
        ("user", "design", "up,big-model"),
        ("tool_result", "stickiness", "up,big-model"),
        ("tool_result", "stickiness", "up,big-model"),
        ("user", "stickiness", "up,big-model"),
    ]
    assert "does not pay yet" in turns[-1]["because"]
