"""Estimates with their uncertainty, pure. Formulas, and when which one is used, in docs/misses.md."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

Z95 = 1.959963984540054
"""Two-sided 95 %."""


class Interval(msgspec.Struct, frozen=True):
    low: float
    high: float

    def within(self, low: float, high: float) -> Interval:
        return Interval(min(max(self.low, low), high), min(max(self.high, low), high))

    def around(self, value: float) -> Interval:
        """Widened, if need be, so that the value lies in it."""
        return Interval(min(self.low, value), max(self.high, value))


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float
    n: int
    """Observations behind it."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One independent term of a sum: `factor · value`."""

    factor: float
    value: float
    interval: Interval


def wilson(share: float, n: float, z: float = Z95) -> Interval:
    """Of a share of `n` independent observations; `n` may be an effective size. Without any: everything is possible."""
    if n <= 0:
        return Interval(0.0, 1.0)
    spread = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / spread
    half = z / spread * math.sqrt(max(0.0, share * (1 - share)) / n + z * z / (4 * n * n))
    return Interval(centre - half, centre + half).within(0.0, 1.0).around(share)


def effective_size(weights: float, squares: float) -> float:
    """Kish: how many equally weighted observations say as much. `weights` = Σw, `squares` = Σw²."""
    return weights * weights / squares if squares > 0 else 0.0


def combined(parts: Sequence[Part], variance: float = 0.0, z: float = Z95) -> Estimate:
    """The sum of independent parts, each with its own interval, which need not be symmetric (MOVER: the distances to the
    nearer ends add in squares). `variance`: of whatever else the sum hangs on. `n` is the number of parts."""
    value = math.fsum(part.factor * part.value for part in parts)
    other = z * z * variance
    down = math.sqrt(math.fsum([other, *(_reach(part, up=False) ** 2 for part in parts)]))
    up = math.sqrt(math.fsum([other, *(_reach(part, up=True) ** 2 for part in parts)]))
    return Estimate(value=value, low=value - down, high=value + up, n=len(parts))


def _reach(part: Part, *, up: bool) -> float:
    upwards = up == (part.factor >= 0)
    end = part.interval.high if upwards else part.interval.low
    return part.factor * (end - part.value)


def difference(new: Estimate, old: Estimate) -> Estimate:
    """new - old, of independent samples (Newcombe's method for shares)."""
    parts = [
        Part(factor=1.0, value=new.value, interval=Interval(new.low, new.high)),
        Part(factor=-1.0, value=old.value, interval=Interval(old.low, old.high)),
    ]
    return msgspec.structs.replace(combined(parts), n=min(new.n, old.n))


def mean(values: Sequence[float], z: float = Z95) -> Estimate:
    """Of independent values, by the normal approximation; of one value nothing is known but itself."""
    n = len(values)
    if not n:
        return Estimate(value=0.0, low=-math.inf, high=math.inf, n=0)
    centre = math.fsum(values) / n
    squares = math.fsum((value - centre) ** 2 for value in values)
    return mean_of_sums(n, centre * n, squares + n * centre * centre, z)


def mean_of_sums(n: int, total: float, squares: float, z: float = Z95) -> Estimate:
    """The same from Σx and Σx²."""
    if not n:
        return Estimate(value=0.0, low=-math.inf, high=math.inf, n=0)
    centre = total / n
    if n == 1:
        return Estimate(value=centre, low=-math.inf, high=math.inf, n=1)
    variance = max(0.0, squares / n - centre * centre) * n / (n - 1)
    half = z * math.sqrt(variance / n)
    return Estimate(value=centre, low=centre - half, high=centre + half, n=n)


def student(freedom: int, z: float = Z95) -> float:
    """Student's quantile where the normal distribution's is `z`: Cornish and Fisher's expansion, off by less than a hundredth
    from four degrees of freedom on."""
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


class WeightedSums:
    """Of values that were drawn with unequal probabilities, each with the weight 1/probability. The mean's variance is that of
    a ratio (Hájek): Σ w²(x - mean)² / (Σw)²."""

    __slots__ = ("_sums", "n")

    def __init__(self, n: int = 0, sums: Sequence[float] = (0.0,) * 5) -> None:
        self.n = n
        self._sums = list(sums)  # Σw, Σwx, Σw², Σw²x, Σw²x²

    def add(self, value: float, weight: float) -> None:
        self.n += 1
        square = weight * weight
        more = (weight, weight * value, square, square * value, square * value * value)
        self._sums = [have + one for have, one in zip(self._sums, more, strict=True)]

    def merge(self, other: WeightedSums) -> None:
        self.n += other.n
        self._sums = [have + one for have, one in zip(self._sums, other._sums, strict=True)]

    def mean(self, z: float = Z95) -> Estimate:
        """Of one value nothing is known but itself."""
        weights, total, squares, first, second = self._sums
        if not self.n:
            return Estimate(value=0.0, low=-math.inf, high=math.inf, n=0)
        centre = total / weights
        if self.n == 1:
            return Estimate(value=centre, low=-math.inf, high=math.inf, n=1)
        variance = max(0.0, second - 2 * centre * first + centre * centre * squares) / weights**2
        half = z * math.sqrt(variance * self.n / (self.n - 1))
        return Estimate(value=centre, low=centre - half, high=centre + half, n=self.n)
