"""The README tells the truth: its commands exist, its config loads, its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from claude_code_router.cli.main import COMMANDS
from claude_code_router.config.load import load_text

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_two_commands_come_first_and_exist() -> None:
    """The first commands named should be the main job and the tests, through a script that is there and knows them."""
    first = [line.split("#")[0].split() for line in blocks("sh")[0].splitlines()]
    assert first == [["./dev", "ccr", "demo"], ["./dev", "test"]]
    script = ROOT / "dev"
    assert os.access(script, os.X_OK)
    usage = subprocess.run([script, "help"], capture_output=True, text=True, check=True).stdout
    assert {"ccr", "test", "check"} <= {line.split()[0] for line in usage.splitlines() if line.startswith("  ")}
    assert "demo" in COMMANDS


def test_the_script_refuses_what_it_does_not_know() -> None:
    """An unknown word should be an error with the usage, not a silent success."""
    done = subprocess.run([ROOT / "dev", "dance"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Usage" in done.stderr


def test_every_command_is_in_the_table() -> None:
    """The table of commands should name what `ccr help` names, no more and no less."""
    table = README.split("## Commands")[1].split("## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `ccr")]
    named = {word.removeprefix("ccr ") for cell in cells for word in re.findall(r"`([^`]+)`", cell)}
    assert named == set(COMMANDS)


def test_the_config_loads(tmp_path: Path) -> None:
    """The example should load without a problem or a warning, and route as the text says."""
    config = load_text(blocks("json")[0], str(tmp_path / "config.json"), {"MY_ANTHROPIC_KEY": "k"})
    assert config.warnings == ()
    assert {name: provider.dialect for name, provider in config.providers.items()} == {
        "anthropic": "anthropic",
        "ollama": "openai_chat",
    }
    assert str(config.table.scenarios["background"]) == "ollama,qwen3-coder"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link should name a file that exists."""
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
