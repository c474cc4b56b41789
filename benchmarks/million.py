"""A million plausible records, and what a command over them takes: seconds and peak memory.

    uv run python benchmarks/million.py -- report --since 14d
    uv run python benchmarks/million.py --rows 200000 --keep /tmp/records -- advise
    uv run python benchmarks/million.py --diverse --keep /tmp/diverse -- replay --config /tmp/diverse/tried.json

`--diverse` makes it hard: no two requests have equal facts, and half of them were decided by a config that nobody knows any
more (`diverse.py`).

The rows are those of the product's own `flatten`, varied in what figures are made of, and put into SQLite through its own
schema: two weeks of sessions in three namespaces and three tiers, with pairs and scores. The command runs as
`ccr` does, with its own home.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from claude_code_router.config.load import load_text
from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Choose, Decision, Pass
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.record import Outcome, Record
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.store.db import Database
from claude_code_router.store.location import sqlite_url
from claude_code_router.store.row import flatten
from diverse import RULES as DIVERSE_RULES
from diverse import TRIED, varied_facts

DAYS = 14
TIERS = {
    "light": Target("scripted", "light-1"),
    "mid": Target("scripted", "mid-1"),
    "heavy": Target("scripted", "heavy-1"),
}
PRICES = {"light-1": (1.0, 5.0), "mid-1": (3.0, 15.0), "heavy-1": (5.0, 25.0)}
"""USD per million tokens in and out; a tenth for what a cache gives, a quarter more for what it takes."""
SHARES = {"light": 0.45, "mid": 0.35, "heavy": 0.20}
NAMESPACES = ("", "reviews", "docs")
CATEGORIES = ("summary", "code_review", "design", "debugging", "")
RULES = {"light": "few tokens", "mid": "review words", "heavy": "hard words"}
USUAL_RULES = (
    {"name": "hard words", "when": {"says": ["architecture"]}, "use": "heavy"},
    {"name": "review words", "when": {"says": ["review"]}, "use": "mid"},
    {"name": "few tokens", "when": {"tokens": {"under": 30_000}}, "use": "light"},
)
BATCH = 5_000


def config(rules: Sequence[Mapping[str, Any]] = ()) -> str:
    """With these rules in place of the usual ones."""
    price = {
        model: {"input": p, "output": o, "cache_read": p / 10, "cache_write": p * 1.25}
        for model, (p, o) in PRICES.items()
    }
    provider = {
        "name": "scripted",
        "api_base_url": "http://127.0.0.1:1/v1/messages",
        "models": list(PRICES),
        "price": price,
    }
    return json.dumps(
        {
            "Providers": [provider],
            "Router": {"default": "scripted,mid-1"},
            "Tiers": {tier: str(target) for tier, target in TIERS.items()},
            "Rules": rules or USUAL_RULES,
            "Namespaces": {name: {} for name in NAMESPACES if name},
        }
    )


@functools.cache
def config_hash(text: str) -> str:
    """As a router with this config would have written it: a replay knows by it what the rules listened for."""
    return load_text(text, "config.json", {}).hash


def cost_usd(model: str, usage: Usage) -> float:
    price, out = PRICES[model]
    paid = usage.input_tokens + usage.cache_read_tokens / 10 + usage.cache_write_tokens * 1.25
    return (paid * price + usage.output_tokens * out) / 1e6


def record(number: int, at: float, session: str, tier: str, dice: random.Random, usage: Usage) -> Record:
    target, route = TIERS[tier], Route((TIERS[tier], TIERS["heavy"]))
    failed = dice.random() < 0.02
    broken = failed and dice.random() < 0.4
    first_ms = dice.lognormvariate(0, 0.5) * {"light": 400, "mid": 900, "heavy": 1800}[tier]
    total_ms = first_ms + usage.output_tokens * {"light": 5.5, "mid": 12, "heavy": 20}[tier]
    failure = Failure(kind=FailureKind.OVERLOADED, fault="upstream", message="Overloaded", status=529)
    answered = Attempt(
        target=target,
        started_ms=1.0,
        first_event_ms=None if broken else first_ms,
        ended_ms=total_ms,
        status=529 if broken else 200,
        failure=failure if broken else None,
        usage=None if broken else usage,
        stop_reason="" if broken else "end_turn",
        upstream_model=target.model,
    )
    first = (
        (Attempt(target=route.targets[1], started_ms=0.5, ended_ms=0.9, status=529, failure=failure),) if failed else ()
    )
    chosen = Choose(RULES[tier], route, f"it fits the tier {tier}: {usage.prompt_tokens} tokens", "default")
    verdicts = (
        Pass("explicit", "the model asked for names no provider"),
        Pass("subagent_tag", "there is no <CCR-SUBAGENT-MODEL> tag in the system prompt"),
        chosen,
        Pass("image", "no image in the last user message"),
        Pass("web_search", "no server-run web search is offered"),
        Choose("default", Route((TIERS["mid"],)), "nothing else applied", "default"),
    )
    signals = Signals(
        model="claude-sonnet-5-5",
        stream=True,
        tokens=usage.prompt_tokens,
        body_bytes=usage.prompt_tokens * 4,
        turns=1 + number % 30,
        tools=("Bash", "Read", "Edit", "Grep", "Glob", "Write", "WebFetch", "Task", "TodoWrite"),
        session=session,
        namespace=NAMESPACES[number % 3],
        category=dice.choice(CATEGORIES),
        user_agent="claude-cli/2.1.330",
        prompt_hash=f"{dice.getrandbits(64):016x}",
        project=f"/home/me/project-{number % 12}",
        words=dice.randrange(100),
    )
    return Record(
        id="",
        at=at,
        path="/v1/messages",
        outcome=Outcome.EXHAUSTED if broken else Outcome.DELIVERED,
        status=529 if broken else 200,
        tier=tier,
        signals=signals,
        decision=Decision(
            route=route,
            rule=RULES[tier],
            scenario="default",
            because=chosen.because,
            verdicts=verdicts,
            config_hash=config_hash(config()),
        ),
        attempts=(*first, answered),
        first_event_ms=None if broken else first_ms,
        total_ms=total_ms,
        error="Overloaded" if broken else "",
        estimate_raw=float(usage.prompt_tokens),
    )


def patterns(dice: random.Random, count: int = 600) -> list[dict[str, tuple[dict[str, Any], ...]]]:
    """Rows to be varied."""
    made = []
    for number in range(count):
        tier = dice.choices(list(SHARES), list(SHARES.values()))[0]
        prefix = dice.randrange(5_000, 80_000)
        new = dice.randrange(300, 4_000)
        usage = Usage(
            input_tokens=dice.randrange(5, 400),
            cache_read_tokens=0 if dice.random() < 0.15 else prefix,
            cache_write_tokens=new,
            output_tokens=dice.randrange(20, 900),
        )
        rows = flatten(record(number, 0.0, "", tier, dice, usage), lambda a: cost_usd(a.target.model, a.usage), 0.0)  # type: ignore[arg-type]
        made.append({name: tuple(dict(row) for row in table) for name, table in rows.tables.items()})
    return made


def fill(file: Path, rows: int, *, seed: int = 1, now: float | None = None, diverse: bool = False) -> None:
    """`rows` requests that end at `now`."""
    Database(sqlite_url(file)).close()
    dice = random.Random(seed)
    some = patterns(dice)
    start, step = (now or time.time()) - DAYS * 86_400, DAYS * 86_400 / rows
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    batch: dict[str, list[dict[str, Any]]] = {}
    for number in range(rows):
        for table, row in _varied(some[dice.randrange(len(some))], number, start + number * step, dice):
            if diverse and table == "requests":
                row.update(varied_facts(row, number, dice, config_hash(config(DIVERSE_RULES))))
            batch.setdefault(table, []).append(row)
        if number % BATCH == BATCH - 1:
            _insert(connection, batch)
    _insert(connection, batch)
    connection.execute("COMMIT")
    connection.close()


def _varied(
    pattern: dict[str, tuple[dict[str, Any], ...]], number: int, at: float, dice: random.Random
) -> Iterator[tuple[str, dict[str, Any]]]:
    id = f"req_{number:024x}"
    factor = 0.7 + 0.6 * dice.random()
    [request] = pattern["requests"]
    cost = request["cost_usd"]
    session = f"s{number // 400 * 8 + dice.randrange(8)}"
    signals = f'{request["signals"][:-1]},"session":"{session}"}}'
    changed = {"id": id, "at": at, "written_at": at + 5, "session": session, "signals": signals}
    changed["total_ms"] = request["total_ms"] * factor
    if request["first_event_ms"] is not None:
        changed["first_event_ms"] = request["first_event_ms"] * factor
    yield "requests", {**request, **changed}
    for attempt in pattern["attempts"]:
        yield "attempts", {**attempt, "request_id": id}
    if number % 50 == 0 and cost is not None:
        yield "pairs", _pair(id, at, request, dice)
    if number % 20 == 0:
        value = round(min(1.0, max(0.0, dice.gauss(0.8, 0.2))), 2)
        score = Score(
            id=f"s{number}", request_id=id, at=at, by="model", judge="scripted,judge", epoch="e1", value=value
        )
        yield "scores", dict(flatten(score, lambda _: None, at).tables["scores"][0])
    if number % 2_000 == 0:
        score = Score(id=f"p{number}", request_id=id, at=at, by="person", judge="me", value=float(dice.random() < 0.8))
        yield "scores", dict(flatten(score, lambda _: None, at).tables["scores"][0])


def _pair(id: str, at: float, request: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    tier = request["tier"]
    other = {"light": "mid", "mid": dice.choice(("light", "heavy")), "heavy": "mid"}[tier]
    good = {"light": 0.7, "mid": 0.82, "heavy": 0.9}
    pair = Pair(
        request_id=id,
        other_id=f"{id}_other",
        at=at,
        probability=0.02,
        namespace=request["namespace"],
        category=request["category"],
        rule=request["rule"],
        served_tier=tier,
        other_tier=other,
        served_target=str(TIERS[tier]),
        other_target=str(TIERS[other]),
        served_value=0.9 if dice.random() < good[tier] else 0.3,
        other_value=0.9 if dice.random() < good[other] else 0.3,
        judge="scripted,judge",
        epoch="e1",
        served_cost_usd=request["cost_usd"],
        other_cost_usd=request["cost_usd"] * PRICES[TIERS[other].model][0] / PRICES[TIERS[tier].model][0],
    )
    return dict(flatten(pair, lambda _: None, at).tables["pairs"][0])


def _insert(connection: sqlite3.Connection, batch: dict[str, list[dict[str, Any]]]) -> None:
    for table, rows in batch.items():
        if not rows:
            continue
        columns = list(rows[0])
        places = ", ".join("?" * len(columns))
        connection.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})",
            [tuple(row[name] for name in columns) for row in rows],
        )
        rows.clear()


def measure(home: Path, arguments: list[str]) -> int:
    """Runs `ccr <arguments>` and prints what it took, beside its own output; memory is that of all its processes together."""
    command = [sys.executable, "-m", "claude_code_router.cli", *arguments]
    began, peak = time.perf_counter(), 0
    running = subprocess.Popen(command, env={**os.environ, "HOME": str(home)})
    while running.poll() is None:
        peak = max(peak, _resident_bytes(running.pid))
        time.sleep(0.05)
    took_s = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime
    print(
        f"ccr {' '.join(arguments)}: {took_s:.1f} s, {cpu_s:.1f} s of CPU, {peak / 1e6:.0f} MB at its peak, "
        f"exit code {running.returncode}",
        file=sys.stderr,
    )
    return running.returncode


def _resident_bytes(pid: int) -> int:
    found = 0
    with contextlib.suppress(psutil.Error):  # it ends while one looks
        first = psutil.Process(pid)
        for process in (first, *first.children(recursive=True)):
            found += process.memory_info().rss
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="a folder that is used again, and stays; else a temporary one")
    parser.add_argument("--diverse", action="store_true", help="no two requests have equal facts")
    parser.add_argument("command", nargs="+", help="what stands after `ccr`; put -- before it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = asked.keep or Path(temporary)
        file = home / ".claude-code-router" / "records.sqlite"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            (file.parent / "config.json").write_text(config(DIVERSE_RULES if asked.diverse else ()))
            (home / "tried.json").write_text(config(TRIED))
            began = time.perf_counter()
            fill(file, asked.rows, diverse=asked.diverse)
            print(
                f"{asked.rows} records in {time.perf_counter() - began:.0f} s, {file.stat().st_size / 1e6:.0f} MB",
                file=sys.stderr,
            )
        return measure(home, asked.command)


if __name__ == "__main__":
    sys.exit(main())
