"""How often a judge is wrong, and what its verdicts say once that is known. Pure; formulas in docs/misses.md."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import msgspec

from claude_code_router.quality.intervals import Z95, Estimate, Interval, wilson

MINIMUM_BAD = MINIMUM_GOOD = 10
"""Replies that people must have called bad, and good, before the judge's error can be told from them."""
MINIMUM_YOUDEN = 0.2
"""A judge with less (sensitivity + specificity - 1) is so near to chance that nothing can be corrected by it."""


class JudgeError(msgspec.Struct, frozen=True, kw_only=True):
    """Measured on replies that people have judged too."""

    sensitivity: float
    """Of the replies that people call bad, the share that the judge calls bad."""
    specificity: float
    """Of those that people call good, the share that the judge calls good."""
    bad: int
    """How many people called bad."""
    good: int

    @property
    def youden(self) -> float:
        return self.sensitivity + self.specificity - 1

    @property
    def unfit(self) -> str:
        """Why it cannot serve for correction; empty when it can."""
        if self.bad < MINIMUM_BAD or self.good < MINIMUM_GOOD:
            return (
                f"people have called only {self.bad} of the judged replies bad and {self.good} good; "
                f"{MINIMUM_BAD} and {MINIMUM_GOOD} are needed"
            )
        if self.youden < MINIMUM_YOUDEN:
            return (
                f"the judge hardly does better than chance: it finds {self.sensitivity:.0%} of the bad replies, and "
                f"calls {1 - self.specificity:.0%} of the good ones bad"
            )
        return ""

    @property
    def sensitivity_interval(self) -> Interval:
        return wilson(self.sensitivity, self.bad)

    @property
    def specificity_interval(self) -> Interval:
        return wilson(self.specificity, self.good)

    @property
    def smoothed(self) -> JudgeError:
        """With one right and one wrong verdict more on either side: a judge that was never wrong on 20 is not perfect."""
        return JudgeError(
            sensitivity=(self.sensitivity * self.bad + 1) / (self.bad + 2),
            specificity=(self.specificity * self.good + 1) / (self.good + 2),
            bad=self.bad + 2,
            good=self.good + 2,
        )


def measured(judged: Iterable[tuple[float, float]], threshold: float) -> JudgeError | None:
    """From (a person's value, the judge's value) of the same replies; None without any."""
    bad = good = flagged = passed = 0
    for person, judge in judged:
        if person < threshold:
            bad += 1
            flagged += judge < threshold
        else:
            good += 1
            passed += judge >= threshold
    if not bad and not good:
        return None
    return JudgeError(
        sensitivity=flagged / bad if bad else 0.0, specificity=passed / good if good else 0.0, bad=bad, good=good
    )


def corrected(flagged: float, n: float, error: JudgeError, z: float = Z95) -> Estimate:
    """Rogan-Gladen: the true share of bad ones from the share that the judge flagged, of `n` (maybe effective) replies.
    The interval takes the calibration set's own error in (delta method, on smoothed counts)."""

    def true_share(share: float, judge: JudgeError) -> float:
        return (share + judge.specificity - 1) / judge.youden

    value = min(1.0, max(0.0, true_share(flagged, error)))
    smooth = error.smoothed
    if smooth.youden <= 0 or n <= 0:
        return Estimate(value=value, low=0.0, high=1.0, n=round(n))
    share, size = (flagged * n + z * z / 2) / (n + z * z), n + z * z
    variance = share * (1 - share) / size / smooth.youden**2
    variance += error_variance(smooth, lambda judge: true_share(share, judge))
    centre, half = true_share(share, smooth), z * math.sqrt(variance)
    interval = Interval(centre - half, centre + half).within(0.0, 1.0).around(value)
    return Estimate(value=value, low=interval.low, high=interval.high, n=round(n))


def error_variance(error: JudgeError, figure: Callable[[JudgeError], float]) -> float:
    """How much a figure varies because sensitivity and specificity are themselves estimates (first order)."""
    step = 1e-4
    total = 0.0
    for name, size in (("sensitivity", error.bad), ("specificity", error.good)):
        at = getattr(error, name)
        more, less = (msgspec.structs.replace(error, **{name: at + side}) for side in (step, -step))
        slope = (figure(more) - figure(less)) / (2 * step)
        total += slope * slope * at * (1 - at) / size
    return total
