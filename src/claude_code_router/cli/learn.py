"""`ccr learn`."""

from __future__ import annotations

import gzip
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from claude_code_router.cli.records import moment
from claude_code_router.cli.terminal import say
from claude_code_router.config.categories import shipped_model
from claude_code_router.config.home import Home
from claude_code_router.config.learned_file import FittedOn, LearnedFile, write
from claude_code_router.config.load import load
from claude_code_router.core.errors import BadRequest, ConfigError, RouterError
from claude_code_router.improve import rows as logged
from claude_code_router.improve.gate import Learning, learn
from claude_code_router.improve.learning import Example, prepared
from claude_code_router.improve.recorded import examples_from, models_of, moved
from claude_code_router.routing.categories import label
from claude_code_router.routing.learned import VERSION, Method

EXIT_REFUSED = 3
"""What was learnt did not pass its checks; the file says what stands in for it."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to learn from."""

    name: str
    examples: list[Example]
    method: Method
    light: str
    heavy: str
    models: Mapping[str, tuple[str, ...]]
    judges: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What was left out, in sentences."""


def command(
    logs: Annotated[
        str, typer.Option("--logs", help="JSONL of outcomes (.gz too; - for stdin); the records when not said.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="The model file to write; `score` and the router read it.")
    ] = None,
    tiers: Annotated[str, typer.Option("--tiers", help="The two tiers, the weaker first: light,heavy.")] = "",
    since: Annotated[str, typer.Option("--since", help="Records from here on: 30d, or an ISO date or time.")] = "",
    namespace: Annotated[str | None, typer.Option("--namespace", help="Records of this namespace only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Learn from outcomes which prompts need the stronger model, and check it.

    A row is {"prompt", "tier", "model", "quality": 0 to 1, "cost": dollars}: how good that one tier's answer was. Exit code 0
    when what was learnt is switched on, 3 when it did not pass its checks (the model file then holds what stands in for it:
    the table of task types, or prompt size), 1 when something is wrong with the rows.
    """
    home = Home()
    if logs and (since or namespace is not None):
        raise typer.BadParameter("--since and --namespace choose among the records; with --logs the file is all.")
    source = _of_file(logs, tiers, home) if logs else _of_records(home, tiers, since, namespace)
    began = time.perf_counter()
    learning = learn(prepared(source.examples, source.method), source.light, source.heavy)
    took_s = time.perf_counter() - began
    path = out or home.learned
    try:
        write(path, _file(source, learning))
    except OSError as error:
        raise RouterError(f"{path} cannot be written: {error.strerror}.") from None
    say(_as_json(learning, path) if as_json else "\n".join(_as_lines(learning, source.notes, took_s, path)))
    if not learning.switched_on:
        raise typer.Exit(EXIT_REFUSED)


def _file(source: Source, learning: Learning) -> LearnedFile:
    rows = {source.light: 0, source.heavy: 0}
    for one in source.examples:
        rows[source.heavy if one.outcome.heavy else source.light] += 1
    return LearnedFile(
        version=VERSION,
        made_at=datetime.now().astimezone().isoformat(timespec="seconds"),
        epoch=logged.epoch_of(source.models, source.judges),
        switched_on=learning.switched_on,
        instead=learning.instead,
        fitted_on=FittedOn(source=source.name, rows=rows, models=source.models),
        checks=learning.checks,
        model=learning.model,
    )


def _of_file(logs: str, tiers: str, home: Home) -> Source:
    read = logged.read_rows(_lines(logs), logs)
    light, heavy = _pair(tiers, read.rows, home)
    category = shipped_model()
    examples = logged.examples_of(read.rows, light, heavy, lambda prompt: label(prompt, category).category)
    others = len(read.rows) - len(examples)
    notes = (
        f"{read.unjudged:,} rows without a quality were left out" if read.unjudged else "",
        f"{others:,} rows of other tiers than {light} and {heavy} were left out" if others else "",
    )
    return Source(
        name=logs,
        examples=examples,
        method="words",
        light=light,
        heavy=heavy,
        models=logged.models_by_tier(row for row in read.rows if row.tier in (light, heavy)),
        notes=tuple(filter(None, notes)),
    )


def _of_records(home: Home, tiers: str, since: str, namespace: str | None) -> Source:
    from claude_code_router.cli.judged_turns import judged_turns  # loads the database's library

    found = judged_turns(home, namespace, moment(since, time.time()))
    rows = [logged.LoggedRow(prompt="", tier=one.tier, quality=one.quality, cost=one.cost_usd) for one in found.turns]
    light, heavy = _pair(tiers, tuple(rows), home)
    kept = [one for one in found.turns if one.tier in (light, heavy)]
    left_out = (
        (found.other_models, "answers of models that their tier has no more"),
        (found.other_epochs, "judgements of a judge, or a wording of it, that judges no more"),
        (found.without_text, "turns whose words were not kept"),
    )
    notes = [f"{count:,} {what} were left out" for count, what in left_out if count]
    drifted = moved(kept)
    notes += [str(one) for one in drifted]
    if found.method == "facts":
        notes.append(
            "most turns' words were not kept (RECORD_BODIES): learnt from what every record has, kind and size"
        )
    return Source(
        name="records",
        examples=examples_from(kept, light, heavy, [one.tier for one in drifted]),
        method=found.method,
        light=light,
        heavy=heavy,
        models=models_of(kept),
        judges=tuple(sorted({one.epoch for one in kept if one.judged_by == "model"})),
        notes=tuple(notes),
    )


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


def _as_lines(learning: Learning, notes: Sequence[str], took_s: float, path: Path) -> Iterator[str]:
    model = learning.model
    for check in learning.checks:
        yield f"{'✓' if check.passed else '✗'} {check.said} (wanted: {check.wanted})"
    yield from (f"  {note}" for note in notes)
    yield ""
    if learning.switched_on:
        what = "what every record has tells" if model.method == "facts" else "a prompt's words tell"
        yield f"Switched on: {what} when {model.heavy} pays."
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
