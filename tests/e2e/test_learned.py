"""What was learnt, through the whole router: recorded in shadow, deciding when live, exchanged while it runs."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.bodies import hello
from tests.e2e.house import House, house
from tests.e2e.test_difficulty import step_of
from tests.e2e.waiting import until_found
from tests.e2e.wire import post
from tests.unit.config.test_learned import model_file
from tests.unit.routing.test_learned import PROOF

from claude_code_router.cli.explain import as_text, recorded
from claude_code_router.cli.main import run
from claude_code_router.config.home import Home
from claude_code_router.config.learned_file import FittedOn, LearnedFile, write
from claude_code_router.routing.learned import VERSION
from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Seen, Upstream

HEADERS = {"x-claude-code-session-id": "s1"}


def config(url: str, **learned: Any) -> dict[str, Any]:
    provider = {
        "name": "p",
        "api_base_url": f"{url}/v1/messages",
        "api_key": "sk-of-the-owner-1234",
        "models": ["a", "b"],
    }
    return {
        "Providers": [provider],
        "Router": {"default": "p,a"},
        "Tiers": {"light": "p,a", "heavy": "p,b"},
        "Learned": learned,
    }


def answering(_: Seen) -> Script:
    return Script((Say("fine"),))


async def ask(it: House, **body: Any) -> dict[str, Any]:
    return await it.record(await post(it.url, hello(**body), HEADERS))


async def test_shadow_records_and_changes_nothing(tmp_path: Path) -> None:
    """The request goes where it went; the record and `ccr explain` say what would have been chosen."""
    file = tmp_path / "model.json"
    model_file(file, 0.4)
    async with Upstream(answering) as up, house(tmp_path, config(up.url, file=str(file))) as it:
        row = await ask(it)
        told = as_text(recorded(it.home, row["id"]))
    assert (row["target"], row["shadow_target"], row["shadow_rule"]) == ("p,a", "p,b", "learned")
    assert json.loads(row["signals"])["learned"]["gain"] == 0.4
    assert "it runs in shadow and does not decide" in told


async def test_live_decides_and_a_turn_keeps_its_tier(tmp_path: Path) -> None:
    """A model file that is exchanged while a turn runs its tools decides from the next turn on."""
    file = tmp_path / "model.json"
    model_file(file, 0.4)
    async with Upstream(answering) as up, house(tmp_path, config(up.url, file=str(file), mode="live")) as it:
        first = await ask(it)
        model_file(file, -0.4)

        async def other() -> bool:
            said = await ask(it, messages=[{"role": "user", "content": "another"}])
            return str(said["target"]) == "p,a"

        await until_found(other, "the new model file decides")
        step = await ask(it, messages=step_of("hello", "the file"))
        again = await ask(it)
    assert (first["target"], first["rule"]) == ("p,b", "learned")
    assert step["target"] == "p,b"
    assert again["target"] == "p,a"


def test_a_dry_run_names_the_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`ccr explain --file` says what it would choose, and which of the prompt's words spoke for it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    home = Home(tmp_path / ".claude-code-router")
    file = LearnedFile(
        version=VERSION, made_at="2026-11-27T12:00:00+00:00", epoch="e", switched_on=True, instead="",
        fitted_on=FittedOn(source="", rows={}, models={}), checks=(), model=PROOF,
    )  # fmt: skip
    write(home.learned, file)
    home.config.write_text(json.dumps(config("http://127.0.0.1:1")))
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "a proof, please"}]}
    (tmp_path / "body.json").write_text(json.dumps(body))
    with contextlib.suppress(SystemExit):
        run(["explain", "--file", str(tmp_path / "body.json")])
    said = capsys.readouterr().out
    assert "heavy; it runs in shadow and does not decide" in said
    assert '"proof" +' in said
