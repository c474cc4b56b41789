"""The real Claude Code CLI on a provider with two keys, one of which is used up in the middle of a turn."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.client import Client
from tests.e2e.stage import PATHS, Mode, router, rows_of
from tests.e2e.waiting import until_found

from claude_code_router.scripted.script import Call, Fault, Say, Script
from claude_code_router.scripted.upstream import Seen, Upstream

pytestmark = [pytest.mark.real_client, pytest.mark.timeout(180)]


def _key(seen: Seen) -> str:
    return seen.headers.get("x-api-key") or seen.headers["authorization"].removeprefix("Bearer ")


async def test_a_key_is_used_up_in_the_middle(mode: Mode, claude: Path, tmp_path: Path) -> None:
    """The turn goes on with the other key, the client sees no error, and does not come back to the first."""
    spent: list[str] = []
    asked = 0

    def answer(seen: Seen) -> Script:
        nonlocal asked
        if _key(seen) in spent:
            return Script((Fault("billing_error", "Your credit balance is too low"),), status=402)
        asked += 1
        if asked == 1:
            spent.append(_key(seen))  # paid for this one still
            return Script((Call("Bash", {"command": "echo done"}),))
        return Script((Say("The second key answers."),))

    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    provider = {"name": "up", "models": ["m"], "api_keys": ["sk-key-one", "sk-key-two"]}
    if mode == "relay":
        provider["transformer"] = {"use": ["Anthropic"]}  # type: ignore[assignment]  # a literal of JSON
    async with Upstream(answer) as up:
        provider["api_base_url"] = up.url + PATHS[mode]
        config = {"LOG": False, "Providers": [provider], "Router": {"default": "up,m"}}
        async with router(home, config) as place:
            run = await Client(claude, place, home, project).run("hello", "--dangerously-skip-permissions")
            assert run.text == "The second key answers."
            assert run.retries == []

            async def look() -> bool | None:
                return len([row for row in rows_of(home) if row["outcome"] == "delivered"]) >= 2 or None

            await until_found(look, "both steps are recorded")
    keys = [_key(seen) for seen in up.seen]
    assert len(set(keys)) == 2
    assert keys.count(spent[0]) == 2
