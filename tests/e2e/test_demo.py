"""`ccr demo` shows the whole main job without a key, a network or a config."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

EXPECTED = {
    "name the session": ("background", "scripted-chat,scripted-light"),
    "a plain turn": ("default", "scripted,scripted-mid"),
    "ultrathink": ("think", "scripted,scripted-heavy"),
    "effort raised": ("think", "scripted,scripted-heavy"),
    "a picture": ("image", "scripted-chat,scripted-mid"),
    "web search": ("webSearch", "scripted,scripted-mid"),
    "a subagent": ("subagentTag", "scripted-chat,scripted-light"),
    "a model by name": ("explicit", "scripted,scripted-light"),
    "a long session": ("longContext", "scripted-chat,scripted-mid"),
    "compaction": ("compaction", "scripted,scripted-mid"),
    "heavy is overloaded": ("think", "scripted-chat,scripted-mid"),
}


def demo(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(home), "HTTP_PROXY": "http://127.0.0.1:9", "COLUMNS": "80"}
    command = [sys.executable, "-m", "claude_code_router.cli", "demo", "--speed", "50", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)


def test_each_kind_of_request_takes_its_route(tmp_path: Path) -> None:
    """Every typical request should be delivered by the rule and target meant for it, cheaper than all on heavy."""
    done = demo(tmp_path, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert {one["title"]: (one["rule"], one["target"]) for one in said["requests"]} == EXPECTED
    assert all(one["delivered"] and one["why"] and one["cost_usd"] > 0 for one in said["requests"])
    assert [one["attempts"] for one in said["requests"]] == [1] * 10 + [3]  # heavy, heavy again, mid
    assert said["sums"]["cost_usd"] < said["sums"]["heavy_cost_usd"]
    assert list(tmp_path.iterdir()) == []


def test_it_fits_a_terminal(tmp_path: Path) -> None:
    """What is printed should name every request and the sums, in 80 columns."""
    done = demo(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert all(any(line.startswith(title) for line in lines) for title in (*EXPECTED, "routed", "everything on heavy"))
