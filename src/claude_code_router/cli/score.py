"""`ccr score`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from claude_code_router.cli.terminal import complain
from claude_code_router.config.categories import shipped_model
from claude_code_router.config.home import Home
from claude_code_router.config.learned_file import read
from claude_code_router.config.load import load
from claude_code_router.core.errors import BadRequest, ConfigError
from claude_code_router.routing.categories import label
from claude_code_router.routing.learned import NOTHING_LEARNT, LearnedModel, Turn, score, task_type


class Question(msgspec.Struct, frozen=True):
    prompt: str
    id: msgspec.Raw = msgspec.Raw(b"null")
    category: str = ""


class Answer(msgspec.Struct, frozen=True):
    id: msgspec.Raw
    score: float
    """From 0 to 1; the higher, the more the stronger tier is needed. Above a half: it is worth its price."""
    tier: str


def command(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="JSONL of prompts; stdin when not said.")] = "-",
    model: Annotated[Path | None, typer.Option("--model", help="What `ccr learn` wrote, when it is elsewhere.")] = None,
    share: Annotated[
        float | None, typer.Option("--share", min=0, max=1, help="About this share to the stronger tier, from 0 to 1.")
    ] = None,
) -> None:
    """Score prompts by how much they need the stronger model.

    Reads {"id", "prompt"} lines and writes {"id", "score", "tier"} lines as they come. Without a model file, or with one whose
    checks did not pass, what stands in for it is used, and stderr says so.
    """
    learned = _model(model)
    if learned is None:
        light, heavy = _configured()
        learned = msgspec.structs.replace(NOTHING_LEARNT, light=light, heavy=heavy)
    if share is not None and not learned.quantiles:
        raise BadRequest("--share needs a model file: without one nobody knows how gains are spread.", hint="ccr learn")
    limit = learned.threshold if share is None else learned.threshold_for(share)
    out = sys.stdout
    for answer in _answers(file, learned, limit):
        out.write(answer + "\n")
        out.flush()


def _model(path: Path | None) -> LearnedModel | None:
    """Raises BadRequest when the file that was asked for cannot be read; there need be none."""
    where = path or Home().learned
    if path is None and not where.exists():
        complain("nothing was learnt yet (`ccr learn`): prompts are scored by their size.")
        return None
    file = read(where)
    if not file.switched_on:
        complain(f"{where} was not switched on by its checks: {file.instead}.")
    return file.model


def _configured() -> tuple[str, str]:
    try:
        tiers = tuple(load(Home().config, os.environ).table.tiers)
    except ConfigError:
        tiers = ()
    return (tiers[0], tiers[-1]) if len(tiers) > 1 else ("light", "heavy")


def _answers(file: str, model: LearnedModel, limit: float) -> Iterator[str]:
    categories = shipped_model() if model.method == "table" else None
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        try:
            asked = msgspec.json.decode(line, type=Question)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            where = "stdin" if file == "-" else file
            raise BadRequest(f"{where}, line {number}: {error}.", hint='A line is {"id": …, "prompt": …}.') from None
        task = ""
        if categories is not None:
            task = task_type(asked.prompt, asked.category or label(asked.prompt, categories).category)
        found = score(Turn(text=asked.prompt, task=task), model, limit)
        tier = model.heavy if found > 0.5 else model.light
        yield msgspec.json.encode(Answer(asked.id, round(found, 9), tier)).decode()


def _lines(file: str) -> Iterator[bytes]:
    if file == "-":
        yield from sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as lines:
            yield from lines
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}.") from None
