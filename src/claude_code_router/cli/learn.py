"""`ccr learn`."""

from __future__ import annotations

import gzip
import os
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from claude_code_router.cli.terminal import say
from claude_code_router.config.categories import shipped_model
from claude_code_router.config.home import Home
from claude_code_router.config.learned_file import FittedOn, LearnedFile, write
from claude_code_router.config.load import load
from claude_code_router.core.errors import BadRequest, ConfigError, RouterError
from claude_code_router.improve import rows as logged
from claude_code_router.improve.gate import Learning, learn
from claude_code_router.improve.learning import prepared
from claude_code_router.routing.categories import label
from claude_code_router.routing.learned import VERSION

EXIT_REFUSED = 3
"""What was learnt did not pass its checks; the file says what stands in for it."""


def command(
    logs: Annotated[str, typer.Option("--logs", help="JSONL of outcomes (.gz too; - for stdin), a row a line.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The model file to write; `score` and the router read it.")
    ] = None,
    tiers: Annotated[str, typer.Option("--tiers", help="The two tiers, the weaker first: light,heavy.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Learn from outcomes which prompts need the stronger model, and check it.

    A row is {"prompt", "tier", "model", "quality": 0 to 1, "cost": dollars}: how good that one tier's answer was. Exit code 0
    when what was learnt is switched on, 3 when it did not pass its checks (the model file then holds what stands in for it:
    the table of task types, or prompt length), 1 when something is wrong with the rows.
    """
    home = Home()
    read = logged.read_rows(_lines(logs), logs)
    light, heavy = _pair(tiers, read.rows, home)
    category = shipped_model()
    examples = logged.examples_of(read.rows, light, heavy, lambda prompt: label(prompt, category).category)
    began = time.perf_counter()
    learning = learn(prepared(examples, "words"), light, heavy)
    took_s = time.perf_counter() - began
    models = logged.models_by_tier(row for row in read.rows if row.tier in (light, heavy))
    file = LearnedFile(
        version=VERSION,
        made_at=datetime.now().astimezone().isoformat(timespec="seconds"),
        epoch=logged.epoch_of(models),
        switched_on=learning.switched_on,
        instead=learning.instead,
        fitted_on=FittedOn(
            source=logs,
            rows={tier: sum(1 for one in examples if one.outcome.heavy is (tier == heavy)) for tier in (light, heavy)},
            models=models,
        ),
        checks=learning.checks,
        model=learning.model,
    )
    path = out or home.learned
    try:
        write(path, file)
    except OSError as error:
        raise RouterError(f"{path} cannot be written: {error.strerror}.") from None
    left_out = len(read.rows) - len(examples)
    say(_as_json(learning, path) if as_json else "\n".join(_as_lines(learning, read.unjudged, left_out, took_s, path)))
    if not learning.switched_on:
        raise typer.Exit(EXIT_REFUSED)


def _lines(logs: str) -> Iterator[bytes]:
    if logs == "-":
        yield from sys.stdin.buffer
        return
    path = Path(logs)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from file
    except (OSError, EOFError) as error:
        raise BadRequest(f"{logs} cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def _pair(tiers: str, rows: tuple[logged.LoggedRow, ...], home: Home) -> tuple[str, str]:
    if not tiers:
        return logged.two_tiers(rows, _configured(home))
    names = [name.strip() for name in tiers.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise typer.BadParameter("--tiers takes two names, the weaker first: light,heavy")
    return names[0], names[1]


def _configured(home: Home) -> tuple[str, ...]:
    try:
        return tuple(name.lower() for name in load(home.config, os.environ).table.tiers)
    except ConfigError:
        return ()


def _as_lines(learning: Learning, unjudged: int, left_out: int, took_s: float, path: Path) -> Iterator[str]:
    model = learning.model
    for check in learning.checks:
        yield f"{'✓' if check.passed else '✗'} {check.said} (wanted: {check.wanted})"
    if unjudged:
        yield f"  {unjudged:,} rows without a quality were left out"
    if left_out:
        yield f"  {left_out:,} rows of other tiers than {model.light} and {model.heavy} were left out"
    yield ""
    if learning.switched_on:
        yield f"Switched on: a prompt's words tell when {model.heavy} pays."
    else:
        failed = next(check for check in learning.checks if not check.passed)
        yield f"Not switched on: {failed.said}; wanted is {failed.wanted}."
        yield f"In its place: {learning.instead}."
    if learning.point is not None and learning.all_heavy is not None:
        yield _operating_point(learning)
    yield f"Written to {path} ({took_s:.1f} s)."


def _operating_point(learning: Learning) -> str:
    point, all_heavy, model = learning.point, learning.all_heavy, learning.model
    assert point is not None
    assert all_heavy is not None
    kept = f"{point.quality / all_heavy.quality:.0%} of its quality" if all_heavy.quality else "its quality"
    line = f"{point.heavy_share:.0%} of such prompts go to {model.heavy}"
    if point.cost_usd is not None and all_heavy.cost_usd:
        return f"{line}: {kept} for {point.cost_usd / all_heavy.cost_usd:.0%} of its cost (rows it had not seen)."
    return f"{line}: {kept} (rows it had not seen)."


def _as_json(learning: Learning, path: Path) -> str:
    return msgspec.json.encode(
        {
            "file": str(path),
            "switched_on": learning.switched_on,
            "method": learning.model.method,
            "instead": learning.instead,
            "light": learning.model.light,
            "heavy": learning.model.heavy,
            "threshold": learning.model.threshold,
            "checks": learning.checks,
            "apgr": learning.apgr,
            "point": learning.point,
            "all_heavy": learning.all_heavy,
        }
    ).decode()
