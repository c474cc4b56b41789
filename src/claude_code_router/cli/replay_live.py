"""`ccr replay --live N`: of the requests that go elsewhere, some are answered anew by both targets and judged blind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence

import msgspec
import typer

from claude_code_router.cli.improving import Study
from claude_code_router.cli.samples import sample
from claude_code_router.cli.terminal import complain
from claude_code_router.cli.upgrade_text import estimate_lines, trial_line
from claude_code_router.config.home import Home
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.record import Purpose
from claude_code_router.core.target import Target
from claude_code_router.improve import trials
from claude_code_router.improve.kept import inbound_of
from claude_code_router.improve.shift import Shift, shifted
from claude_code_router.improve.trials import Sample, Trial
from claude_code_router.quality.settings import JudgeSettings
from claude_code_router.store import period as records
from claude_code_router.store.db import Database


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """What the models said themselves. `old` and `new` are the targets before and after, which differ from request to
    request."""

    trials: tuple[Trial, ...]
    score: Shift | None
    won: int
    lost: int
    even: int
    failed_only_new: int
    spent_usd: float


def samples_of(database: Database, drawn: Sequence[tuple[str, str, str]]) -> list[Sample]:
    """Those whose body was kept."""
    bodies = records.bodies(database, [id for id, _, _ in drawn])
    found: list[Sample] = []
    for id, was, now in drawn:
        if id in bodies:
            path, body = bodies[id]
            old, new = Target(*was.split(",", 1)), Target(*now.split(",", 1))
            with contextlib.suppress(BadRequest):
                found.append(sample(id, inbound_of(body, path, id=id), old, new))
    return found


def run(home: Home, tried: Study, samples: Sequence[Sample], budget_usd: float, *, yes: bool) -> Live | None:
    """None when nothing was sent."""
    if not samples:
        complain(
            'no body of a request that goes elsewhere was kept ("RECORD_BODIES": true keeps them): nothing was sent.'
        )
        return None
    quality = tried.config.settings.quality
    judge = msgspec.structs.replace(quality.judge, a_day_usd=None) if quality and quality.judge else None
    chosen = trials.within(samples, judge, tried.rates_of, budget_usd)
    complain("\n".join(estimate_lines(trials.estimate(chosen, judge, tried.rates_of), len(samples), judge)))
    if not chosen or not (yes or typer.confirm("Spend it?", default=False, err=True)):
        complain("nothing was sent.")
        return None
    done: list[Trial] = []

    def tell(trial: Trial) -> None:
        done.append(trial)
        sys.stderr.write(f"{len(done)} of {len(chosen)}  {trial_line(trial)}\n")

    with contextlib.suppress(KeyboardInterrupt):  # what was done is kept
        asyncio.run(_asked(home, tried, chosen, judge, budget_usd, tell))
    return summed(done)


async def _asked(
    home: Home,
    tried: Study,
    samples: Sequence[Sample],
    judge: JudgeSettings | None,
    budget_usd: float,
    tell: Callable[[Trial], None],
) -> None:
    from claude_code_router.assemble import workshop

    async with workshop(home, tried.config, os.environ) as bench:
        await trials.run(samples, bench, judge, Purpose.REPLAY, budget_usd, tell)


def summed(done: Sequence[Trial]) -> Live:
    scored = [(t.old.value, t.new.value) for t in done if t.old.value is not None and t.new.value is not None]
    return Live(
        trials=tuple(done),
        score=shifted(scored),
        won=sum(1 for trial in done if trial.preferred == "new"),
        lost=sum(1 for trial in done if trial.preferred == "old"),
        even=sum(1 for trial in done if trial.preferred == "tie"),
        failed_only_new=sum(1 for trial in done if trial.new.failed and not trial.old.failed),
        spent_usd=sum((t.old.cost_usd or 0.0) + (t.new.cost_usd or 0.0) + t.judge_cost_usd for t in done),
    )


def as_lines(live: Live) -> Iterator[str]:
    yield ""
    yield f"live: {len(live.trials)} requests that go elsewhere, answered anew by both targets (${live.spent_usd:.4f} spent)"
    if live.score is not None:
        moved = live.score.difference
        yield f"  scores after less before {moved.value:+.3f} [{moved.low:+.3f}, {moved.high:+.3f}], p = {live.score.p:.3f}"
    else:
        yield "  scores: insufficient (fewer than two were judged)"
    yield f"  compared blind, in both orders: after better {live.won}, before better {live.lost}, even {live.even}"
    if live.failed_only_new:
        yield f"  {live.failed_only_new} fail at the new target only"
