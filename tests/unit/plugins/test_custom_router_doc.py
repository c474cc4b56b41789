from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.plugins.conftest import BODY, Opened

DOC = Path(__file__).parents[3] / "docs" / "custom-router.md"
REVIEW = {**BODY, "messages": [{"role": "user", "content": [{"type": "text", "text": "please review this"}]}]}


def example(language: str) -> str:
    [text] = re.findall(rf"^```{language}\n(.*?)^```", DOC.read_text(), re.DOTALL | re.MULTILINE)
    return str(text)


@pytest.mark.parametrize(
    ("body", "tokens", "target"),
    [(BODY, 10, ""), (REVIEW, 10, "openrouter,anthropic/claude-opus-5-5"), (BODY, 200_000, "up,large")],
)
async def test_javascript_example(desk: Opened, body: dict[str, Any], tokens: int, target: str) -> None:
    """The documentation's example does what its lines say."""
    async with desk("example.js", example("js")) as d:
        said = await d.ask(body, tokens=tokens)
    assert (said.target, said.note) == (target, "")


@pytest.mark.parametrize(
    ("headers", "tokens", "target", "system"),
    [
        ({}, 10, "", None),
        ({"x-team": "research"}, 10, "openrouter/anthropic/claude-opus-5-5", None),
        ({}, 200_000, "up,large", "Answer briefly."),
    ],
)
async def test_python_example(
    desk: Opened, headers: dict[str, str], tokens: int, target: str, system: str | None
) -> None:
    """The documentation's example does what its lines say."""
    async with desk("example.py", example("python")) as d:
        said = await d.ask(headers=headers, tokens=tokens)
    assert (said.target, said.note) == (target, "")
    assert (json.loads(said.body)["system"] if said.body else None) == system
