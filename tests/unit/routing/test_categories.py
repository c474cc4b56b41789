from __future__ import annotations

import importlib.util
import sys
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.signals import Signals
from claude_code_router.routing.categories import CATEGORIES, HOUSEKEEPING, CategoryModel, Labels, label, read_model

ROOT = Path(__file__).parents[3]
MODEL = read_model((files("claude_code_router.routing") / "category_model.json").read_bytes())


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("categories_benchmark", ROOT / "benchmarks" / "categories.py")
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_current(bench: ModuleType) -> None:
    """docs/categories.md has the figures of the model that ships."""
    page = (ROOT / "docs" / "categories.md").read_text(encoding="utf-8")
    scores = bench.measure(bench.asked(MODEL, bench.turns(bench.HELD_OUT)))
    for score in scores:
        assert f"| {score.category} | {score.turns} | {score.precision:.2f} | {score.recall:.2f} |" in page
    precision, recall = bench.macro(scores)
    assert f"| {precision:.2f} | {recall:.2f} |" in page
    assert f"{len(MODEL.weights):,} features" in page


def test_model_is_current(bench: ModuleType) -> None:
    """Training is reproducible, and has not seen what it is measured on."""
    assert bench.train(bench.training()) == MODEL
    seen = {turn.text.casefold() for turn in bench.training()}
    assert not [turn.text for turn in bench.turns(bench.HELD_OUT) if turn.text.casefold() in seen]


def test_enough_turns(bench: ModuleType) -> None:
    """It is measured on hundreds of turns, of every category alike."""
    unseen = bench.turns(bench.HELD_OUT)
    counts = {name: sum(1 for turn in unseen if turn.category == name) for name in CATEGORIES if name != HOUSEKEEPING}
    assert len(unseen) >= 250
    assert sum(counts.values()) == len(unseen)
    assert min(counts.values()) >= 15


def test_good_enough(bench: ModuleType) -> None:
    """Four of five labels are right, and three of five turns get theirs, in the mean over the categories."""
    precision, recall = bench.macro(bench.measure(bench.asked(MODEL, bench.turns(bench.HELD_OUT))))
    assert precision >= 0.8
    assert recall >= 0.6


@given(st.text(max_size=3000))
def test_any_text(text: str) -> None:
    """Any text has one of the labels or none, and the same each time."""
    found = label(text, MODEL)
    assert found.category in ("", *CATEGORIES)
    assert label(text, MODEL) == found


@pytest.mark.parametrize("kind", ["title", "compaction", "suggestion", "web_fetch", "classifier"])
def test_errands(kind: str) -> None:
    """The client's own errands are housekeeping, whatever the words are."""
    signals = Signals(model="m", kind=kind, last_user_text="Fix the bug in main.py", prompt_hash="1")  # type: ignore[arg-type]
    assert Labels(MODEL).of(signals) == HOUSEKEEPING


def test_once_a_turn() -> None:
    """The steps of a tool loop have the label of the turn that began it, without asking the model again."""
    labels = Labels(MODEL)
    asked = Signals(model="m", last_user_text="Refactor utils.py into smaller functions", prompt_hash="1")
    assert labels.of(asked) == "refactor"
    step = Signals(model="m", kind="tool_result", last_user_text="something else", prompt_hash="1")
    assert labels.of(step) == "refactor"
    assert labels.of(Signals(model="m", kind="tool_result")) == ""


def test_memory_is_bounded() -> None:
    """Old turns are forgotten, not collected."""
    labels = Labels(CategoryModel(("debug",), {}))
    for turn in range(3000):
        labels.of(Signals(model="m", last_user_text="x", prompt_hash=str(turn)))
    assert len(labels._known) <= 1024


@pytest.mark.parametrize(
    "text", ["is this " * 400, "turn " * 500, "a" * 5000, "{" * 3000, "sort put group extract " * 200]
)
def test_odd_texts(text: str) -> None:
    """Repetitions do not make it slow: this test would not end."""
    for _ in range(50):
        label(text, MODEL)
