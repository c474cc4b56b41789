"""A project's or session's own Router."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest

from claude_code_router.config.home import Home
from claude_code_router.config.load import load_text
from claude_code_router.config.overrides import Overrides
from claude_code_router.config.settings import Config
from claude_code_router.routing.table import RoutingTable

PROJECT = "-home-me-work"
SESSION = "0b6f6d3e-3c5e-4b2c-9f58-0123456789ab"


def global_config(more: str = "") -> Config:
    return load_text(
        f"""{{Providers: [{{name: 'p', api_base_url: 'http://localhost:1/v1/chat/completions',
                           models: ['main', 'small', 'deep', 'other', 'mine']}}],
            Router: {{default: 'p,main', background: 'p,small', think: 'p,deep', longContextThreshold: 9000,
                     thinkWhen: ['plan']}},
            fallback: {{default: 'p,other'}}{more}}}""",
        "config.json",
        {},
    )


CONFIG = global_config()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with one session of one project, as Claude Code leaves it."""
    home = Home(tmp_path / ".claude-code-router")
    (home.root / PROJECT).mkdir(parents=True)
    (home.claude_projects / PROJECT).mkdir(parents=True)
    (home.claude_projects / PROJECT / f"{SESSION}.jsonl").touch()
    return home


def override(home: Home, file: str, content: object) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (home.root / PROJECT / file).write_text(text)


def routes(table: RoutingTable) -> dict[str, str]:
    return {scenario: target.model for scenario, target in table.scenarios.items()}


async def test_project_replaces_everything_but_background(home: Home) -> None:
    """As in the npm tool: `think` of the global Router is gone, its `background` stays, fallback stands outside."""
    override(home, "config.json", {"Router": {"default": "p,mine", "background": "p,other"}})
    table = await Overrides(home).table_for(SESSION, CONFIG)
    assert routes(table) == {"default": "mine", "background": "small"}
    assert table.long_context_threshold_tokens == 60_000
    assert table.fallback == CONFIG.table.fallback
    assert table.think_when == {"plan"}
    assert table.config_hash != CONFIG.hash


async def test_first_requests_at_once(home: Home) -> None:
    """None of them is answered before the directories were looked at."""
    override(home, "config.json", {"Router": {"default": "p,mine"}})
    overrides = Overrides(home)
    tables = await asyncio.gather(*(overrides.table_for(SESSION, CONFIG) for _ in range(3)))
    assert [routes(table)["default"] for table in tables] == ["mine"] * 3


async def test_session_before_project(home: Home) -> None:
    """A session's own file wins over its project's."""
    override(home, "config.json", {"Router": {"default": "p,mine"}})
    override(home, f"{SESSION}.json", {"Router": {"default": "p,deep", "thinkWhen": []}})
    table = await Overrides(home).table_for(SESSION, CONFIG)
    assert routes(table)["default"] == "deep"
    assert table.think_when == set()


async def test_session_file_without_a_router(home: Home) -> None:
    """Then the project's holds."""
    override(home, "config.json", {"Router": {"default": "p,mine"}})
    override(home, f"{SESSION}.json", {"Router": {}})
    assert routes(await Overrides(home).table_for(SESSION, CONFIG))["default"] == "mine"


async def test_override_without_a_default(home: Home) -> None:
    """Where the npm tool fails, the global default holds."""
    override(home, "config.json", {"Router": {"think": "p,mine"}})
    assert routes(await Overrides(home).table_for(SESSION, CONFIG)) == {
        "default": "main", "background": "small", "think": "mine",
    }  # fmt: skip


@pytest.mark.parametrize("session", ["", "unknown", "../../etc", f"../{PROJECT}/{SESSION}", "a/b", "x" * 300, "a\x00b"])
async def test_others_have_the_global_table(home: Home, session: str) -> None:
    """A session that is not known, or is no file name, gets the config's own table."""
    override(home, "config.json", {"Router": {"default": "p,mine"}})
    assert await Overrides(home).table_for(session, CONFIG) is CONFIG.table


async def test_project_without_override(home: Home) -> None:
    """A directory without the files changes nothing."""
    assert await Overrides(home).table_for(SESSION, CONFIG) is CONFIG.table


async def test_no_home_at_all(tmp_path: Path) -> None:
    """Before the first start there is not even a directory."""
    assert await Overrides(Home(tmp_path / "none")).table_for(SESSION, CONFIG) is CONFIG.table


@pytest.mark.parametrize(
    "content",
    ["{", "", "[]", '"x"', '{"Router": 5}', '{"Router": {"default": "nowhere,x"}}', '{"Router": {"default": 5}}'],
)
async def test_broken_override(home: Home, caplog: pytest.LogCaptureFixture, content: str) -> None:
    """The global table holds, and the log says once what is wrong."""
    override(home, "config.json", content)
    with caplog.at_level(logging.WARNING):
        assert await Overrides(home).table_for(SESSION, CONFIG) is CONFIG.table
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "config.json" in caplog.text


async def test_answers_follow_the_config(home: Home) -> None:
    """A table remembered for one config is not used for the next."""
    override(home, "config.json", {"Router": {"default": "p,mine"}})
    overrides = Overrides(home)
    first = await overrides.table_for(SESSION, CONFIG)
    assert await overrides.table_for(SESSION, CONFIG) is first
    second = await overrides.table_for(SESSION, global_config(", PORT: 1"))
    assert second.config_hash != first.config_hash
    assert routes(second)["default"] == "mine"
