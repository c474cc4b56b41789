"""`ccr learn` and `ccr score`: rows in, a model file, scores out."""

from __future__ import annotations

import gzip
import json
import random
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from claude_code_router.cli.main import run
from claude_code_router.config.learned_file import read
from claude_code_router.routing.learned import BUCKETS

WORDS = [f"word{place}" for place in range(60)]


def rows_of(seed: int, count: int, *, learnable: bool = True) -> list[dict[str, Any]]:
    dice = random.Random(seed)
    rows = []
    for _ in range(count):
        said = dice.sample(WORDS, 8)
        hard = said[0] < "word3" if learnable else dice.random() < 0.5
        heavy = dice.random() < 0.5
        quality = float(dice.random() < (0.9 if heavy or not hard else 0.2))
        prompt = " ".join([*said, *["prove it"] * (hard and learnable)])
        rows.append(
            {"prompt": prompt, "tier": "heavy" if heavy else "light", "model": "m", "quality": quality, "cost": 0.1}
        )
    return rows


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def ccr(*arguments: str) -> int:
    try:
        return run(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0


def asked(home: Path, prompts: list[str], *options: str) -> int:
    rows: list[dict[str, Any]] = [{"id": place, "prompt": prompt} for place, prompt in enumerate(prompts)]
    return ccr("score", written(home / "asked.jsonl", rows), *options)


def test_from_rows_to_scores(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is learnt is written for its owner alone, and `score` finds it: who needs the strong tier gets it."""
    assert ccr("learn", "--logs", written(home / "rows.jsonl", rows_of(1, 1200))) == 0
    said = capsys.readouterr().out
    assert said.count("✓") == 4
    assert "Switched on" in said
    file = home / ".claude-code-router" / "learned.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {path.name for path in file.parent.iterdir()} == {"learned.json"}
    kept = read(file)
    assert kept.switched_on
    assert dict(kept.fitted_on.models) == {"heavy": ("m",), "light": ("m",)}
    assert sum(kept.fitted_on.rows.values()) == 1200
    assert asked(home, [" ".join([*WORDS[40:48], "prove it"]), " ".join(WORDS[40:48])]) == 0
    out, err = capsys.readouterr()
    hard, easy = map(json.loads, out.splitlines())
    assert err == ""
    assert (hard["id"], hard["tier"], easy["tier"]) == (0, "heavy", "light")
    assert hard.keys() == {"id", "score", "tier"}
    assert hard["score"] > easy["score"]


def test_a_share_of_ones_own(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many as were asked for, nobody, or all."""
    ccr("learn", "--logs", written(home / "rows.jsonl", rows_of(1, 1200)), "--out", str(home / "own.json"))
    capsys.readouterr()
    prompts = [row["prompt"] for row in rows_of(2, 200)]
    shares = []
    for options in (["--share", "0.3"], ["--share", "0"], ["--share", "1"]):
        asked(home, prompts, "--model", str(home / "own.json"), *options)
        tiers = [json.loads(line)["tier"] for line in capsys.readouterr().out.splitlines()]
        shares.append(tiers.count("heavy") / len(tiers))
    assert shares[0] == pytest.approx(0.3, abs=0.15)
    assert shares[1] < 0.05
    assert shares[2] > 0.95


def test_refusal_is_said_and_told_by_the_exit_code(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Code 3, why, and what stands in; `score` says it again, and answers all the same."""
    assert ccr("learn", "--logs", written(home / "rows.jsonl", rows_of(3, 900, learnable=False))) == 3
    said = capsys.readouterr().out
    assert "Not switched on: on rows it had not seen its APGR is" in said
    assert "In its place:" in said
    assert asked(home, ["one", "two words"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "not switched on" in err


def test_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same for scripts; from a compressed file."""
    path = home / "rows.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows_of(3, 300))).encode()))
    assert ccr("learn", "--logs", str(path), "--json") == 3
    found = json.loads(capsys.readouterr().out)
    assert found["switched_on"] is False
    assert [check["name"] for check in found["checks"] if not check["passed"]] == ["rows"]


def test_nothing_learnt_yet(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By size, with a word on stderr, and with the owner's tiers."""
    directory = home / ".claude-code-router"
    directory.mkdir()
    provider = {"name": "p", "api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["a", "b"]}
    config = {"Providers": [provider], "Router": {"default": "p,a"}, "Tiers": {"small": "p,a", "big": "p,b"}}
    (directory / "config.json").write_text(json.dumps(config))
    assert asked(home, ["a few words", "You said half of it. " * 100]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["tier"] for line in out.splitlines()] == ["small", "big"]
    assert "nothing was learnt yet" in err


def test_answers_come_line_by_line(home: Path) -> None:
    """Each answer is out before the next question is asked, and ids come back as they were."""
    command = [sys.executable, "-m", "claude_code_router.cli", "score"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        for line, id in ((b'{"id": {"a": 1}, "prompt": "one"}\n', {"a": 1}), (b'\n{"prompt": "two"}\n', None)):
            running.stdin.write(line)
            running.stdin.flush()
            assert json.loads(running.stdout.readline())["id"] == id
        running.stdin.close()
    assert running.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("learn", "--logs", "gone.jsonl"), "gone.jsonl cannot be read"),
        (("score", "gone.jsonl"), "gone.jsonl cannot be read"),
        (("score", "--model", "gone.json"), "gone.json cannot be read"),
    ],
)
def test_missing_files(home: Path, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Code 1, and the file's name."""
    assert ccr(*arguments) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 99}, "of version 99"),
        ({"model": 1}, "not what `ccr learn` writes"),
        ({"words": "AAAA"}, f"not {BUCKETS} weights"),
    ],
)
def test_damaged_model_files(home: Path, change: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Named, never half used."""
    file = home / "own.json"
    ccr("learn", "--logs", written(home / "rows.jsonl", rows_of(1, 900)), "--out", str(file))
    kept = json.loads(file.read_text())
    if "words" in change:
        kept["model"]["words"]["light"]["weights"] = change["words"]
    else:
        kept |= change
    file.write_text(json.dumps(kept))
    capsys.readouterr()
    assert asked(home, ["x"], "--model", str(file)) == 1
    assert said in capsys.readouterr().err


def test_tiers_are_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of three, in the order that was said; the third tier's rows are left out, and counted."""
    rows = rows_of(1, 1200)
    for row in rows[:100]:
        row["tier"] = "mid"
    path = written(home / "rows.jsonl", rows)
    assert ccr("learn", "--logs", path, "--tiers", "light") == 2
    assert ccr("learn", "--logs", path, "--tiers", "light,heavy") == 0
    assert "100 rows of other tiers than light and heavy were left out" in capsys.readouterr().out
