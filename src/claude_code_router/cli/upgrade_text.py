"""An upgrade check as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from claude_code_router.cli.improving import usd
from claude_code_router.cli.records import aligned, dollars, seconds, tokens
from claude_code_router.config.places import Renamed
from claude_code_router.core.target import Target
from claude_code_router.improve.trials import Estimate, Side, Trial
from claude_code_router.improve.verdict import Verdict
from claude_code_router.quality.settings import JudgeSettings

_MARKS = {"no": "✗", "mind": "!", "good": " "}


def estimate_lines(estimate: Estimate, available: int, judge: JudgeSettings | None) -> Iterator[str]:
    yield f"{estimate.requests} of {available} requests, each answered by both."
    yield (
        f"It will cost about {usd(estimate.usd)}: the old model {usd(estimate.old_usd)}, the new one {usd(estimate.new_usd)}, "
        f"judging {usd(estimate.judge_usd)}."
    )
    if judge is None:
        yield "Nobody judges: set `Quality.judge`, or name one with --judge. Only formats, times and costs are compared."
    else:
        yield f"Judge: {judge.targets[0]}."
    if estimate.unpriced:
        yield f"The price of {', '.join(estimate.unpriced)} is not known and not in it."


def trial_line(trial: Trial) -> str:
    preferred = f", better: {trial.preferred}" if trial.preferred else ""
    return f"{trial.name}: old {_side(trial.old)}; new {_side(trial.new)}{preferred}"


def _side(side: Side) -> str:
    if side.failed:
        return f"failed ({side.failed})"
    value = f" {side.value:.2f}" if side.value is not None else ""
    faults = f", {len(side.faults)} faults" if side.faults else ""
    return f"{side.stop_reason or 'no end'}{value}, {_times(side)}{faults}"


def _times(side: Side) -> str:
    first = f"{seconds(side.first_token_ms)} to the first token, " if side.first_token_ms is not None else ""
    return f"{first}{seconds(side.duration_ms)}{' in all' if first else ''}"


def verdict_lines(
    pair: tuple[Target, Target], verdict: Verdict, done: Sequence[Trial], changes: Mapping[str, Any]
) -> Iterator[str]:
    old, new = pair
    spent = sum((t.old.cost_usd or 0.0) + (t.new.cost_usd or 0.0) + t.judge_cost_usd for t in done)
    yield ""
    yield f"{new} in place of {old}: {verdict.word.upper()}  ({verdict.trials} requests, {usd(spent)} spent)"
    yield from (f"{_MARKS[reason.weight]} {reason.text}" for reason in verdict.reasons)
    if verdict.word == "insufficient":
        yield "! too few requests to tell"
    yield ""
    yield from _table(verdict)
    yield ""
    if changes:
        yield "The change of the config (--apply writes it):"
        yield from (f"  {place}: {_change(value)}" for place, value in changes.items())
        yield "Its scores begin a new epoch: they are never pooled with the old model's."
    else:
        yield f"No rule of the config names {old}: there is nothing to change."


def _change(value: object) -> str:
    return f"becomes {value.key}" if isinstance(value, Renamed) else str(value)


def _table(verdict: Verdict) -> Iterator[str]:
    """Medians of the requests that both have answered, and the mean score."""
    old, new = verdict.old, verdict.new
    rows = [
        ("", "old", "new", "new to old"),
        ("first token", seconds(old.first_token_ms), seconds(new.first_token_ms), _times_as(verdict.first_token_ratio)),
        ("whole answer", seconds(old.duration_ms), seconds(new.duration_ms), _times_as(verdict.time_ratio)),
        ("prompt tokens", _tokens(old.prompt_tokens), _tokens(new.prompt_tokens), _times_as(verdict.prompt_ratio)),
        ("output tokens", _tokens(old.output_tokens), _tokens(new.output_tokens), _times_as(verdict.output_ratio)),
        ("cost", dollars(old.cost_usd), dollars(new.cost_usd), _times_as(verdict.cost_ratio)),
        ("score", _score(old.score), _score(new.score), ""),
    ]
    yield from aligned(rows, (False, True, True, True), (0, 0, 0, 0))


def _tokens(count: float | None) -> str:
    return tokens(None if count is None else round(count))


def _score(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:.2f}"


def _times_as(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"
