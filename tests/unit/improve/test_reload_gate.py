"""The gate's process: started with its conditions, read, bounded in time, and ended for a newer edit."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from claude_code_router.config.home import Home
from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config
from claude_code_router.config.watch import Edits
from claude_code_router.improve.reload_gate import Overtaken, ReloadGate
from claude_code_router.improve.reload_ruling import Ruling

KEY = "sk-secret-123456"
SLEEPS = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
HAS_A_HELPER = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPS!r}])"


def config(model: str, **gate: Any) -> Config:
    text = {
        "Providers": [
            {"name": "p", "api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["a", "b"], "api_key": KEY}
        ],
        "Router": {"default": f"p,{model}"},
        "Tiers": {"light": "p,a", "heavy": "p,b"},
        "ReloadGate": {"failOn": ["heavy_share>0.4"], "minimum": 2, **gate},
    }
    return load_text(json.dumps(text), "config.json", {})


EDITED = config("b")


def answers(
    verdict: str, *, told: int = 5, records: int = 5, config_hash: str = EDITED.hash, exit_code: int = 0
) -> str:
    found = [{"condition": "heavy_share>0.4", "verdict": verdict, "value": 0.5}]
    answer = json.dumps(
        {"config_hash": config_hash, "records": records, "told": told, "conditions": found, "flips": []}
    )
    return f"import sys; print({answer!r}); sys.exit({exit_code})"


async def ruled(root: Path, script: str, edits: Edits | None = None, **gate: Any) -> Ruling:
    gatekeeper = ReloadGate(Home(root), {}, edits or Edits(), (sys.executable, "-c", script))
    waiting = gatekeeper.waits_for(config("a", **gate), EDITED)
    assert len(waiting) == 1
    return await gatekeeper.ruling(waiting, EDITED)


@pytest.mark.parametrize(
    ("script", "accepted", "judged", "said"),
    [
        (answers("ok"), True, True, "5 requests of the last 2d: heavy_share>0.4: it is 0.5"),
        (answers("failed", exit_code=3), False, True, "heavy_share>0.4: it is 0.5"),
        (answers("not known", exit_code=4), True, False, "the records do not tell heavy_share>0.4"),
        (
            answers("failed", told=1, records=1, exit_code=3),
            True,
            False,
            "1 request of the last 2d: it takes at least 2",
        ),
        (answers("ok", told=5, records=10), True, True, "5 of 10 requests of the last 2d: heavy_share>0.4: it is 0.5"),
        (answers("ok", told=5, records=11), True, False, "5 of 11 requests of the last 2d: the records do not tell"),
        (answers("failed", told=5, records=11, exit_code=3), False, True, "5 of 11 requests"),
        ("import sys; sys.exit('disk I/O error')", True, False, "failed (exit code 1): disk I/O error"),
        ("import sys; sys.exit('no entry for " + KEY + "')", True, False, "no entry for [redacted]"),
        ("print('{')", True, False, "cannot be read"),
        ("import os; os.kill(os.getpid(), 9)", True, False, "failed (exit code -9): it said nothing"),
    ],
)
async def test_answers(tmp_path: Path, script: str, accepted: bool, judged: bool, said: str) -> None:
    """A true condition refuses; a replay that breaks, or that is about the smaller part, refuses nothing, and says so."""
    ruling = await ruled(tmp_path, script)
    assert (ruling.accepted, ruling.judged) == (accepted, judged)
    assert said in ruling.said


async def test_what_cannot_run_refuses_where_the_owner_wants_it(tmp_path: Path) -> None:
    """With the reason."""
    ruling = await ruled(tmp_path, "import sys; sys.exit('disk I/O error')", notKnown="refuse")
    assert not ruling.accepted
    assert "disk I/O error" in ruling.said


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """Is a gate that cannot tell."""
    gatekeeper = ReloadGate(Home(tmp_path), {}, Edits(), (str(tmp_path / "nothing"),))
    ruling = await gatekeeper.ruling(gatekeeper.waits_for(config("a"), EDITED), EDITED)
    assert (ruling.accepted, ruling.judged) == (True, False)
    assert "could not be started" in ruling.said


async def test_its_time_is_over(tmp_path: Path) -> None:
    """Then its process is ended, and the gate cannot tell."""
    ruling = await ruled(tmp_path, SLEEPS, timeoutMs=1500)
    assert (ruling.accepted, ruling.judged) == (True, False)
    assert "longer than 1.5 s" in ruling.said
    assert not _lives(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("script", [SLEEPS, HAS_A_HELPER])
async def test_a_newer_edit_ends_it(tmp_path: Path, script: str) -> None:
    """At once: nobody needs its answer any more. A replay of many records has helpers, which hold its output open: they end
    with it."""
    edits = Edits()
    began = time.monotonic()
    with pytest.raises(ExceptionGroup) as ended:
        async with asyncio.TaskGroup() as group:
            group.create_task(ruled(tmp_path, script, edits))
            await _until((tmp_path / "pid").exists)
            await _until(lambda: (tmp_path / "pid").read_text() != "")
            await edits.noticed()
    assert ended.group_contains(Overtaken)
    assert time.monotonic() - began < 30
    pid = int((tmp_path / "pid").read_text())
    await _until(lambda: not _lives(pid))


async def test_whoever_waits_may_leave(tmp_path: Path) -> None:
    """The router that stops leaves no process behind."""
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(ruled(tmp_path, SLEEPS))
        await _until((tmp_path / "pid").exists)
        await _until(lambda: (tmp_path / "pid").read_text() != "")
        waiting.cancel()
    assert not _lives(int((tmp_path / "pid").read_text()))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such priorities")
async def test_it_is_modest(tmp_path: Path) -> None:
    """A low priority, the gate's own arguments, the file's path and the home; and nothing of our own environment."""
    script = (
        "import json, os, pathlib, sys, time\n"
        "while os.getpriority(os.PRIO_PROCESS, 0) < 10: time.sleep(0.01)\n"
        "pathlib.Path('seen').write_text(json.dumps([sys.argv[1:], dict(os.environ)]))\n" + answers("ok")
    )
    assert (await ruled(tmp_path, script)).judged
    arguments, environment = json.loads((tmp_path / "seen").read_text())
    assert arguments == [
        "--config", str(tmp_path / "config.json"), "--format", "json", "--since", "2d", "--fail-on", "heavy_share>0.4",
    ]  # fmt: skip
    assert environment["HOME"] == str(tmp_path.parent)
    assert "PATH" not in environment


async def test_another_state_of_the_file(tmp_path: Path) -> None:
    """What the replay has read is not what shall be taken in: a newer edit is about to be seen, or the gate cannot tell."""
    edits = Edits()
    with pytest.raises(ExceptionGroup) as ended:
        async with asyncio.TaskGroup() as group:
            group.create_task(ruled(tmp_path, answers("ok", config_hash="another"), edits))
            await asyncio.sleep(0.3)
            await edits.noticed()
    assert ended.group_contains(Overtaken)
    ruling = await ruled(tmp_path, answers("ok", config_hash="another"))
    assert (ruling.accepted, ruling.judged) == (True, False)
    assert "another state of the file" in ruling.said


def test_who_waits(tmp_path: Path) -> None:
    """No gate in force, or an edit by which nothing is decided otherwise: nobody. The edit's own gate does not count."""
    gatekeeper = ReloadGate(Home(tmp_path), {}, Edits())
    ungated = load_text('{"Providers": []}', "config.json", {})
    assert gatekeeper.waits_for(ungated, EDITED) == ()
    assert gatekeeper.waits_for(config("a"), config("a", minimum=3)) == ()
    [lane] = gatekeeper.waits_for(config("a"), config("b", failOn=["cost_usd>1"]))
    assert [one.text for one in lane.settings.conditions] == ["heavy_share>0.4"]


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)
