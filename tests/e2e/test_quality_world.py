"""From requests to a report: models of known quality behind real sockets, and what the router finds out about them."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.e2e.bodies import hello
from tests.e2e.house import House, house
from tests.e2e.wire import post

from claude_code_router.core.target import Target
from claude_code_router.improve.report.figures import Report
from claude_code_router.improve.report.gather import report
from claude_code_router.quality.misses import MissSettings, Rate
from claude_code_router.routing.declared import Tier
from claude_code_router.scripted.upstream import Upstream
from claude_code_router.store.db import Database
from claude_code_router.store.kpis import Span
from claude_code_router.store.location import sqlite_url

REQUESTS = 120
AT_ONCE = 6


def loaded(name: str) -> ModuleType:
    """The benchmarks are scripts beside each other, not a package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / "benchmarks" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def config(url: str, pairs: dict[str, float], judge: str) -> dict[str, Any]:
    provider = {
        "name": "p",
        "api_base_url": f"{url}/v1/messages",
        "models": ["scripted-light", "scripted-heavy", judge],
        "price": {
            "scripted-light": {"input": 1.0, "output": 5.0},
            "scripted-heavy": {"input": 5.0, "output": 25.0},
            "*": {"input": 1.0, "output": 5.0},
        },
    }
    return {
        "Providers": [provider],
        "Router": {"default": "p,scripted-light"},
        "Tiers": {"light": "p,scripted-light", "heavy": "p,scripted-heavy"},
        "Rules": [{"name": "hard words", "when": {"says": ["design", "debugging"]}, "use": "heavy"}],
        "Quality": {"judge": f"p,{judge}", "dailyBudgetUsd": 1000, "pairs": {**pairs, "dailyBudgetUsd": 1000}},
    }


async def asked(it: House, prompts: list[str]) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int, prompt: str) -> None:
        async with turns:
            body = hello(messages=[{"role": "user", "content": prompt}])
            answer = await post(it.url, body, {"x-claude-code-session-id": f"s{number}"})
            assert answer.status == 200

    await asyncio.gather(*(ask(number, prompt) for number, prompt in enumerate(prompts)))


async def paired(it: House, count: int) -> None:
    ends_at = time.monotonic() + 150
    while len(await it.rows("select 1 from pairs", count=0)) < count and time.monotonic() < ends_at:
        await asyncio.sleep(0.3)


def reported(it: House) -> Report:
    tiers = {name: Tier(name, rank, (Target("p", f"scripted-{name}"),)) for rank, name in enumerate(("light", "heavy"))}
    with contextlib.closing(Database(sqlite_url(it.home.records))) as database:
        span = Span(since=time.time() - 3600, until=time.time() + 60)
        return report(database, span, tiers=tiers, rates_of=lambda _: None, settings=MissSettings())


def holds(rate: Rate, truth: float) -> bool:
    assert rate.estimate is not None, rate.insufficient
    return rate.estimate.low <= truth <= rate.estimate.high


@pytest.mark.timeout(240)
@pytest.mark.parametrize("direction", ["up", "down"])
async def test_the_report_finds_what_is_true_of_the_models(tmp_path: Path, direction: str) -> None:
    """Every request of one tier is paired, so that nothing is left to chance: the report's rates are those of the answers that
    were given, and its intervals hold what the models' chances come to."""
    quality = loaded("quality_world")
    world = quality.World(3)
    prompts = [world.prompt(number) for number in range(REQUESTS)]
    heavy = [prompt for prompt in prompts if quality.task_of(prompt) in ("design", "debugging")]
    light = [prompt for prompt in prompts if prompt not in heavy]
    routed = light if direction == "up" else heavy
    pairs = {"up": 1.0, "down": 0.0} if direction == "up" else {"up": 0.0, "down": 1.0}
    async with Upstream(world.answer) as up, house(tmp_path, config(up.url, pairs, quality.JUDGE)) as it:
        await asked(it, prompts)
        await paired(it, len(routed))
        await it.rows("select 1 from requests where purpose = 'client'", count=REQUESTS)
        found = await asyncio.to_thread(reported, it)
    under, over = found.misses.all.under, found.misses.all.over
    assert (found.requests, found.misses.unread) == (REQUESTS, 0)
    tasks = [quality.task_of(prompt) for prompt in routed]
    cells = [quality.chances(task, "light", "heavy") for task in tasks]
    if direction == "up":
        missed = [not world.good(prompt, "light") and world.good(prompt, "heavy") for prompt in routed]
        assert (under.n, over.n) == (len(light), 0)
        assert holds(under, sum(cell[1] for cell in cells) / len(cells))
    else:
        missed = [world.good(prompt, "light") for prompt in routed]
        assert (under.n, over.n) == (0, len(heavy))
        assert holds(over, sum(cell[2] + cell[3] for cell in cells) / len(cells))
    rate = under if direction == "up" else over
    assert rate.estimate is not None
    assert rate.estimate.value == pytest.approx(sum(missed) / len(missed))
    assert all(one.kind == ("under-routed" if direction == "up" else "over-routed") for one in found.examples)
    assert {one.rule for one in found.examples} <= {"hard words", "default"}
    assert {one.purpose for one in found.own} == {"shadow", "score"}
