"""`ccr upgrade-check`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from claude_code_router.catalog.cards import card
from claude_code_router.cli import upgrade_text
from claude_code_router.cli.changing import apply
from claude_code_router.cli.records import moment
from claude_code_router.cli.samples import built_in, from_files, from_records
from claude_code_router.cli.terminal import complain, say
from claude_code_router.config import json5_file
from claude_code_router.config.home import Home
from claude_code_router.config.load import load
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.record import Purpose
from claude_code_router.core.target import Target
from claude_code_router.improve import trials
from claude_code_router.improve.swap import swapped
from claude_code_router.improve.trials import Sample, Trial
from claude_code_router.improve.verdict import Verdict, Word, judged
from claude_code_router.quality.settings import JudgeSettings
from claude_code_router.routing.selector import read_selector

EXIT: dict[Word, int] = {"go": 0, "do not": 3, "insufficient": 4, "go with changes": 5}


class Format(StrEnum):
    TERMINAL = "terminal"
    JSON = "json"


def command(
    old: Annotated[str, typer.Argument(help="The model in use: provider,model.")],
    new: Annotated[str, typer.Argument(help="The model that shall take its place.")],
    requests: Annotated[
        list[Path] | None, typer.Option("--requests", help="Request bodies of your own (JSON). Repeatable.")
    ] = None,
    since: Annotated[str, typer.Option(help="Kept bodies from here on: 7d, 28d, a date, `all`.")] = "28d",
    namespace: Annotated[str, typer.Option(help="One namespace's requests.")] = "",
    count: Annotated[int, typer.Option(help="So many requests at most.", min=1)] = 20,
    budget_usd: Annotated[float, typer.Option(help="What it may cost, by the estimate and in truth.", min=0.0)] = 1.0,
    judge: Annotated[str, typer.Option(help="Who judges, in place of `Quality.judge`: provider,model.")] = "",
    rejudge: Annotated[bool, typer.Option("--judge-changes", help="OLD and NEW are judges of replies.")] = False,
    dry: Annotated[bool, typer.Option("--dry", help="Only the estimate; nothing is sent.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Spend without asking.")] = False,
    apply_it: Annotated[
        bool, typer.Option("--apply", help="Afterwards show the change of the config, ask, write.")
    ] = False,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.TERMINAL,
) -> None:
    """Try a new model on the requests that an old one gets, before it takes its place.

    Both answer the same requests; the replies are checked and judged blind. An estimate comes first. Exit code 0: go,
    5: go with changes, 3: do not, 4: too few to tell, 1: an error.
    """
    home = Home()
    config = load(home.config, os.environ)
    pair = _target(old, config), _target(new, config)
    if rejudge:
        from claude_code_router.cli import upgrade_judge

        upgrade_judge.run(home, config, pair, since, count, budget_usd, dry=dry, yes=yes, apply_it=apply_it)
        return
    judge_settings = _judge(judge, config)
    start = None if since == "all" else moment(since, time.time())
    samples = _samples(home, config, pair, requests or [], start, namespace)
    chosen, estimate = asyncio.run(_estimated(home, config, samples[:count], judge_settings, budget_usd))
    complain_of = format is Format.JSON
    (complain if complain_of else say)("\n".join(upgrade_text.estimate_lines(estimate, len(samples), judge_settings)))
    if dry:
        return
    if not chosen:
        raise BadRequest(f"Not one request fits into ${budget_usd:g}.", hint="--budget-usd allows more.")
    if not yes and not typer.confirm("Spend it?", default=False, err=True):
        complain("nothing was sent.")
        return
    done = _tried(home, config, chosen, judge_settings, budget_usd)
    verdict = judged(done, card(pair[0].model), card(pair[1].model))
    _tell(home, pair, verdict, done, format)
    if apply_it and verdict.word != "do not":
        apply(home.config, _changes(home, pair), yes=yes)
    raise typer.Exit(EXIT[verdict.word])


def _tell(home: Home, pair: tuple[Target, Target], verdict: Verdict, done: Sequence[Trial], format: Format) -> None:
    changes = _changes(home, pair)
    if format is Format.JSON:
        found = {"verdict": verdict, "trials": done, "changes": changes}
        say(msgspec.json.encode(found).decode())
    else:
        say("\n".join(upgrade_text.verdict_lines(pair, verdict, done, changes)))


def _changes(home: Home, pair: tuple[Target, Target]) -> dict[str, Any]:
    if not home.config.exists():
        return {}
    data = json5_file.parse(home.config.read_text(encoding="utf-8"), str(home.config)).data
    return swapped(data, *pair) if isinstance(data, dict) else {}


def _target(text: str, config: Config) -> Target:
    found = read_selector(text, config.table.models)
    if isinstance(found, Target):
        return found
    names = ", ".join(config.table.models) or "none yet"
    raise BadRequest(
        f"{text!r} names no provider and model.", hint=f"Write provider,model. Configured providers: {names}."
    )


def _judge(named: str, config: Config) -> JudgeSettings | None:
    if named:
        return JudgeSettings(targets=(_target(named, config),))
    quality = config.settings.quality
    if quality is None or quality.judge is None:
        return None
    return msgspec.structs.replace(quality.judge, a_day_usd=None)  # this command has a budget of its own


def _samples(
    home: Home, config: Config, pair: tuple[Target, Target], files: Sequence[Path], since: float | None, namespace: str
) -> list[Sample]:
    if files:
        return from_files(files, *pair)
    kept = from_records(home, pair, since, namespace)
    if kept:
        return kept
    hint = "" if config.settings.record_bodies else ' Set "RECORD_BODIES": true to keep them, redacted, from now on.'
    complain(f"no bodies of your own requests are kept: the built-in ones are used, which say less.{hint}")
    return built_in(*pair)


async def _estimated(
    home: Home, config: Config, samples: Sequence[Sample], judge: JudgeSettings | None, budget_usd: float
) -> tuple[list[Sample], trials.Estimate]:
    from claude_code_router.assemble import Prices

    prices = Prices(home.cache)
    await prices.learn(config)
    chosen = trials.within(samples, judge, prices.rates_of, budget_usd)
    return chosen, trials.estimate(chosen, judge, prices.rates_of)


def _tried(
    home: Home, config: Config, samples: Sequence[Sample], judge: JudgeSettings | None, budget_usd: float
) -> list[Trial]:
    """Whoever stops it (Ctrl-C) keeps what was done."""
    done: list[Trial] = []

    def tell(trial: Trial) -> None:
        done.append(trial)
        sys.stderr.write(f"{len(done)} of {len(samples)}  {upgrade_text.trial_line(trial)}\n")

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(home, config, samples, judge, budget_usd, tell))
        return done
    complain(f"stopped: the verdict is about the {len(done)} that were done.")
    return done


async def _run(
    home: Home,
    config: Config,
    samples: Sequence[Sample],
    judge: JudgeSettings | None,
    budget_usd: float,
    tell: object,
) -> None:
    from claude_code_router.assemble import workshop

    assert callable(tell)
    async with workshop(home, config, os.environ) as bench:
        await trials.run(samples, bench, judge, Purpose.UPGRADE, budget_usd, tell)
