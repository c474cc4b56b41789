"""docs/quality.md says what the code does: its example loads, its tables and figures are those of the code."""

import inspect
import json
import re
from pathlib import Path

from claude_code_router.config.load import load_text
from claude_code_router.quality import backlog, checks, evidence, scorer
from claude_code_router.server import scores

DOC = (Path(__file__).parents[3] / "docs" / "quality.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return DOC.split(f"\n## {title}")[1].split("\n## ")[0]


def first_cells(text: str) -> set[str]:
    return {word for cell in re.findall(r"^\| (`[^|]*) \|", text, re.M) for word in re.findall(r"`(\w+)`", cell)}


def test_the_example_loads() -> None:
    """Beside a provider that has its models."""
    example = json.loads("{" + DOC.split("```json\n")[1].split("```")[0] + "}")
    models = [target.split(",")[1] for target in example["Tiers"].values()]
    provider = {"name": "anthropic", "api_base_url": "http://127.0.0.1:1/v1/messages", "models": models}
    config = load_text(json.dumps({"Providers": [provider], "Router": {}, **example}), "config.json", {})
    quality = config.settings.quality
    assert quality
    assert quality.judge
    assert (quality.shares.default, quality.pairs.up, quality.pairs.a_day_usd) == (0.05, 0.02, 2.0)


def test_every_check_is_told() -> None:
    """All but `failed`: what did not end well is not judged."""
    named = set(re.findall(r"(?:_good|_fault|Finding)\(\s*\"(\w+)\"", inspect.getsource(checks)))
    assert named - {"failed"} == first_cells(section("Checks"))


def test_the_figures() -> None:
    """Bounds and sizes."""
    assert f"{scorer.CAPACITY} replies and {scorer.CAPACITY_BYTES >> 20} MB" in DOC.replace("\n", " ")
    assert "fewer than 256 tokens" in DOC
    assert inspect.getsource(checks).count("_FEW_TOKENS = 256") == 1
    assert "last eight tool calls" in DOC
    assert inspect.getsource(evidence).count("_STEPS = 8") == 1
    assert "at most 500 characters" in DOC
    assert "at most two run at once" in DOC
    assert inspect.getsource(backlog).count("_WORKERS = 2") == 1


def test_the_fields_of_the_api() -> None:
    """Exactly those that are read."""
    known = set(scores.Given.__struct_fields__)
    assert first_cells(section("Scores from outside")) == known
    assert "at most 2,000 characters" in DOC
    assert "at most 100 characters" in DOC
    assert "beyond 64 kB" in DOC
