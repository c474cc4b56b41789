"""What `ccr models` says, and when `--check` fails."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from claude_code_router.catalog.cards import OwnCard
from claude_code_router.catalog.live import Listed
from claude_code_router.catalog.prices import PriceTable, owner_rates
from claude_code_router.cli.live_models import lists, models_url
from claude_code_router.cli.models import Line, as_text, command, describe
from claude_code_router.providers.provider import Provider
from claude_code_router.scripted.script import Script
from claude_code_router.scripted.upstream import Upstream

TODAY = date(2026, 11, 24)
URL = "http://h/v1/chat/completions"


def lines_of(*models: str, listed: tuple[Listed, ...] = (), **fields: object) -> list[Line]:
    provider = Provider(name="p", url=URL, models=models, **fields)  # type: ignore[arg-type]  # any field of the struct
    prices = PriceTable().with_rates(owner_rates("p", {"claude-opus-5-5": {"input": 4, "output": 20}}))
    return list(describe({"p": provider}, {"p": listed} if listed else {}, prices, TODAY))


def test_what_is_known_of_a_model() -> None:
    """Limits, abilities and prices; a question mark for what nobody knows."""
    (line,) = lines_of("claude-opus-5-5")
    assert (line.context_tokens, line.vision, line.usd_in, line.usd_out, line.usd_cached) == (
        1_000_000,
        True,
        4,
        20,
        None,
    )
    text = as_text([line], nothing="")
    assert text.splitlines()[1].split() == ["p,claude-opus-5-5", "1M", "128k", "yes", "yes", "4", "20", "?"]


@pytest.mark.parametrize(
    ("model", "state"),
    [
        ("claude-opus-5-5", "active"),
        ("claude-opus-4-8", "superseded"),
        ("claude-sonnet-4-5", "retiring"),
        ("claude-3-opus-20240229", "retired"),
        ("my-own-model", "unknown"),
    ],
)
def test_the_state_of_a_model(model: str, state: str) -> None:
    """By the catalogue alone."""
    (line,) = lines_of(model)
    assert line.state == state
    assert bool(line.note) == (state != "active")


def test_the_owners_word_and_the_providers() -> None:
    """The owner's card wins over the provider's list, and that over the catalogue."""
    row = Listed(id="My-Own-Model", card=OwnCard(context_tokens=9000, vision=True))
    (line,) = lines_of("my-own-model", listed=(row,), cards={"my-own-model": OwnCard(vision=False)})
    assert (line.context_tokens, line.vision, line.state) == (9000, False, "active")
    assert lines_of("claude-opus-5-5", listed=(row,))[0].state == "unlisted"
    assert lines_of("claude-opus-5-5", listed=(Listed(id="claude-opus-5-5", retired=True),))[0].state == "retired"


@pytest.mark.parametrize(
    ("url", "dialect", "asked"),
    [
        ("https://h/v1/chat/completions", "openai_chat", "https://h/v1/models"),
        ("https://h/v1/messages?beta=1", "anthropic", "https://h/v1/models?limit=1000"),
        ("https://h/v1beta/models/", "gemini", "https://h/v1beta/models?pageSize=1000"),
        ("https://h/odd", "openai_chat", ""),
    ],
)
def test_where_the_list_is(url: str, dialect: str, asked: str) -> None:
    """Beside the endpoint; nowhere when the URL does not say."""
    assert models_url(Provider(name="p", url=url, dialect=dialect)) == asked  # type: ignore[arg-type]  # one of its words


async def test_lists_are_fetched_and_kept(tmp_path: Path) -> None:
    """Asked once with the key, then read from the cache for a day; a provider that fails is told, and the rest goes on."""
    async with Upstream(Script(), models=("a", "b")) as up:
        good = Provider(name="good", url=up.url + "/v1/chat/completions", key="sk-1")
        bad = Provider(name="bad", url="http://127.0.0.1:9/v1/chat/completions", key="sk-2")
        found = await asyncio.to_thread(lists, tmp_path, [good, bad], now=1000.0, fetch=True)
        assert [row.id for row in found.by_provider["good"]] == ["a", "b"]
        assert [problem.partition(":")[0] for problem in found.problems] == ["bad"]
        assert "sk-2" not in str(found.problems)
        assert up.seen == [] or up.seen[0].headers["authorization"] == "Bearer sk-1"
    later = lists(tmp_path, [good, bad], now=80_000.0, fetch=False)
    assert later.by_provider.keys() == {"good"}
    assert lists(tmp_path, [good], now=90_000.0, fetch=False).by_provider == {}
    assert len(found.by_provider) == 1


@pytest.mark.parametrize(("model", "code"), [("claude-opus-5-5", 0), ("claude-opus-4-8", 0), ("my-own-model", 1)])
def test_check_fails_for_ci(model: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 when all is known and alive, also with a successor; 1 when something is unknown or gone."""
    root = tmp_path / ".claude-code-router"
    root.mkdir()
    provider = {"name": "p", "api_base_url": "http://127.0.0.1:9/v1/chat/completions", "models": [model]}
    (root / "config.json").write_text(json.dumps({"Providers": [provider], "Router": {"default": f"p,{model}"}}))
    monkeypatch.setenv("HOME", str(tmp_path))
    app = Typer()
    app.command()(command)
    result = CliRunner().invoke(app, ["--check", "--json"])
    assert result.exit_code == code
    assert [line["state"] for line in json.loads(result.stdout)] == (
        [] if model == "claude-opus-5-5" else ["superseded" if code == 0 else "unknown"]
    )
