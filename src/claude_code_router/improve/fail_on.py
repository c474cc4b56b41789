"""`--fail-on`: conditions on a replay, for CI and for the gate before a reload. Pure."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from claude_code_router.core.errors import BadRequest
from claude_code_router.improve.again import REFUSED
from claude_code_router.improve.replayed import Change, Replay

_CONDITION = re.compile(r"\s*([A-Za-z][\w.\- ]*?)\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*(%?)\s*")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
FIGURES: Mapping[str, str] = {
    "flipped_share": "requests that go elsewhere, of those that are told",
    "untold_share": "requests whose decision the records do not tell, of all",
    "refused_share": "requests that are refused after",
    "cost_usd": "what the requests cost after",
    "cost_change_usd": "after less before",
    "cost_change": "the same as a share of before",
    "rewritten_tokens": "tokens written to caches because sessions change models",
    "under_routed": "under-routed requests after, of all (from pairs)",
    "over_routed": "over-routed requests after, of all (from pairs)",
    "under_routed_change": "the change of that share",
    "under_routed_change_high": "the upper end of its 95 % interval",
    "over_routed_change": "as for under-routed",
    "over_routed_change_high": "as for under-routed",
}
"""`<tier>_share` and `<tier>_cost_share` besides: of the requests, of the cost, after."""

Verdict = Literal["ok", "failed", "not known"]


class Condition(msgspec.Struct, frozen=True):
    text: str
    figure: str
    compare: str
    bound: float


class Finding(msgspec.Struct, frozen=True):
    condition: str
    verdict: Verdict
    value: float | None
    """None: there is not enough to tell."""


def read(text: str) -> Condition:
    """`heavy_share>0.4`, `cost_change > 5%`. Raises BadRequest."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise BadRequest(
            f"--fail-on {text!r} is no condition.", hint="Such as 'heavy_share>0.4' or 'cost_change > 5%'."
        )
    figure, compare, number, percent = found.groups()
    if figure not in FIGURES and not figure.endswith("_share"):
        raise BadRequest(
            f"--fail-on {text!r}: there is no figure {figure!r}.",
            hint="There are: " + ", ".join(FIGURES) + ", <tier>_share, <tier>_cost_share.",
        )
    return Condition(text.strip(), figure, compare, float(number) / (100 if percent else 1))


def look(condition: Condition, replay: Replay, tiers: Mapping[str, object]) -> Finding:
    """`tiers`: the names that there are. Raises BadRequest for a tier that there is not."""
    value = _value(condition.figure, replay, tiers)
    if value is None:
        return Finding(condition.text, "not known", None)
    failed = _COMPARE[condition.compare](value, condition.bound)
    return Finding(condition.text, "failed" if failed else "ok", value)


def _value(figure: str, replay: Replay, tiers: Mapping[str, object]) -> float | None:
    misses = replay.misses
    rates = {"under_routed": misses.under_routed, "over_routed": misses.over_routed}
    for name, rate in rates.items():
        if figure.startswith(name):
            return _of_rate(figure.removeprefix(name), rate)
    if figure not in FIGURES:
        return _tier_share(figure, replay, tiers)
    if not replay.records:
        return None
    return {
        "flipped_share": _share(replay.flipped, replay.told),
        "untold_share": _share(replay.untold_count + replay.unreadable, replay.records),
        "refused_share": _share(replay.after[REFUSED].requests if REFUSED in replay.after else 0, replay.told),
        "cost_usd": replay.after_usd,
        "cost_change_usd": replay.after_usd - replay.before_usd,
        "cost_change": _share(replay.after_usd - replay.before_usd, replay.before_usd),
        "rewritten_tokens": float(replay.rewritten_tokens),
    }[figure]


def _of_rate(what: str, rate: Change | None) -> float | None:
    if rate is None:
        return None
    return {"": rate.after, "_change": rate.change, "_change_high": rate.high}[what]


def _tier_share(figure: str, replay: Replay, tiers: Mapping[str, object]) -> float | None:
    money = figure.endswith("_cost_share")
    name = figure.removesuffix("_share").removesuffix("_cost") if money else figure.removesuffix("_share")
    if name not in tiers:
        names = ", ".join(tiers) or "none is set in Tiers"
        raise BadRequest(f"--fail-on {figure}: there is no tier {name!r} in this config.", hint=f"Tiers: {names}.")
    side = replay.after.get(name)
    if money:
        return _share(side.cost_usd if side else 0.0, replay.after_usd)
    return _share(side.requests if side else 0, replay.told)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
