"""The file that somebody without a config gets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from claude_code_router.cli import starter
from claude_code_router.config.load import load_text


def test_the_starter_file_is_a_config() -> None:
    """It loads as it is, on the default port."""
    config = load_text(starter.TEXT, "config.json", {})
    assert (config.settings.port, dict(config.providers)) == (3456, {})


def test_its_examples_work_when_they_are_uncommented() -> None:
    """Taking the comment signs away is all that the reader must do."""
    provider_lines = re.findall(r"^  // (\{ name.*|  api_key.*)$", starter.TEXT, re.M)
    route_lines = re.findall(r"^    // (.*)$", starter.TEXT, re.M)
    text = f"{{ Providers: [{' '.join(provider_lines)}], Router: {{ {' '.join(route_lines)} }} }}"
    config = load_text(text, "config.json", {"OPENROUTER_API_KEY": "sk-x"})
    assert set(config.providers) == {"openrouter", "ollama"}
    assert set(config.table.scenarios) == {"default", "background", "think", "longContext"}


def test_an_existing_file_is_never_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only a missing file is written, and only then is anything said."""
    path = tmp_path / "config.json"
    starter.offer(path)
    assert path.read_text() == starter.TEXT and str(path) in capsys.readouterr().err
    path.write_text("mine")
    starter.offer(path)
    assert path.read_text() == "mine" and capsys.readouterr().err == ""
