"""docs/lifecycle.md names what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from claude_code_router.cli.environment import CLEARED, NON_INTERACTIVE, client_changes
from claude_code_router.cli.service import Situation
from claude_code_router.config.settings import Config, Settings
from claude_code_router.core.target import Target
from claude_code_router.providers.provider import Provider
from claude_code_router.routing.table import RoutingTable

DOC = (Path(__file__).parents[3] / "docs" / "lifecycle.md").read_text(encoding="utf-8")
EVERYTHING = Config(
    settings=Settings(non_interactive=True),
    providers={"p": Provider(name="p", url="http://x")},
    table=RoutingTable(scenarios={"default": Target("p", "deepseek-chat")}),
    hash="h",
)


@pytest.mark.parametrize("name", [*CLEARED, *NON_INTERACTIVE, *client_changes(EVERYTHING, "http://x", {}).variables])
def test_each_variable_is_documented(name: str) -> None:
    """Nobody's environment is changed in silence."""
    assert f"`{name}`" in DOC


@pytest.mark.parametrize("found", Situation)
def test_each_situation_is_documented(found: Situation) -> None:
    """The words of `ccr status` are explained."""
    assert f"`{found}`" in DOC
