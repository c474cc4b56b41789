"""`ccr review`: a person's judgement of kept replies, by script and by key, and what it says about the judge."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.e2e.bodies import hello
from tests.e2e.house import House, house
from tests.e2e.test_scores import USAGE, config, prefers, world
from tests.e2e.wire import post

from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Upstream

COMMAND = (sys.executable, "-m", "claude_code_router.cli", "review", "--as", "anna")


async def review(it: House, keys: str, *more: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "HOME": str(it.home.root.parent)}
    return await asyncio.to_thread(
        subprocess.run, [*COMMAND, *more], input=keys, capture_output=True, text=True, env=env, timeout=30, check=False
    )


def turn(words: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": words}]


async def test_by_script(tmp_path: Path) -> None:
    """One line a key; scores of a person, the judge's opinion only afterwards, and how the judge stands."""
    async with Upstream(world()) as up, house(tmp_path, config(up.url, {"share": 1}, RECORD_BODIES=True)) as it:
        for n in range(3):
            await post(it.url, hello(messages=turn(f"Question {n}?"), system="HIDDEN"), {})
        await it.rows("select * from scores", count=3)
        done = await review(it, "g\nwhat\nb\ns\n")
        scores = await it.rows("select * from scores where judged_by = 'person' order by at", count=2)
        few = await review(it, "g\n", "-n", "1")
    assert done.returncode == 0, done.stderr
    assert [(score["judge"], score["value"], score["epoch"]) for score in scores] == [
        ("anna", 1.0, ""),
        ("anna", 0.0, ""),
    ]
    out = done.stdout
    assert out.count("--- what the person asked\nQuestion ") == 3
    assert out.count("--- the reply\nI am mid.") == 3
    assert out.index("0.80 by p,judge. fine") > out.index("[g] good")
    assert "'what' is none of" in out
    assert "=== 1 (of 200" in out
    assert "=== 2 (of 200" in out
    assert "2 reviewed now, 2 in all." in out
    assert "p,judge (epoch " in out
    assert "finds 0% of 1 bad replies" in out
    assert "lets 100% of 1 good ones pass" in out
    assert "HIDDEN" not in out
    assert few.stdout.count("--- the reply") == 1
    assert "1 reviewed now, 3 in all." in few.stdout


class ReviewedPair(NamedTuple):
    said: str
    first: str
    """The model whose reply was shown first."""
    values: dict[str, float]
    """What the person gave each model's reply."""


async def reviewed_pair(tmp_path: Path, keys: str) -> ReviewedPair:
    """A pair of "mid", served, and "big", reviewed with these keys."""
    async with (
        Upstream(world(prefers("I am big."))) as up,
        house(tmp_path, config(up.url, {"pairs": {"up": 1}}, RECORD_BODIES=True)) as it,
    ):
        served = (await post(it.url, hello(), {})).header("x-ccr-request-id")
        [pair] = await it.rows("select * from pairs", count=1)
        await it.record(pair["other_id"])
        said = (await review(it, keys)).stdout
        scores = await it.rows("select * from scores where judged_by = 'person'", count=2)
    first = "mid" if said.index("I am mid.") < said.index("I am big.") else "big"
    models = {served: "mid", pair["other_id"]: "big"}
    return ReviewedPair(said, first, {models[score["request_id"]]: score["value"] for score in scores})


async def test_a_pair_is_blind_and_one_key_judges_both(tmp_path: Path) -> None:
    """In random order, without names; which one was good is written for the right one."""
    done = await reviewed_pair(tmp_path, "1\n")
    assert done.values == {model: float(model == done.first) for model in ("mid", "big")}
    before = done.said.split("[1] only the first is good")[0]
    assert "a pair" in before
    for named in ("heavy", "p,mid", "0.9", "judge"):
        assert named not in before.replace("a judge's error", "")


async def test_which_of_two_good_replies_is_better(tmp_path: Path) -> None:
    """Stands in the order of the two scores, both good; and the judge that compared them is held against it."""
    done = await reviewed_pair(tmp_path, "4\n")
    assert done.values == {model: 0.99 if model == done.first else 1.0 for model in ("mid", "big")}
    right = int(done.first == "mid")
    assert f"side by side: right about {right} of 1 pairs of which people find one better" in done.said


async def test_without_bodies_there_is_nothing(tmp_path: Path) -> None:
    """It says what would keep them."""
    async with Upstream(world()) as up, house(tmp_path, config(up.url, {})) as it:
        await it.record(await post(it.url, hello(), {}))
        done = await review(it, "g\n", "--namespace", "")
    assert "`RECORD_BODIES` keeps them" in done.stdout


async def test_by_key(tmp_path: Path) -> None:
    """In a terminal one key is enough, and what a reply holds cannot steer the terminal."""
    evil = Script((Say("fine \x1b[2J\x1b]0;owned\x07 really"),), usage=USAGE)
    async with Upstream(evil) as up, house(tmp_path, config(up.url, {}, RECORD_BODIES=True)) as it:
        await it.record(await post(it.url, hello(), {}))
        ours, theirs = pty.openpty()
        env = {**os.environ, "HOME": str(tmp_path)}
        process = await asyncio.create_subprocess_exec(
            *COMMAND, stdin=theirs, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=env
        )
        assert process.stdout
        seen = b""
        async with asyncio.timeout(30):
            while b"[q] quit" not in seen:
                seen += await process.stdout.read(100)
            os.write(ours, b"xb")
            rest, errors = await process.communicate()
        os.close(ours)
        os.close(theirs)
        [score] = await it.rows("select * from scores where judged_by = 'person'", count=1)
    assert process.returncode == 0, errors
    assert score["value"] == 0.0
    assert b"\x1b" not in seen + rest
    assert b"1 reviewed now" in rest
