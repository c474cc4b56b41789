"""Rows of outcomes, `{prompt, tier, model, quality, cost}`, as examples to learn from. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from claude_code_router.core.errors import BadRequest
from claude_code_router.improve.apgr import Outcome
from claude_code_router.improve.learning import Example
from claude_code_router.routing.learned import Turn, task_type

_STRENGTH = (
    "nano",
    "tiny",
    "light",
    "weak",
    "small",
    "cheap",
    "low",
    "mid",
    "medium",
    "heavy",
    "strong",
    "large",
    "high",
)
"""Names that people give tiers, from weak to strong; the owner's `Tiers` come before them."""


class LoggedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file. Other keys are ignored."""

    prompt: str
    tier: str
    quality: float | bool | None = None
    """From 0 to 1; null: nobody has judged it, and the row is left out."""
    model: str = ""
    cost: float | None = None
    """US dollars."""
    category: str = ""
    """The kind of task, if you have a name for it; else our own label."""
    propensity: float | None = None
    """The probability with which this tier was the one to answer, if it was drawn by lot."""


class Logged(msgspec.Struct, frozen=True):
    rows: tuple[LoggedRow, ...]
    unjudged: int


def read_rows(lines: Iterable[bytes], source: str) -> Logged:
    """Raises BadRequest with the first line that is wrong."""
    decoder = msgspec.json.Decoder(LoggedRow)
    found: list[LoggedRow] = []
    unjudged = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _wrong(source, number, str(error)) from None
        if row.quality is None:
            unjudged += 1
            continue
        if not 0 <= row.quality <= 1:
            raise _wrong(source, number, f"quality {row.quality}: it must be from 0 to 1")
        if row.propensity is not None and not 0 < row.propensity <= 1:
            raise _wrong(source, number, f"propensity {row.propensity}: it must be above 0, and at most 1")
        found.append(row)
    return Logged(tuple(found), unjudged)


def _wrong(source: str, number: int, problem: str) -> BadRequest:
    hint = 'A line is {"prompt": …, "tier": "light", "model": …, "quality": 0 to 1, "cost": dollars}.'
    return BadRequest(f"{source}, line {number}: {problem}.", hint=hint)


def two_tiers(rows: Sequence[LoggedRow], known: Sequence[str] = ()) -> tuple[str, str]:
    """The weaker and the stronger of the two with the most rows: by the owner's order, by their names, by what they cost,
    by how good they are; the first of these that tells them apart. Raises BadRequest when there are not two."""
    count: dict[str, int] = {}
    for row in rows:
        count[row.tier] = count.get(row.tier, 0) + 1
    if len(count) < 2:
        found = f"{next(iter(count))} alone" if count else "none"
        raise BadRequest(
            f"Scored replies of two tiers are needed, to learn when the stronger pays; there is {found}.",
            hint="They come from `Quality` in config.json, from `POST /api/scores`, or from a file (--logs).",
        )
    pair = sorted(sorted(count), key=lambda name: -count[name])[:2]
    for order in (_by_rank(known), _by_rank(_STRENGTH), _by_mean(rows, "cost"), _by_mean(rows, "quality")):
        first, second = (order(name) for name in pair)
        if first is not None and second is not None and first != second:
            return (pair[0], pair[1]) if first < second else (pair[1], pair[0])
    return pair[0], pair[1]


Order = Callable[[str], float | None]


def _by_rank(names: Sequence[str]) -> Order:
    return lambda name: float(names.index(name.lower())) if name.lower() in names else None


def _by_mean(rows: Sequence[LoggedRow], field: str) -> Order:
    def mean(name: str) -> float | None:
        values = [value for row in rows if row.tier == name and (value := getattr(row, field)) is not None]
        return sum(values) / len(values) if values else None

    return mean


def examples_of(rows: Iterable[LoggedRow], light: str, heavy: str, category: Callable[[str], str]) -> list[Example]:
    """Rows of other tiers are left out. `category`: labels a prompt that brings no label."""
    return [
        Example(
            key=sha256(row.prompt.encode(errors="replace")).hexdigest()[:24],
            turn=Turn(text=row.prompt, task=task_type(row.prompt, row.category or category(row.prompt))),
            outcome=Outcome(
                heavy=row.tier == heavy,
                quality=float(row.quality or 0.0),
                cost_usd=row.cost,
                weight=1 / row.propensity if row.propensity else 1.0,
            ),
        )
        for row in rows
        if row.tier in (light, heavy)
    ]


def models_by_tier(rows: Iterable[LoggedRow]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.tier, set()).add(row.model)
    return {tier: tuple(sorted(models)) for tier, models in sorted(found.items())}


def epoch_of(models: Mapping[str, Any], judges: Sequence[str] = ()) -> str:
    """12 hex digits: changes with the models that answered and with who judged them."""
    return sha256(msgspec.json.encode([sorted(models.items()), sorted(judges)])).hexdigest()[:12]
