"""From outcomes, one tier's a prompt, to a model and the checks that say whether it may be used. Pure; the same rows in any
order give the same model."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from math import fsum, log, sqrt
from zlib import crc32

import msgspec

from claude_code_router.improve.apgr import Outcome, ranks_in_folds
from claude_code_router.improve.logistic import Sparse, fit
from claude_code_router.routing.learned import (
    BUCKETS,
    Features,
    LearnedModel,
    Method,
    OneTier,
    Standard,
    TaskTable,
    Turn,
    Words,
    fact_features,
    features,
    gain,
    gain_of_features,
    price,
    standardised,
    weighed,
)

FOLDS = 5
SHRUNK_TO_MEAN_ROWS = 20
"""A task type's own rows count against so many of the tier's mean."""
C, APART_WORDS, APART_SHAPE = 1.0, 0.35, 0.7
"""How freely weights may grow, and how much more slowly those that set the tiers apart. Chosen on half of the public tables'
rows, where .3 to 1, .35 to .6 and .5 to 1 are within a hundredth of each other."""
PASSES = 4
PRICED = 0.5
_LEAST_PRICED = 50


class Example(msgspec.Struct, frozen=True):
    key: str
    """Of the prompt: rows of one prompt never part, whoever answered."""
    turn: Turn
    outcome: Outcome
    counts: float = 1.0
    """Against other rows, in the fit: less where it is old and its tier has moved since (`improve.recency`)."""


class Prepared(msgspec.Struct, frozen=True):
    """The examples in their own order, each with its features and its fold."""

    examples: tuple[Example, ...]
    features: tuple[Features, ...]
    folds: tuple[int, ...]
    method: Method
    """`words` or `facts`."""

    @property
    def outcomes(self) -> list[Outcome]:
        return [one.outcome for one in self.examples]


Scores = list[float]
Fitting = Callable[[Prepared, Sequence[int]], LearnedModel]


def prepared(examples: Sequence[Example], method: Method) -> Prepared:
    """Sorted, so that the order of a file leaves no trace."""
    ordered = sorted(examples, key=_order)
    found = tuple(fact_features(one.turn.facts) if method == "facts" else features(one.turn.text) for one in ordered)
    return Prepared(tuple(ordered), found, tuple(crc32(one.key.encode()) % FOLDS for one in ordered), method)


def _order(one: Example) -> tuple[str, bool, float, float, float]:
    return one.key, one.outcome.heavy, one.outcome.quality, one.outcome.weight, one.counts


def out_of_fold(rows: Prepared, fitting: Fitting) -> Scores:
    """Each row's gain, by a model that has seen neither it nor its fold."""
    scores = [0.0] * len(rows.examples)
    for fold in sorted(set(rows.folds)):
        seen = [place for place, one in enumerate(rows.folds) if one != fold]
        model = fitting(rows, seen)
        for place, one in enumerate(rows.folds):
            if one == fold:
                scores[place] = _gain(rows, place, model)
    return scores


def _gain(rows: Prepared, place: int, model: LearnedModel) -> float:
    """As `routing.learned.gain`, from features that are there already."""
    if model.words is not None:
        return gain_of_features(rows.features[place], model.words)
    return gain(rows.examples[place].turn, model)


def ranks(rows: Prepared, scores: Sequence[float]) -> list[float]:
    return ranks_in_folds(scores, rows.folds)


def price_exponent(rows: Prepared) -> float:
    """Part of the slope of the strong tier's log cost over the prompt's log length; 0 where costs or lengths are not known.

    Part (`PRICED`), because gains are estimates: divided by the whole price they would be ordered by the price alone.
    """
    known = [(one.turn.text, one.outcome.cost_usd) for one in rows.examples if one.outcome.heavy]
    points = [(log(1 + len(text.split())), log(cost)) for text, cost in known if text and cost]
    if len(points) < _LEAST_PRICED:
        return 0.0
    x, y = (fsum(column) / len(points) for column in zip(*points, strict=True))
    spread = fsum((one - x) ** 2 for one, _ in points)
    slope = fsum((one - x) * (two - y) for one, two in points) / spread if spread else 0.0
    return PRICED * min(1.0, max(0.0, slope))


def values(rows: Prepared, gains: Sequence[float], exponent: float) -> Scores:
    """Gain / price."""
    return [found / price(one.turn.text, exponent) for found, one in zip(gains, rows.examples, strict=True)]


def fit_words(rows: Prepared, places: Sequence[int]) -> LearnedModel:
    """Two models, one a tier, out of rows of one tier each: what goes for both, and what sets them apart.

    The strong tier's weights are common + apart, the light tier's common - apart. `apart` is what the gain depends on and
    what the rows say least about, so it is held closer to nothing (`APART_WORDS`).
    """
    rarity = _rarity([rows.features[place] for place in places])
    standards = _standards([rows.features[place].shape for place in places])
    size = BUCKETS + len(standards)
    apart = [APART_WORDS] * BUCKETS + [APART_SHAPE] * len(standards)
    once = 1 + log((1 + len(places)) / 2)
    sparse = [_row(rows.examples[place], rows.features[place], rarity, standards, apart, once) for place in places]
    kept = [rows.examples[place] for place in places]
    labels, counts = [one.outcome.quality for one in kept], [one.counts for one in kept]
    made = fit(sparse, labels, 2 * size + 1, c=C, passes=PASSES, counts=counts)

    def tier(sign: int) -> OneTier:
        both = zip(made.weights[:size], made.weights[size : 2 * size], apart, strict=True)
        weights = [common + sign * own * much for common, own, much in both]
        return OneTier(made.offset + sign * made.weights[-1], _packed(weights[:BUCKETS]), tuple(weights[BUCKETS:]))

    return _bare(rows.method, words=Words(tier(-1), tier(1), _packed(rarity), standards))


def _row(
    example: Example,
    found: Features,
    rarity: Sequence[float],
    standards: tuple[Standard, ...],
    apart: Sequence[float],
    once: float,
) -> Sparse:
    """What one prompt alone has (its rarity is `once`) says nothing of others, and is half of all: it is left out."""
    size = len(apart)
    sign = 1 if example.outcome.heavy else -1
    kept = [(b, v) for b, v in zip(found.buckets, weighed(found, rarity), strict=True) if rarity[b] < once]
    own = (*[b for b, _ in kept], *range(BUCKETS, size))
    values = (*[v for _, v in kept], *standardised(found.shape, standards))
    return Sparse(
        (*own, *[one + size for one in own], 2 * size),
        (*values, *[sign * apart[one] * value for one, value in zip(own, values, strict=True)], float(sign)),
    )


def _rarity(found: Sequence[Features]) -> list[float]:
    """1 + log of how many prompts there are for one that has it."""
    rarity = [1 + log(1 + len(found))] * BUCKETS
    for bucket, count in Counter(bucket for one in found for bucket in one.buckets).items():
        rarity[bucket] = 1 + log((1 + len(found)) / (1 + count))
    return rarity


def _packed(weights: Sequence[float]) -> bytes:
    return array("f", weights).tobytes()


def _standards(shapes: Sequence[tuple[float, ...]]) -> tuple[Standard, ...]:
    found = []
    for column in zip(*shapes, strict=True):
        mean = fsum(column) / len(column)
        deviation = sqrt(fsum((one - mean) ** 2 for one in column) / len(column))
        found.append(Standard(mean, deviation or 1.0))
    return tuple(found)


def fit_table(rows: Prepared, places: Sequence[int]) -> LearnedModel:
    """Mean quality by task type and tier, shrunk to the tier's; the gain is their difference."""
    kept = [rows.examples[place] for place in places]
    means = {heavy: _mean([one for one in kept if one.outcome.heavy is heavy]) for heavy in (False, True)}
    sums: dict[tuple[str, bool], tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for one in kept:
        key = one.turn.task, one.outcome.heavy
        count, total = sums[key]
        sums[key] = count + one.counts, total + one.counts * one.outcome.quality

    def rate(task: str, *, heavy: bool) -> float:
        count, total = sums.get((task, heavy), (0.0, 0.0))
        return (total + SHRUNK_TO_MEAN_ROWS * means[heavy]) / (count + SHRUNK_TO_MEAN_ROWS)

    gains = {task: rate(task, heavy=True) - rate(task, heavy=False) for task in sorted({one.turn.task for one in kept})}
    return _bare("table", table=TaskTable(gains, means[True] - means[False]))


def no_fit(rows: Prepared, places: Sequence[int]) -> LearnedModel:  # noqa: ARG001 - a fitting like the others
    return _bare("size")


def _mean(examples: Sequence[Example]) -> float:
    return fsum(one.counts * one.outcome.quality for one in examples) / (fsum(one.counts for one in examples) or 1)


def _bare(method: Method, *, words: Words | None = None, table: TaskTable | None = None) -> LearnedModel:
    return LearnedModel(method=method, light="", heavy="", threshold=0.0, words=words, table=table)
