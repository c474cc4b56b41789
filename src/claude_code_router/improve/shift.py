"""Have the scores moved? Pure: paired tests, and thresholds that keep their meaning when the judge changes."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import msgspec

from claude_code_router.quality.intervals import Estimate, mean, student

_FLIPS = 4_000
_EXACT_UP_TO = 12


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """New less old, on the same requests."""

    difference: Estimate
    p: float
    """Of a difference at least as large in either direction, were there none."""


def shifted(pairs: Sequence[tuple[float, float]], seed: int = 0) -> Shift | None:
    """Of (old, new). By flipping the signs of the differences: no assumption on how scores are distributed. All ways of
    flipping for up to 12 pairs, 4,000 drawn ones for more. None for fewer than two pairs."""
    if len(pairs) < 2:
        return None
    differences = [new - old for old, new in pairs]
    reached = abs(math.fsum(differences)) - 1e-12
    n = len(differences)
    if n <= _EXACT_UP_TO:
        sums = [
            math.fsum(d if ways >> place & 1 else -d for place, d in enumerate(differences)) for ways in range(2**n)
        ]
        p = sum(1 for total in sums if abs(total) >= reached) / len(sums)
    else:
        dice = random.Random(seed)
        larger = 0
        for _ in range(_FLIPS):
            signs = dice.getrandbits(n)
            total = math.fsum(d if signs >> place & 1 else -d for place, d in enumerate(differences))
            larger += abs(total) >= reached
        p = (larger + 1) / (_FLIPS + 1)
    return Shift(difference=mean(differences, student(n - 1)), p=p)


def matched_threshold(old: Sequence[float], new: Sequence[float], threshold: float) -> float:
    """The smallest score of the new judge from which on as large a share is accepted as the old one accepted from
    `threshold` on, on the same answers. Without answers the threshold as it is."""
    if not old or not new:
        return threshold
    wanted = sum(1 for value in old if value >= threshold) / len(old)
    tried = sorted({*new, threshold})
    shares = [(abs(sum(1 for value in new if value >= at) / len(new) - wanted), at) for at in tried]
    closest = min(share for share, _ in shares)
    same = [at for share, at in shares if share <= closest + 1e-12]
    return threshold if threshold in same else min(same)


def accepted(values: Sequence[float], threshold: float) -> float:
    return sum(1 for value in values if value >= threshold) / len(values) if values else 0.0
