"""The benchmark's own arithmetic and its requests, apart from any measuring."""

from __future__ import annotations

import gzip
import importlib.util
import json
import math
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


def load(name: str) -> ModuleType:
    """The benchmarks are scripts beside each other, not a package."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("size", [2_000, 100_000, 600_000])
def test_requests_are_of_their_size_and_always_the_same(size: int) -> None:
    """A body should have about the size asked for, Claude Code's key order, and the same bytes on every run."""
    bodies = load("bodies")
    body = bodies.request_body("anth,m", size)
    assert body == bodies.request_body("anth,m", size)
    assert size * 0.95 <= len(body) <= size * 1.25
    assert list(json.loads(body))[:4] == ["model", "messages", "system", "tools"]


def test_every_tool_call_has_its_result() -> None:
    """The history should be one that an API accepts: roles alternate and results answer the calls before them."""
    messages = json.loads(load("bodies").request_body("m", 100_000))["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * (len(messages) // 2) + ["user"]
    calls = [part["id"] for m in messages for part in m["content"] if part["type"] == "tool_use"]
    results = [part["tool_use_id"] for m in messages for part in m["content"] if part["type"] == "tool_result"]
    assert calls and calls == results


def test_verdicts() -> None:
    """A ratio within its limit is ok, beyond it a miss, added time is compared with added time, and what was not measured
    says so."""
    report = load("report")
    figures = {
        "cpu_ms/floor/relayed/100": 1.0,
        "cpu_ms/ours/relayed/100": 2.5,
        "age_p99_ms/direct/relayed": 1.0,
        "age_p99_ms/floor/relayed": 2.0,
        "age_p99_ms/ours/relayed": 3.5,
        "age_p99_ms/ours/translated": 0.5,
        "idle_mb/ours": 50.0,
    }
    found = {verdict.target: (verdict.found, verdict.word) for verdict in report.verdicts(figures)}
    assert found["CPU per relayed request, 100 kB, to the floor"] == (2.5, "MISS")
    assert found["added p99 per event, many relayed streams, to the floor"] == (2.5, "ok")
    assert found["added p99 per event, many translated streams, to the floor"] == (-0.5, "too noisy")
    assert found["idle memory"] == (50.0, "ok")
    ready, word = found["ready warm"]
    assert math.isnan(ready) and word == "not measured"
    assert "MISS" in report.tables(figures, report.verdicts(figures))


def test_every_pair_is_measured_and_shown() -> None:
    """The report and the run name the same pairs, and the table says what was not measured."""
    report = load("report")
    assert {f"CPU per event {pair}, to the floor" for pair in report.PAIRS} <= {
        one.target for one in report.verdicts({})
    }
    assert all(f"  {pair} " in report.tables({}, []) for pair in report.PAIRS)
    source = (FOLDER / "run.py").read_text()
    assert all(f'"{pair}": (' in source for pair in report.PAIRS)


def test_escalation_pays_where_it_ought_to() -> None:
    """The simulation should find what the closed forms say, at a size that a test can afford."""
    escalation = load("escalation")
    for world in escalation.WORLDS:
        lines, fine = escalation.play(world, 3_000, 1)
        assert fine, lines


def test_learning_is_measured_on_a_table(tmp_path: Path) -> None:
    """From a table of both models' outcomes: one a prompt to learn from, both to judge by, and a line that says it all."""
    learning, dice = load("learning"), random.Random(2)
    light, heavy = "mixtral-8x7b", "gpt-4-1106-preview"
    with gzip.open(tmp_path / "routellm_gsm8k.jsonl.gz", "wt") as table:
        for place in range(1500):
            hard = dice.random() < 0.3
            words = [f"w{dice.randrange(40)}" for _ in range(8)]
            quality = {light: float(not hard), heavy: 1.0}
            row = {"id": place, "prompt": " ".join([*words, *["prove"] * hard]), "quality": quality}
            table.write(json.dumps(row | {"cost": {light: 0.01, heavy: 0.1}}) + "\n")
    (pair,) = (one for one in learning.PAIRS if one.name == "GSM8K")
    found = learning.measured(pair, tmp_path, seed=1)
    assert (found.fitted, found.held_out) == (1000, 500)
    assert found.switched_on
    assert found.learned.value > 0.8
    assert found.saved.low <= found.saved.value <= found.saved.high
    assert found.kept > 0.9
    assert "| GSM8K | 1,000, 500 |" in "\n".join(learning.table([found]))
