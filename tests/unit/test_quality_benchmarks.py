"""The world of known quality, and the million records, in small."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from claude_code_router.store.db import Database
from claude_code_router.store.kpis import Span, pairs_in, scored, traffic
from claude_code_router.store.location import sqlite_url

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def load() -> Iterator[None]:
    """The benchmarks are scripts beside each other, which import each other by name."""
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))


def _loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.usefixtures("load")
def test_the_worlds_answers_have_the_chances_that_it_names() -> None:
    world_file = _loaded("quality_world")
    world = world_file.World(1)
    cells: dict[str, Counter[int]] = {task: Counter() for task in world_file.TASKS}
    for number in range(6_000):
        prompt = world.prompt(number)
        light, heavy = world.good(prompt, "light"), world.good(prompt, "heavy")
        cells[world_file.task_of(prompt)][(2 if light else 0) + (1 if heavy else 0)] += 1
    for task, counts in cells.items():
        expected = world_file.chances(task, "light", "heavy")
        assert sum(expected) == pytest.approx(1)
        for cell, chance in enumerate(expected):
            assert counts[cell] / counts.total() == pytest.approx(chance, abs=0.05)


@pytest.mark.usefixtures("load")
def test_the_worlds_judge_errs_as_often_as_it_says_and_always_on_the_same() -> None:
    world_file = _loaded("quality_world")
    world = world_file.World(2, sensitivity=0.8, specificity=0.9)
    prompts = [world.prompt(number) for number in range(3_000)]
    good = [prompt for prompt in prompts if world.good(prompt, "light")]
    bad = [prompt for prompt in prompts if not world.good(prompt, "light")]
    assert sum(world.judged(prompt, "light") for prompt in good) / len(good) == pytest.approx(0.9, abs=0.03)
    assert sum(not world.judged(prompt, "light") for prompt in bad) / len(bad) == pytest.approx(0.8, abs=0.04)
    again = world_file.World(2, sensitivity=0.8, specificity=0.9)
    assert [again.judged(prompt, "light") for prompt in prompts] == [
        world.judged(prompt, "light") for prompt in prompts
    ]


@pytest.mark.usefixtures("load")
def test_one_run_of_the_simulation_gives_every_rate() -> None:
    simulation = _loaded("misses")
    truth = simulation.truth()
    assert truth["light-bad"] == pytest.approx(truth["under-routed"] + truth["both bad"])


@pytest.mark.usefixtures("load")
def test_plausible_records_are_what_the_report_reads(tmp_path: Path) -> None:
    million = _loaded("million")
    file = tmp_path / "records.sqlite"
    million.fill(file, 1_000, now=2_000_000.0)
    database = Database(sqlite_url(file))
    span = Span(since=0.0, until=2_000_000.0)
    found = (
        sum(1 for _ in traffic(database, span)),
        len(pairs_in(database, span)),
        sum(one.n for one in scored(database, span)),
    )
    database.close()
    assert found[0] == 1_000
    assert 15 <= found[1] <= 20
    assert found[2] == 50
