"""`Learned` of the config, and the model files that it names."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from claude_code_router.config.learned_file import FittedOn, LearnedFile, write
from claude_code_router.config.learned_models import LearnedModels, named
from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import ConfigError
from claude_code_router.core.signals import Signals
from claude_code_router.routing.learned import VERSION, LearnedModel, TaskTable

FILE: dict[str, Any] = {
    "Providers": [{"name": "p", "api_base_url": "https://x.example/v1/messages", "api_key": "k", "models": ["a", "b"]}],
    "Router": {"default": "p,a"},
    "Tiers": {"light": "p,a", "heavy": "p,b"},
}


def loaded(**more: Any) -> Config:
    return load_text(json.dumps(FILE | more), "config.json", {})


def test_shadow_is_the_usual_mode() -> None:
    """Without a word it decides nothing: a second table, that only records, has it live."""
    table = loaded(Learned={}).table
    assert table.learned is not None
    assert not table.learned.live
    assert table.shadow is not None
    assert table.shadow.learned is not None
    assert table.shadow.learned.live


def test_live_has_no_shadow() -> None:
    """It decides; nothing is decided twice."""
    table = loaded(Learned={"mode": "live", "share": 0.4}).table
    assert table.learned is not None
    assert (table.learned.live, table.learned.share, table.shadow) == (True, 0.4, None)


def test_owners_shadow_is_left_alone() -> None:
    """What the owner tries in `Shadow` is not mixed with what was learnt."""
    table = loaded(Learned={}, Shadow={"Aliases": {"opus": "heavy"}}).table
    assert table.shadow is not None
    assert table.shadow.learned is not None
    assert not table.shadow.learned.live


def test_without_it_there_is_nothing() -> None:
    """Who does not ask for it pays nothing for it."""
    assert loaded().table.learned is None


@pytest.mark.parametrize(
    ("section", "path", "expected"),
    [
        ({"mode": "dark"}, "Learned.mode", "live"),
        ({"share": 3}, "Learned.share", "0 to 1"),
        ({"light": "lihgt"}, "Learned.light", '"light"?'),
        ({"heavy": "mid"}, "Learned.heavy", "a tier (light, heavy)"),
    ],
)
def test_slips_are_told(section: dict[str, Any], path: str, expected: str) -> None:
    """With their place, and what would be right."""
    with pytest.raises(ConfigError) as wrong:
        loaded(Learned=section)
    found = {problem.path: problem.expected for problem in wrong.value.problems}
    assert expected in found[path]


def test_two_tiers_are_needed() -> None:
    """There is nothing to choose between without."""
    with pytest.raises(ConfigError, match="two to choose between"):
        loaded(Learned={}, Tiers={"light": "p,a"})


def test_unknown_keys_are_warned_about() -> None:
    """As everywhere."""
    assert any("moed" in str(one) for one in loaded(Learned={"moed": "live"}).warnings)


def test_namespaces_have_their_own(tmp_path: Path) -> None:
    """A lane may learn from its own file, and go live before the others."""
    lanes = {"blue": {"Learned": {"mode": "live", "file": str(tmp_path / "blue.json")}}, "red": {}}
    config = loaded(Learned={}, Namespaces=lanes)
    blue, red = (config.namespaces[name].config.table.learned for name in ("blue", "red"))
    assert blue is not None
    assert red is not None
    assert (blue.live, red.live) == (True, False)
    assert len(named(config)) == 3


def model_file(path: Path, gain: float) -> None:
    table = TaskTable({}, otherwise=gain)
    write(
        path,
        LearnedFile(
            version=VERSION, made_at="2026-11-27T12:00:00+00:00", epoch="e", switched_on=False, instead="",
            fitted_on=FittedOn(source="", rows={}, models={}), checks=(),
            model=LearnedModel(method="table", light="light", heavy="heavy", threshold=0.0, table=table),
        ),
    )  # fmt: skip


def test_files_are_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A new file is in force at the next look; a broken one changes nothing, and is named once."""
    config = loaded(Learned={"mode": "live"})
    models = LearnedModels(tmp_path / "learned.json")
    turns = iter(range(9))

    def tier() -> str | None:
        models.look(named(config))
        found = models.score(Signals(model="m", last_user_text="x", prompt_hash=str(next(turns))), config.table)
        return found.tier if found else None

    assert tier() is None
    model_file(tmp_path / "learned.json", 0.4)
    assert tier() == "heavy"
    (tmp_path / "learned.json").write_text("{")
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert tier() == "heavy"
        assert tier() == "heavy"
    assert len(caplog.records) == 1
    assert "stays in force" in caplog.text
    model_file(tmp_path / "learned.json", -0.4)
    assert tier() == "light"
