"""The pages under docs/ tell the truth: every piece of a config that they show can be put into one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from claude_code_router.config.json5_file import parse
from claude_code_router.config.load import load_text

DOCS = Path(__file__).parents[2] / "docs"
_NO_CONFIG = re.compile(r'"event":|^// settings\.json')
"""An alert as it is posted; an editor's settings."""
MODELS = {
    "p": ["light", "mid", "heavy"],
    "anthropic": ["claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5", "claude-opus-5-5", "claude-sonnet-5-5"],
    "openrouter": ["anthropic/claude-opus-5.5"],
    "deepseek": ["deepseek-chat"],
}
PROVIDERS = [
    {"name": name, "api_base_url": f"https://{name}.example/v1/messages", "api_key": f"key-of-{name}", "models": models}
    for name, models in MODELS.items()
]
ENV = {"CCR_ALERT_HOOK": "https://hook.example/x"}


def examples() -> list[Any]:
    found = []
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text()
        for block in re.finditer(r"^```json5?\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            if not _NO_CONFIG.search(block[1]):
                line = text[: block.start()].count("\n") + 1
                found.append(pytest.param(block[1], id=f"{page.name}:{line}"))
    return found


@pytest.mark.parametrize("text", examples())
def test_an_example_loads(text: str, tmp_path: Path) -> None:
    """Whole, or as the piece that it is, beside the providers that the pages speak of; without a warning."""
    (tmp_path / "custom-router.js").touch()
    text = text.replace("~/.claude-code-router", str(tmp_path))
    shown = text if text.lstrip().startswith("{") else f"{{{text}\n}}"
    piece = parse(shown, "example").data
    assert isinstance(piece, dict)
    whole: dict[str, Any] = {"Providers": [piece]} if "api_base_url" in piece else piece
    own = whole.setdefault("Providers", PROVIDERS)
    whole.setdefault("Router", {"default": f"{own[0]['name']},{own[0]['models'][0]}"})
    env = {name: f"value-of-{name}" for name in re.findall(r"\$\{?(\w+)", text)} | ENV
    config = load_text(json.dumps(whole), str(tmp_path / "config.json"), env)
    assert [str(one) for one in config.warnings if "nothing to do" not in str(one)] == []
