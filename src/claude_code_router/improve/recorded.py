"""The owner's own records as examples to learn from. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from claude_code_router.core.signals import Signals
from claude_code_router.improve.apgr import Outcome
from claude_code_router.improve.learning import Example
from claude_code_router.improve.recency import Drift, Judged, drifts, weight
from claude_code_router.routing.learned import Method, Turn, facts_of, task_of

_TRUSTED = {"person": 2, "caller": 1, "model": 0}
LEAST_TEXT = 0.5
"""From this part of the turns on that have their words, the words are learnt from; else what every record has."""


class JudgedTurn(msgspec.Struct, frozen=True, kw_only=True):
    """One judgement of one answer."""

    request_id: str
    at: float
    tier: str
    target: str
    quality: float
    judged_by: str
    epoch: str
    cost_usd: float | None
    signals: Signals
    text: str | None
    """What the person said; None where no body was kept."""


class Gathered(msgspec.Struct, frozen=True):
    turns: tuple[JudgedTurn, ...]
    """One for each turn and tier."""
    method: Method
    other_models: int
    """Left out: answers of a model that its tier has no more."""
    other_epochs: int
    """Left out: judged by a judge, or a prompt of it, that judges no more."""
    without_text: int
    """Left out: their words were not kept, and those of most were."""


def gathered(rows: Iterable[JudgedTurn]) -> Gathered:
    """Judgements and models of different epochs are never pooled: the newest of each stays."""
    every = sorted(rows, key=lambda one: (one.at, one.request_id, one.tier))
    epoch = next((one.epoch for one in reversed(every) if one.judged_by == "model"), "")
    judged = [one for one in every if one.judged_by != "model" or one.epoch == epoch]
    target = {one.tier: one.target for one in judged}
    current = [one for one in judged if one.target == target[one.tier]]
    best: dict[tuple[str, str], JudgedTurn] = {}
    for one in current:
        known = best.get((one.request_id, one.tier))
        if known is None or _TRUSTED[one.judged_by] >= _TRUSTED[known.judged_by]:
            best[one.request_id, one.tier] = one
    turns = list(best.values())
    spoken = [one for one in turns if one.text]
    words = len(spoken) >= LEAST_TEXT * len(turns)
    return Gathered(
        turns=tuple(spoken if words else turns),
        method="words" if words else "facts",
        other_models=len(judged) - len(current),
        other_epochs=len(every) - len(judged),
        without_text=len(turns) - len(spoken) if words else 0,
    )


def moved(turns: Iterable[JudgedTurn]) -> tuple[Drift, ...]:
    """The tiers whose answers are not what they were."""
    return drifts([Judged(at=one.at, tier=one.tier, kind=_task(one), quality=one.quality) for one in turns])


def _task(one: JudgedTurn) -> str:
    return task_of(one.signals.words, one.signals.category)


def examples_from(turns: Sequence[JudgedTurn], light: str, heavy: str, fading: Collection[str] = ()) -> list[Example]:
    """Turns of equal words never part; without words each is its own. `fading`: tiers of which old answers count less."""
    newest = max((one.at for one in turns), default=0.0)
    counts = [weight(one.at, newest) if one.tier in fading else 1.0 for one in turns]
    return [
        Example(
            key=one.signals.prompt_hash or one.request_id,
            turn=Turn(
                text=one.text or "",
                task=_task(one),
                facts=facts_of(one.signals),
            ),
            outcome=Outcome(heavy=one.tier == heavy, quality=one.quality, cost_usd=one.cost_usd, weight=much),
            counts=much,
        )
        for one, much in zip(turns, counts, strict=True)
        if one.tier in (light, heavy)
    ]


def models_of(turns: Iterable[JudgedTurn]) -> Mapping[str, tuple[str, ...]]:
    return {one.tier: (one.target,) for one in sorted(turns, key=lambda one: one.tier)}
