"""Two answers to one request, each good or bad, counted crosswise with sampling weights. Pure; formulas in docs/misses.md.

Only sums are kept, so that any number of pairs takes the same memory. There are two strata: requests that were escalated,
which are all known, and the sampled rest. Taken as one they would cost most of the precision that escalation brings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from claude_code_router.quality.intervals import Z95, Estimate, Interval, Part, combined, effective_size, wilson
from claude_code_router.quality.judge_error import JudgeError, error_variance

Cells = tuple[float, float, float, float]
"""Of (lighter bad, heavier bad): both bad, only the lighter, only the heavier, none."""

BOTH_BAD: Cells = (1.0, 0.0, 0.0, 0.0)
ONLY_LIGHTER_BAD: Cells = (0.0, 1.0, 0.0, 0.0)
LIGHTER_BAD: Cells = (1.0, 1.0, 0.0, 0.0)
LIGHTER_GOOD: Cells = (0.0, 0.0, 1.0, 1.0)


class Stratum:
    """Σ1, Σw and Σw² of each cell."""

    def __init__(self) -> None:
        self.n = 0
        self.weights = [0.0] * 4
        self.squares = [0.0] * 4

    def add(self, cell: int, weight: float) -> None:
        self.n += 1
        self.weights[cell] += weight
        self.squares[cell] += weight * weight

    @property
    def weight(self) -> float:
        return math.fsum(self.weights)


class Crosstab:
    def __init__(self) -> None:
        self.escalated = Stratum()
        self.sampled = Stratum()

    def add(self, *, lighter_bad: bool, heavier_bad: bool, weight: float, escalated: bool = False) -> None:
        cell = (0 if lighter_bad else 2) + (0 if heavier_bad else 1)
        (self.escalated if escalated else self.sampled).add(cell, weight)

    @property
    def n(self) -> int:
        return self.escalated.n + self.sampled.n

    @property
    def weight(self) -> float:
        """How many requests the pairs stand for."""
        return self.escalated.weight + self.sampled.weight

    def share(self, wanted: Cells, error: JudgeError | None = None, z: float = Z95) -> Estimate:
        """Of the requests that fall into the wanted cells; with `error`, after correcting both verdicts for it."""
        if not self.weight:
            return Estimate(value=0.0, low=0.0, high=1.0, n=0)
        estimate = self._corrected(wanted, error, z) if error else self._as_judged(wanted, z)
        interval = Interval(estimate.low, estimate.high).within(0.0, 1.0).around(estimate.value)
        return Estimate(value=estimate.value, low=interval.low, high=interval.high, n=self.n)

    def _as_judged(self, wanted: Cells, z: float) -> Estimate:
        strata = [stratum for stratum in (self.escalated, self.sampled) if stratum.n]
        parts = [
            Part(factor=stratum.weight / self.weight, value=share, interval=wilson(share, size, z))
            for stratum in strata
            for share, size in [(_dot(wanted, stratum.weights) / stratum.weight, _size(stratum))]
        ]
        variance = 0.0
        if len(parts) == 2:
            variance = self._mix_variance() * (parts[0].value - parts[1].value) ** 2
        return combined(parts, variance, z)

    def _mix_variance(self) -> float:
        """Of the escalated stratum's share of all requests, itself an estimate."""
        share = self.escalated.weight / self.weight
        squares = (1 - share) ** 2 * math.fsum(self.escalated.squares) + share**2 * math.fsum(self.sampled.squares)
        return squares / self.weight**2

    def _corrected(self, wanted: Cells, error: JudgeError, z: float) -> Estimate:
        value = _dot(_unmixed(wanted, error), [w / self.weight for w in self._weights()])
        smooth = error.smoothed
        if smooth.youden <= 0:
            return Estimate(value=min(1.0, max(0.0, value)), low=0.0, high=1.0, n=self.n)
        # z² observations more, spread evenly, as the share's smoothing in Wilson's and in Agresti and Coull's intervals.
        weights, squares = self._weights(), self._squares()
        typical = math.fsum(squares) / math.fsum(weights)
        weights = [w + z * z / 4 * typical for w in weights]
        squares = [s + z * z / 4 * typical * typical for s in squares]
        total = math.fsum(weights)
        shares = [w / total for w in weights]
        reading = _unmixed(wanted, smooth)
        centre = _dot(reading, shares)
        variance = math.fsum(s * (c - centre) ** 2 for s, c in zip(squares, reading, strict=True)) / total**2
        variance += error_variance(smooth, lambda judge: _dot(_unmixed(wanted, judge), shares))
        half = z * math.sqrt(variance)
        return Estimate(value=min(1.0, max(0.0, value)), low=centre - half, high=centre + half, n=self.n)

    def _weights(self) -> list[float]:
        return [a + b for a, b in zip(self.escalated.weights, self.sampled.weights, strict=True)]

    def _squares(self) -> list[float]:
        return [a + b for a, b in zip(self.escalated.squares, self.sampled.squares, strict=True)]


def _size(stratum: Stratum) -> float:
    return effective_size(stratum.weight, math.fsum(stratum.squares))


def _unmixed(wanted: Cells, error: JudgeError) -> Cells:
    """What each *observed* cell counts towards the wanted *true* ones: wanted · (M ⊗ M)⁻¹, with M the chance of a verdict
    given the truth. It takes the judge's errors on the two answers to be independent, and equally frequent."""
    inverse = _inverse(error)
    return tuple(  # type: ignore[return-value]
        math.fsum(wanted[2 * a + b] * inverse[a][i] * inverse[b][k] for a in (0, 1) for b in (0, 1))
        for i in (0, 1)
        for k in (0, 1)
    )


def true_shares(shares: Cells, error: JudgeError) -> Cells:
    """The true cells from the observed ones, within what is possible: none below 0, together 1."""
    (bad_bad, bad_good), (good_bad, good_good) = _inverse(error)
    both, lighter, heavier, none = shares
    # First the lighter answer's verdict is undone, then the heavier one's.
    bad = bad_bad * both + bad_good * heavier, bad_bad * lighter + bad_good * none
    good = good_bad * both + good_good * heavier, good_bad * lighter + good_good * none
    found = [
        max(0.0, one)
        for first, second in (bad, good)
        for one in (bad_bad * first + bad_good * second, good_bad * first + good_good * second)
    ]
    total = math.fsum(found)
    return found[0] / total, found[1] / total, found[2] / total, found[3] / total


def _inverse(error: JudgeError) -> tuple[tuple[float, float], tuple[float, float]]:
    """Rows: truly bad, truly good; columns: called bad, called good."""
    se, sp, j = error.sensitivity, error.specificity, error.youden
    return (sp / j, -(1 - sp) / j), (-(1 - se) / j, se / j)


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return math.fsum(a * b for a, b in zip(left, right, strict=True))
