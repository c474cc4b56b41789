"""`ccr replay` and `ccr advise` as a first-time user and as an old hand call them, on real files."""

from __future__ import annotations

import importlib.util
import io
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from claude_code_router.cli.main import run
from claude_code_router.config.home import Home
from claude_code_router.config.load import load
from claude_code_router.core.record import Outcome, Record
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.signals import Signals
from claude_code_router.routing.engine import decide
from claude_code_router.store.db import Database
from claude_code_router.store.location import sqlite_url
from claude_code_router.store.row import flatten

Call = Callable[..., tuple[int, str, str]]
FILE = Path(__file__).parents[3] / "benchmarks" / "advice.py"
COMMENTED = """{
  // where they live
  "Providers": [{"name": "p", "api_base_url": "https://x.com/v1/messages",
                 "api_key": "sk-very-secret-key", "models": ["light", "heavy"]}],
  "Router": {"default": "p,light"},
  "Tiers": {"light": "p,light", "heavy": "p,heavy"},
  "Stickiness": false,
  "Rules": [
    // long ones are hard
    {"name": "long", "when": {"words": {"over": 2000}}, "use": "heavy"},
    {"name": "never", "when": {"says": "xyzzy"}, "use": "heavy"}
  ]
}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HOME", str(tmp_path))
    return Home()


@pytest.fixture
def call(home: Home, capsys: pytest.CaptureFixture[str]) -> Call:
    def called(*arguments: str) -> tuple[int, str, str]:
        try:
            code: int | str | None = run(arguments)
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return (code if isinstance(code, int) else 0), said.out, said.err

    return called


def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_advice", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(FILE.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FILE.parent))
    return module


def configured(home: Home) -> None:
    home.root.mkdir(parents=True)
    home.config.write_text(COMMENTED)


def filled(home: Home, requests: int) -> None:
    """The world of the benchmark as a router would have recorded it, pairs included."""
    world = bench()
    config = load(home.config, {})
    pairs, rows = world.world(3, 2_000, requests, 0.1)
    database = Database(sqlite_url(home.records))
    entries: list[Record | Pair] = []
    for pair in pairs:
        words = msgspec.json.decode(rows[pair.request_id][5])["words"]
        signals = Signals(model="m", tokens=2_000, words=words, session=f"s{len(entries) // 20}")
        entries.append(pair)
        entries.append(
            Record(
                id=pair.request_id,
                at=pair.at,
                path="/v1/messages",
                outcome=Outcome.DELIVERED,
                status=200,
                signals=signals,
                decision=decide(signals, config.table),
            )
        )
    database.insert([flatten(entry, lambda _: None, 1.0) for entry in entries])
    database.close()


@pytest.mark.parametrize("command", ["replay", "advise"])
@pytest.mark.parametrize("form", ["terminal", "json"])
def test_nothing_there_yet(call: Call, command: str, form: str) -> None:
    """No config, no records: a sentence, no traceback, and nothing is made."""
    code, out, err = call(command, "--format", form)
    assert code == 0
    assert "There are no records yet" in err
    assert out.strip()
    if form == "json":
        json.loads(out)


def test_one_record(call: Call, home: Home) -> None:
    """Is enough for a replay, and too little for advice."""
    configured(home)
    filled(home, 10)
    assert "requests from" in call("replay", "--since", "all")[1]
    code, out, _ = call("advise", "--since", "all")
    assert code == 0
    assert "insufficient" in out
    assert "rules that decided none" in out


def test_a_config_that_is_not_there(call: Call, home: Home) -> None:
    """Is a slip of the pen, not the careful default."""
    configured(home)
    code, _, err = call("replay", "--config", str(home.root / "nwe.json"))
    assert code == 1
    assert "There is no config at" in err


def test_advice_and_its_application(call: Call, home: Home) -> None:
    """The threshold that is far too high is moved down; the diff shows it without a secret; comments and a backup stay."""
    configured(home)
    filled(home, 12_000)
    code, out, _ = call("advise", "--since", "all", "--task-value-usd", "0.06", "--apply", "--yes")
    assert code == 0
    assert "the rule long: words over from 2,000 to" in out
    assert "never" in out
    assert "sk-very-secret-key" not in out
    text = home.config.read_text()
    assert "// long ones are hard" in text
    assert '"over": 2000' not in text
    [backup] = home.root.glob("config.json.*.bak")
    assert backup.read_text() == COMMENTED
    found: dict[str, Any] = json.loads(
        call("advise", "--since", "all", "--task-value-usd", "0.06", "--format", "json")[1]
    )
    assert not any("words over" in one["change"] for one in found["advised"]["advice"])


def by_lot(home: Home, requests: int) -> None:
    """A fifth of the sessions goes to heavy by lot, which is good 95 times of 100, light 60 times; half of the answers are
    judged, and a tenth is answered by the other tier too."""
    trial = COMMENTED.replace('"use": "heavy"},\n    {"name": "never"', '"use": {"heavy": 20}},\n    {"name": "never"')
    home.root.mkdir(parents=True)
    home.config.write_text(trial.replace("2000", "20"))
    config, dice = load(home.config, {}), random.Random(4)
    entries: list[Record | Pair | Score] = []
    for number in range(requests):
        id, at = f"r{number}", float(number)
        made = decide(signals := Signals(model="m", tokens=5000, words=90, session=f"s{number // 2}"), config.table)
        good = {"light": dice.random() < 0.6, "heavy": dice.random() < 0.95}
        served = made.route.first.model
        other = "light" if served == "heavy" else "heavy"
        record = Record(
            id=id, at=at, path="/v1/messages", outcome=Outcome.DELIVERED, status=200, signals=signals, decision=made
        )
        entries.append(record)
        if number % 10 == 0:
            entries.append(
                Pair(
                    request_id=id, other_id=f"o{number}", at=at, probability=0.1, served_tier=served, other_tier=other,
                    served_target=f"p,{served}", other_target=f"p,{other}", served_value=float(good[served]),
                    other_value=float(good[other]), epoch="e", served_cost_usd=0.01, other_cost_usd=0.01,
                )
            )  # fmt: skip
        if number % 2 == 0:
            entries.append(
                Score(
                    id=f"c{number}", request_id=id, at=at, by="model", judge="p,light", epoch="e",
                    value=float(good[served]), probability=0.5,
                )
            )  # fmt: skip
    database = Database(sqlite_url(home.records))
    database.insert([flatten(entry, lambda _: None, 1.0) for entry in entries])
    database.close()


def test_served_answers_speak_where_lots_were_drawn(call: Call, home: Home, tmp_path: Path) -> None:
    """A replay and advice have a second opinion then, and say whose it is; not where what changes was never left to a lot."""
    by_lot(home, 1200)
    new = tmp_path / "new.json"
    new.write_text(COMMENTED.replace("2000", "20"))
    out = call("replay", "--config", str(new), "--since", "all")[1]
    assert "good answers, from 600 judged ones that clients got, of which 600 were sent by lot" in out
    found = json.loads(call("replay", "--config", str(new), "--since", "all", "--format", "json")[1])["lots"]
    for name in ("doubly_robust", "snips"):
        assert found[name]["low"] <= 0.28 <= found[name]["high"]
        assert found[name]["low"] > 0.1
    new.write_text(COMMENTED.replace("2000", "20").replace('"use": "heavy"},\n', '"use": "p,light"},\n'))
    assert (
        json.loads(call("replay", "--config", str(new), "--since", "all", "--format", "json")[1])["lots"]["snips"][
            "high"
        ]
        < 0
    )
    assert "by lots" not in call("replay", "--since", "all")[1]
    advice = call("advise", "--since", "all")[1]
    assert "doubly robust from" in advice


def test_the_owner_may_say_no(call: Call, home: Home) -> None:
    """Or nothing at all: then nothing is written."""
    configured(home)
    filled(home, 12_000)
    real = sys.stdin
    for answer in ("n\n", ""):
        sys.stdin = io.StringIO(answer)
        try:
            call("advise", "--since", "all", "--apply")
        finally:
            sys.stdin = real
        assert home.config.read_text() == COMMENTED
