"""What configs asked for, remembered beside the records."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config
from claude_code_router.improve.remembered import recalled, remember


def config(**more: Any) -> Config:
    provider = {"name": "p", "api_base_url": "https://x.com/v1/messages", "api_key": "k", "models": ["a"]}
    return load_text(json.dumps({"Providers": [provider], "Router": {"default": "p,a"}, **more}), "config.json", {})


def test_every_state_is_remembered(tmp_path: Path) -> None:
    """The words of the rules, the shadow's and each namespace's, by the hash that is on the records; for the owner only."""
    first = config(
        Rules=[{"name": "r", "when": {"says": "review", "difficulty": {"over": 0.5}}, "use": "p,a"}],
        Shadow={"Rules": [{"name": "s", "when": {"matches": "x+"}, "use": "p,a"}]},
        Namespaces={"n": {"keys": {"k": "v"}, "Rules": [{"name": "t", "when": {"says": "prove"}, "use": "p,a"}]}},
    )
    second = config()
    cache = tmp_path / "cache"
    remember(cache, first)
    remember(cache, second)
    found = recalled(cache)
    assert found[first.hash].words == {"review", "x+"}
    assert "difficulty" in found[first.hash].facts
    assert "prove" in found[first.namespaces["n"].config.hash].words
    assert not found[second.hash].words
    assert stat.S_IMODE((cache / "asked.json").stat().st_mode) == 0o600


def test_a_file_that_cannot_be_read_is_as_none(tmp_path: Path) -> None:
    """And is written anew."""
    (tmp_path / "asked.json").write_text("{")
    assert recalled(tmp_path) == {}
    remember(tmp_path, config())
    assert len(recalled(tmp_path)) == 1
