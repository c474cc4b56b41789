"""Whether the conditions on a replay hold, for CI and for the gate before a reload. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from claude_code_router.core.errors import BadRequest
from claude_code_router.core.replay_condition import Condition
from claude_code_router.improve.again import REFUSED
from claude_code_router.improve.replayed import Change, Replay

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip

Verdict = Literal["ok", "failed", "not known"]


class Finding(msgspec.Struct, frozen=True):
    condition: str
    verdict: Verdict
    value: float | None
    """None: there is not enough to tell."""


def look(condition: Condition, replay: Replay, tiers: Mapping[str, object]) -> Finding:
    """`tiers`: the names that there are. Raises BadRequest for a tier that there is not."""
    value = _tier_share(condition, replay, tiers) if condition.tier else _value(condition.figure, replay)
    if value is None:
        return Finding(condition.text, "not known", None)
    failed = _COMPARE[condition.compare](value, condition.bound)
    return Finding(condition.text, "failed" if failed else "ok", value)


def _value(figure: str, replay: Replay) -> float | None:
    misses = replay.misses
    rates = {"under_routed": misses.under_routed, "over_routed": misses.over_routed}
    for name, rate in rates.items():
        if figure.startswith(name):
            return _of_rate(figure.removeprefix(name), rate)
    if not replay.records:
        return None
    return {
        "flipped_share": _share(replay.flipped, replay.told),
        "untold_share": _share(replay.untold_count + replay.unreadable, replay.records),
        "refused_share": _share(replay.after[REFUSED].requests if REFUSED in replay.after else 0, replay.told),
        "cost_usd": replay.after_usd,
        "cost_change_usd": replay.change_usd,
        "cost_change": _share(replay.change_usd, replay.before_usd),
        "rewritten_tokens": float(replay.rewritten_tokens),
    }[figure]


def _of_rate(what: str, rate: Change | None) -> float | None:
    if rate is None:
        return None
    return {"": rate.after, "_change": rate.change, "_change_high": rate.high}[what]


def _tier_share(condition: Condition, replay: Replay, tiers: Mapping[str, object]) -> float | None:
    if condition.tier not in tiers:
        names = ", ".join(tiers) or "none is set in Tiers"
        raise BadRequest(
            f"{condition.text}: there is no tier {condition.tier!r} in this config.", hint=f"Tiers: {names}."
        )
    side = replay.after.get(condition.tier)
    if condition.of_cost:
        return _share(side.cost_usd if side else 0.0, replay.after_usd)
    return _share(side.requests if side else 0, replay.told)


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if whole and part is not None else None
