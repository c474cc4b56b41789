"""Which config is in force."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from claude_code_router.config.home import Home
from claude_code_router.config.load import load_text
from claude_code_router.config.watch import Edits
from claude_code_router.improve.live_config import LiveConfig
from claude_code_router.improve.reload_gate import ReloadGate


class _Startling(type(Path())):  # type: ignore[misc]
    """A file that makes the loader fail in a way that nobody has thought of."""

    def read_text(self, *_: object, **__: object) -> str:
        raise RuntimeError("nobody has thought of this")


async def test_a_bug_in_reading_an_edit_costs_that_edit_only(tmp_path: Path) -> None:
    """The old config stays, the error says so, and whoever watches lives to see the next edit."""
    first = load_text("{}", "config.json", {})
    gate = ReloadGate(Home(tmp_path), {}, Edits())
    live = LiveConfig(_Startling(tmp_path / "config.json"), {}, first, gate)
    await live.reload()
    assert live.current is first
    assert live.error is not None
    assert "bug" in live.error


def text(model: str, **more: Any) -> str:
    provider = {"name": "p", "api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["a", "b"]}
    gate = {"failOn": ["flipped_share>0.5"], "minimum": 1}
    return json.dumps({"Providers": [provider], "Router": {"default": f"p,{model}"}, "ReloadGate": gate, **more})


def live_config(root: Path, replay: str) -> LiveConfig:
    home, first = Home(root), load_text(text("a"), "config.json", {})
    return LiveConfig(home.config, {}, first, ReloadGate(home, {}, Edits(), (sys.executable, "-c", replay)))


def answers(verdict: str, exit_code: int, config_hash: str) -> str:
    found = [{"condition": "flipped_share>0.5", "verdict": verdict, "value": 0.75}]
    answer = json.dumps({"config_hash": config_hash, "records": 40, "told": 40, "conditions": found})
    return f"import sys; print({answer!r}); sys.exit({exit_code})"


@pytest.mark.parametrize(
    ("verdict", "exit_code", "taken_in", "level", "said"),
    [
        ("ok", 0, True, "INFO", "flipped_share>0.5: it is 0.75"),
        ("failed", 3, False, "ERROR", "failed      flipped_share>0.5: it is 0.75"),
        ("not known", 4, True, "ERROR", "could not judge the last edit"),
    ],
)
async def test_what_the_gate_says(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    verdict: str,
    exit_code: int,
    taken_in: bool,
    level: str,
    said: str,
) -> None:
    """Is followed, logged as loudly as it deserves, and told."""
    caplog.set_level("INFO", "ccr")
    edited = load_text(text("b"), "config.json", {})
    live = live_config(tmp_path, answers(verdict, exit_code, edited.hash))
    (tmp_path / "config.json").write_text(text("b"))
    await live.reload()
    assert (live.current.hash == edited.hash) is taken_in
    assert said in (live.gate if taken_in else live.error or "")
    assert (live.error is None) is taken_in and (live.gate == "") is not taken_in
    assert [record.levelname for record in caplog.records if said in record.getMessage()] == [level]


async def test_going_back_clears_a_refusal(tmp_path: Path) -> None:
    """The file is the config in force again: there is nothing to say."""
    live = live_config(tmp_path, answers("failed", 3, load_text(text("b"), "config.json", {}).hash))
    first = live.current
    (tmp_path / "config.json").write_text(text("b"))
    await live.reload()
    assert "flipped_share>0.5" in str(live.error)
    (tmp_path / "config.json").write_text(text("a"))
    await live.reload()
    assert live.current is first
    assert (live.error, live.gate) == (None, "")


async def test_an_edit_of_no_decision_needs_no_gate(tmp_path: Path) -> None:
    """It is in force though the replay would fail."""
    live = live_config(tmp_path, "import sys; sys.exit('never asked')")
    (tmp_path / "config.json").write_text(text("a", API_TIMEOUT_MS=5000))
    await live.reload()
    assert (live.current.settings.api_timeout_ms, live.error, live.gate) == (5000, None, "")
