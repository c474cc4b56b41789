"""Whether a change is worth it, on pairs: what requests cost and what bad answers cost, on one scale. Pure.

The loss of an answer is what it cost, and what a solved task is worth where it was bad. A change's effect is the mean
difference over the requests; only those that get another tier differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist

import msgspec

from claude_code_router.quality.intervals import Estimate

MOVED_MIN = 10
"""Pairs that change their tier, below which no mean is looked at."""


class Tried(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One pair under one change."""

    weight: float
    session: str = ""
    """Empty: the request is by itself."""
    moved: bool = False
    outside: bool = False
    """It would go to a tier that has not answered it."""
    bad_before: bool = False
    bad_after: bool = False
    cost_before_usd: float = 0.0
    cost_after_usd: float = 0.0
    under_before: bool = False
    under_after: bool = False
    over_before: bool = False
    over_after: bool = False

    def loss_usd(self, task_value_usd: float) -> float:
        """After less before."""
        worse = int(self.bad_after) - int(self.bad_before)
        return self.cost_after_usd - self.cost_before_usd + worse * task_value_usd


def mean(values: Iterable[tuple[float, float, str]], z: float) -> Estimate:
    """Of (weight, value, session): Hájek's mean, linearised variance. The requests of a session are alike, so their errors
    are added before they are squared; those without one stand for themselves."""
    found = list(values)
    total = math.fsum(weight for weight, *_ in found)
    if not total:
        return Estimate(value=0.0, low=-math.inf, high=math.inf, n=len(found))
    centre = math.fsum(weight * value for weight, value, _ in found) / total
    errors: dict[str | int, float] = {}
    for place, (weight, value, session) in enumerate(found):
        errors[session or place] = errors.get(session or place, 0.0) + weight * (value - centre)
    groups = len(errors)
    if groups < 2:
        return Estimate(value=centre, low=-math.inf, high=math.inf, n=len(found))
    spread = math.fsum(error**2 for error in errors.values()) / total**2
    half = z * math.sqrt(spread * groups / (groups - 1))
    return Estimate(value=centre, low=centre - half, high=centre + half, n=len(found))


def simultaneous_z(looks: int, confidence: float = 0.95) -> float:
    """For `looks` intervals that shall all hold together (Bonferroni)."""
    return NormalDist().inv_cdf(1 - (1 - confidence) / 2 / max(1, looks))


def effect_usd(tried: Sequence[Tried], task_value_usd: float, z: float) -> Estimate:
    """Per request."""
    return mean(((one.weight, one.loss_usd(task_value_usd), one.session) for one in tried), z)
