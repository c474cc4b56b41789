"""Logistic regression on sparse rows, in the standard library: dual coordinate ascent.

It minimises  |w|²/2 + Σ c_i [log(1 + exp z_i) - q_i z_i]  with  z_i = offset + w·x_i,  a label q_i from 0 to 1, and c_i = C
times what the row counts. At the minimum w = Σ c_i (q_i - p_i) x_i with p_i = sigmoid(z_i), so one number p_i a row is all
that is searched for; one row's best p_i, the others held, is the root of a rising function of one variable. (Yu, Huang and
Lin 2011, "Dual coordinate descent methods for logistic regression", in other letters and with labels between 0 and 1.)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from operator import mul
from random import Random

import msgspec

from claude_code_router.routing.learned import sigmoid

_NEWTON_STEPS = 4
_SURE = 1e-3


class Sparse(msgspec.Struct, frozen=True):
    """One row; places are distinct."""

    places: tuple[int, ...]
    values: tuple[float, ...]


class Fit(msgspec.Struct, frozen=True):
    offset: float
    weights: list[float]


def fit(
    rows: Sequence[Sparse],
    labels: Sequence[float],
    size: int,
    *,
    c: float = 0.3,
    passes: int = 8,
    counts: Sequence[float] | None = None,
) -> Fit:
    """The order of `rows` is for the caller to fix: before the limit it leaves traces in the last digits. `counts`: how much
    each row counts; all alike when not said."""
    counted = [1.0] * len(rows) if counts is None else counts
    offset = _log_odds(sum(map(mul, labels, counted)) / sum(counted))
    weights = [0.0] * size
    start = sigmoid(offset)
    p = [start] * len(rows)
    much = [c * one for one in counted]
    for row, label, own in zip(rows, labels, much, strict=True):
        _add(weights, row, own * (label - start))
    lengths = [own * sum(map(mul, row.values, row.values)) for row, own in zip(rows, much, strict=True)]
    dice, order = Random(0), list(range(len(rows)))
    for _ in range(passes):
        dice.shuffle(order)
        for i in order:
            row = rows[i]
            z = offset + sum(map(mul, map(weights.__getitem__, row.places), row.values))
            fresh = _root(z, lengths[i], p[i])
            _add(weights, row, much[i] * (p[i] - fresh))
            p[i] = fresh
    return Fit(offset, weights)


def _root(z: float, length: float, p: float) -> float:
    """The p' for which p' = sigmoid(z + length (p - p'))."""
    u = z
    for _ in range(_NEWTON_STEPS):
        s = sigmoid(u)
        step = (u - z - length * (p - s)) / (1 + length * s * (1 - s))
        u -= step
        if abs(step) < _SURE:
            break
    return sigmoid(u)


def _add(weights: list[float], row: Sparse, much: float) -> None:
    for place, value in zip(row.places, row.values, strict=True):
        weights[place] += much * value


def _log_odds(rate: float) -> float:
    kept = min(0.999, max(0.001, rate))
    return log(kept / (1 - kept))
