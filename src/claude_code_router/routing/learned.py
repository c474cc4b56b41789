"""What was learnt from outcomes, as one frozen value, and the score that it gives a turn. Pure.

What is asked is the gain: P(the strong tier's answer is good) - P(the light tier's is), and whether it is worth what the strong
tier costs more. How a model is fitted, and when it may be used: improve/, docs/learning.md.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import exp, log, sqrt
from operator import mul
from typing import Literal
from zlib import crc32

import msgspec

from claude_code_router.core.signals import Signals
from claude_code_router.routing.prompt_size import USUAL_SIZE, ends, size

VERSION = 1
"""Of the model file: how words become features is part of it."""
BUCKETS = 1 << 16
SHAPE = ("words", "words squared", "letters a word", "digits", "signs", "lines")
SHAPE_WEIGHT = 0.1
"""A word of a prompt of a hundred weighs as much. Chosen on training rows; so are the penalty and the pairs of words."""
_SHAPE_LIMIT = 4.0
_WORDS_COUNTED, _COUNTED_CHARACTERS = 100, 2_000
_WORD = re.compile("[a-z]+(?:'[a-z]+)?|[\u00c0-\u024f\u0370-\u052f]+|[0-9]+|\\S")
_SIGNS = re.compile(r"[=+\-*/^<>\\$%]")
_DIGITS = re.compile(r"[0-9]")

Method = Literal["words", "facts", "table", "size"]
"""Two one-tier models over the prompt's words or over what the record has of it; the task types' table; nothing learnt."""


class Features(msgspec.Struct, frozen=True):
    buckets: tuple[int, ...]
    values: tuple[float, ...]
    """1 + the logarithm of how often."""
    shape: tuple[float, ...]


class Standard(msgspec.Struct, frozen=True):
    """What brings one number of the shape to mean 0 and deviation 1."""

    mean: float
    deviation: float


class OneTier(msgspec.Struct, frozen=True):
    """log-odds that this tier's answer is good: offset + weights · weighed values + shape · standardised shape."""

    offset: float
    weights: bytes
    """`BUCKETS` 32-bit floats, as the machine has them; base64 in the file."""
    shape: tuple[float, ...]


class Words(msgspec.Struct, frozen=True):
    light: OneTier
    heavy: OneTier
    rarity: bytes
    """As `weights`: what a word of this bucket counts; of what every prompt has, one."""
    standards: tuple[Standard, ...]


class TaskTable(msgspec.Struct, frozen=True):
    gains: Mapping[str, float]
    """By task type: how much more often the strong tier is right, shrunk to the mean of all."""
    otherwise: float


class LearnedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`Learned` of the config."""

    live: bool = False
    """Else in shadow: recorded, not deciding."""
    file: str = ""
    """Empty: the usual one."""
    share: float | None = None
    light: str = ""
    """The tier's name in `Tiers`; empty: as the model names it."""
    heavy: str = ""


class LearnedModel(msgspec.Struct, frozen=True, kw_only=True):
    method: Method
    light: str
    """The tier's name."""
    heavy: str
    threshold: float
    """A gain above it goes to the strong tier, for a prompt of the usual length."""
    price_exponent: float = 0.0
    """For a prompt n times as long it must be n ** this as large: long prompts cost more."""
    words: Words | None = None
    table: TaskTable | None = None
    quantiles: tuple[float, ...] = ()
    """Of gain / price out of fold, in hundredths from 0 to 1: what a share of traffic is as a threshold."""

    def threshold_for(self, heavy_share: float) -> float:
        """So that about this share of turns like those it was fitted on goes to the strong tier."""
        if not self.quantiles:
            return self.threshold
        return self.quantiles[round((1 - heavy_share) * (len(self.quantiles) - 1))]


class Turn(msgspec.Struct, frozen=True):
    """What may be known of a turn when it is scored."""

    text: str = ""
    task: str = ""
    """The kind of task, as `task_type` names it; only the table asks."""
    facts: tuple[str, ...] = ()
    """What the record has when it has no text; only the method `facts` asks."""


NOTHING_LEARNT = LearnedModel(method="size", light="light", heavy="heavy", threshold=0.0)
_USUAL_WORDS = 64
"""Half of the public tables' prompts are longer."""


def score(turn: Turn, model: LearnedModel, threshold: float | None = None) -> float:
    """From 0 to 1: above a half for who goes to the strong tier; on either side, the higher the more it gains."""
    found = gain(turn, model)
    up = found > needed(turn.text, model, threshold)
    return ((1 + found) / 2 + up) / 2


def needed(text: str, model: LearnedModel, threshold: float | None = None) -> float:
    """The gain that is worth the strong tier's price, for a prompt of this length."""
    return (model.threshold if threshold is None else threshold) * price(text, model.price_exponent)


def price(text: str, exponent: float) -> float:
    """What the strong tier costs more, as a multiple of that for a prompt of the usual length."""
    return float(((1 + len(text.split())) / (1 + _USUAL_WORDS)) ** exponent) if exponent else 1.0


def gain(turn: Turn, model: LearnedModel) -> float:
    """From -1 to 1. Where nothing was learnt it only rises with how much the prompt asks to be kept in mind: on the public
    tables of outcomes such prompts gain more from the strong model, or it does not matter (docs/learning.md)."""
    if model.words is not None:
        return gain_of_features(
            fact_features(turn.facts) if model.method == "facts" else features(turn.text), model.words
        )
    if model.table is not None:
        return model.table.gains.get(turn.task, model.table.otherwise)
    much = size(turn.text)
    return (much - USUAL_SIZE) / (much + USUAL_SIZE)


def gain_of_features(found: Features, words: Words) -> float:
    values = weighed(found, memoryview(words.rarity).cast("f"))
    shape = standardised(found.shape, words.standards)
    heavy = _probability(found.buckets, values, shape, words.heavy)
    return heavy - _probability(found.buckets, values, shape, words.light)


def weighed(found: Features, rarity: Sequence[float]) -> list[float]:
    """The values by how rare each is, brought to Euclidean length 1."""
    values = list(map(mul, found.values, map(rarity.__getitem__, found.buckets)))
    length = sqrt(sum(map(mul, values, values))) or 1.0
    return [value / length for value in values]


def _probability(buckets: Sequence[int], values: Sequence[float], shape: Sequence[float], tier: OneTier) -> float:
    weights = memoryview(tier.weights).cast("f")
    z = tier.offset + sum(map(mul, map(weights.__getitem__, buckets), values))
    return sigmoid(z + sum(map(mul, tier.shape, shape)))


def sigmoid(z: float) -> float:
    return 1 / (1 + exp(-z)) if z > -700 else 0.0


def standardised(shape: Sequence[float], standards: Sequence[Standard]) -> tuple[float, ...]:
    return tuple([
        SHAPE_WEIGHT * max(-_SHAPE_LIMIT, min(_SHAPE_LIMIT, (one - by.mean) / by.deviation))
        for one, by in zip(shape, standards, strict=True)
    ])  # fmt: skip


def features(text: str) -> Features:
    """Words and pairs of neighbours, hashed, each with how often it occurs."""
    counts = Counter([crc32(name.encode()) % BUCKETS for name in names(text)])
    return _features(counts, shape_of(text))


def names(text: str) -> list[str]:
    read = ends(text).lower()
    words = ["0" if word.isdigit() else word for word in _WORD.findall(read)]
    return [*words, *[f"{one} {two}" for one, two in itertools.pairwise(words)]]


def fact_features(facts: Sequence[str]) -> Features:
    return _features(Counter([crc32(name.encode()) % BUCKETS for name in facts]), ())


def _features(counts: Mapping[int, int], shape: tuple[float, ...]) -> Features:
    return Features(tuple(counts), tuple([1 + log(count) for count in counts.values()]), shape)


def shape_of(text: str) -> tuple[float, ...]:
    """In the order of `SHAPE`."""
    read = ends(text)
    size = max(1, len(read))
    words = len(text.split())
    logarithm = log(1 + words)
    return (
        logarithm,
        logarithm * logarithm,
        len(text) / max(1, words),
        len(_DIGITS.findall(read)) / size,
        len(_SIGNS.findall(read)) / size,
        log(1 + text.count("\n")),
    )


def task_type(text: str, category: str) -> str:
    """The category that the shipped labels give, or how long a turn without one is."""
    return task_of(len(text[:_COUNTED_CHARACTERS].split(None, _WORDS_COUNTED)[:_WORDS_COUNTED]), category)


def task_of(words: int, category: str) -> str:
    """`words`: as in the signals, counted up to 100."""
    return category or ("short" if words <= 32 else "middling" if words < _WORDS_COUNTED else "long")


def facts_of(signals: Signals) -> tuple[str, ...]:
    """What every record has: nothing of the prompt's words."""
    return (
        f"category {signals.category}",
        f"kind {signals.kind}",
        f"subagent {signals.subagent}",
        f"effort {signals.effort}",
        f"plan {signals.plan_mode}",
        f"images {signals.images}",
        f"tokens {signals.tokens.bit_length()}",
        f"turns {signals.turns.bit_length()}",
        f"tools {len(signals.tools).bit_length()}",
        f"words {signals.words.bit_length()}",
    )


class Spoke(msgspec.Struct, frozen=True):
    """A word or pair of words, and how far it moved the gain's log-odds apart."""

    words: str
    towards_heavy: float


def spoke_most(text: str, words: Words, most: int = 4) -> tuple[Spoke, ...]:
    """Those whose weights differ most between the tiers; for a person to read, never for a record: they are the prompt's."""
    found = features(text)
    light, heavy = memoryview(words.light.weights).cast("f"), memoryview(words.heavy.weights).cast("f")
    values = weighed(found, memoryview(words.rarity).cast("f"))
    worth = {
        bucket: (heavy[bucket] - light[bucket]) * value for bucket, value in zip(found.buckets, values, strict=True)
    }
    first: dict[int, str] = {}
    for name in names(text):
        first.setdefault(crc32(name.encode()) % BUCKETS, name)
    ranked = sorted(worth, key=lambda bucket: -abs(worth[bucket]))[:most]
    return tuple(Spoke(first[bucket], worth[bucket]) for bucket in ranked if worth[bucket])
