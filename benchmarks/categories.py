"""Trains the category model on benchmarks/turns/, measures it on turns that it has not seen, and writes the weights that
ship, and docs/categories.md.

    uv run python benchmarks/categories.py            # train, measure, write
    uv run python benchmarks/categories.py --check    # only measure what is there
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from claude_code_router.routing.categories import CATEGORIES, CategoryModel, features, label, read_model

ROOT = Path(__file__).parent.parent
SPOKEN = ROOT / "benchmarks" / "turns" / "spoken.txt"
FAMILIES = ROOT / "benchmarks" / "turns" / "families.txt"
MODEL = ROOT / "src" / "claude_code_router" / "routing" / "category_model.json"
DOC = ROOT / "docs" / "categories.md"

PER_FAMILY = 4
FOLDS = 4
HELD_OUT_EVERY = 3
EPOCHS = 40
RATE = 0.3
DECAY = 1e-2
WORD_PACE, WORD_DECAY = 0.5, 1e-2
"""Words and pairs learn more slowly than cues and marks: they are what differs between families."""
LEAST_WEIGHT = 4  # hundredths: what is less decides nothing and only makes the file larger
_CHOICE = re.compile(r"\{([^{}]*)\}")
LEARNT = CATEGORIES[:-1]  # housekeeping is told by the client's own marks, not by words


class Turn(NamedTuple):
    category: str
    family: int
    text: str

    @property
    def held_out(self) -> bool:
        return self.family % HELD_OUT_EVERY == HELD_OUT_EVERY - 1


def turns(path: Path = FAMILIES) -> list[Turn]:
    """Up to four texts of each family. Families are numbered within their category, so that each is held out evenly."""
    found: list[Turn] = []
    seen: Counter[str] = Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        category, _, template = line.partition(": ")
        family = seen[category]
        seen[category] += 1
        found += [Turn(category, family, text) for text in expand(template, random.Random(line))]
    return found


def expand(template: str, dice: random.Random) -> list[str]:
    parts = _CHOICE.split(template)
    choices = [part.split("|") if place % 2 else [part] for place, part in enumerate(parts)]
    every = ["".join(words) for words in itertools.islice(itertools.product(*choices), 2000)]
    return dice.sample(every, min(PER_FAMILY, len(every)))


def train(examples: Sequence[Turn]) -> CategoryModel:
    """Multinomial logistic regression by stochastic gradient descent."""
    dice = random.Random(4)
    rows = [(features(turn.text), LEARNT.index(turn.category)) for turn in examples]
    common = Counter(name for names, _ in rows for name in names)
    weights = {name: [0.0] * len(LEARNT) for name in common}
    for epoch in range(EPOCHS):
        dice.shuffle(rows)
        rate = RATE / (1 + epoch / 8)
        for names, right in rows:
            _step(weights, names, right, rate)
    scaled = {name: tuple(round(100 * weight) for weight in row) for name, row in weights.items()}
    return CategoryModel(
        LEARNT, {name: row for name, row in sorted(scaled.items()) if max(map(abs, row)) >= LEAST_WEIGHT}
    )


def _step(weights: dict[str, list[float]], names: Sequence[str], right: int, rate: float) -> None:
    scores = [sum(column) for column in zip(*(weights[name] for name in names), strict=True)]
    top = max(scores)
    likely = [math.exp(score - top) for score in scores]
    total = sum(likely)
    slopes = [rate * ((place == right) - one / total) for place, one in enumerate(likely)]
    for name in names:
        row = weights[name]
        pace, decay = (1.0, DECAY) if name[0] in "@#" else (WORD_PACE, WORD_DECAY)
        for place, slope in enumerate(slopes):
            row[place] += pace * slope - rate * decay * row[place]


class Score(NamedTuple):
    category: str
    turns: int
    precision: float
    recall: float


def asked(model: CategoryModel, held_out: Sequence[Turn]) -> list[tuple[str, str]]:
    """What each turn is, and what the model says of it."""
    return [(turn.category, label(turn.text, model).category) for turn in held_out]


def asked_in_turn(templates: Sequence[Turn], spoken: Sequence[Turn]) -> list[tuple[str, str]]:
    """Each fold of the spoken turns by a model that has not seen it."""
    said: list[tuple[str, str]] = []
    for fold in range(FOLDS):
        others = [turn for place, turn in enumerate(spoken) if place % FOLDS != fold]
        said += asked(train([*templates, *others]), spoken[fold::FOLDS])
    return said


def measure(said: Sequence[tuple[str, str]]) -> tuple[list[Score], float, float]:
    """By category; the share that is right of all, and of those that were labelled at all."""
    right = Counter(truth for truth, answer in said if truth == answer)
    given = Counter(answer for _, answer in said)
    there = Counter(truth for truth, _ in said)
    scores = [
        Score(name, there[name], right[name] / given[name] if given[name] else 0.0, right[name] / there[name])
        for name in LEARNT
    ]
    labelled = sum(1 for _, answer in said if answer)
    return scores, sum(right.values()) / len(said), sum(right.values()) / max(labelled, 1)


def microseconds(model: CategoryModel, texts: Sequence[str]) -> float:
    """The median of one decision."""
    took = []
    for text in texts:
        began = time.perf_counter()
        label(text, model)
        took.append(time.perf_counter() - began)
    return sorted(took)[len(took) // 2] * 1e6


def training() -> list[Turn]:
    """What the shipped model has seen."""
    return [*(turn for turn in turns() if not turn.held_out), *turns(SPOKEN)]


def document(model: CategoryModel) -> str:
    everything, spoken = turns(), turns(SPOKEN)
    held_out = [turn for turn in everything if turn.held_out]
    learnt = [turn for turn in everything if not turn.held_out]
    by_template, *all_templates = measure(asked(model, held_out))
    by_voice, *all_voices = measure(asked_in_turn(learnt, spoken))
    short = round(microseconds(model, [turn.text for turn in held_out]), -1)
    long = round(microseconds(model, [" ".join(turn.text for turn in held_out)] * 200), -1)
    table = "\n".join(
        f"| {one.category} | {one.precision:.2f} | {one.recall:.2f} | {other.precision:.2f} | {other.recall:.2f} |"
        for one, other in zip(by_template, by_voice, strict=True)
    )
    return f"""# Task categories

Written by `python benchmarks/categories.py`; do not edit.

A person's turn is labelled with the kind of task that it is when its words say so clearly, by a small linear model
(`routing/categories.py`, {len(model.weights):,} features, no network). The label is the signal `category`: it is on the
record, and rules may ask for it. The client's own errands (titles, compaction, suggestions, digests) are `housekeeping`, told
by their marks. Steps inside a tool loop have the label of the turn that began it. **Most free turns get no label**: the model
speaks only when one category stands out, since a wrong label costs more than none.

It is measured on turns to a coding agent that it has not seen, in two ways: {len(held_out)} turns of {_families(held_out)}
templates beside the {_families(learnt)} that it was trained on (`benchmarks/turns/families.txt`), and {len(spoken)} turns in
many voices (`benchmarks/turns/spoken.txt`), a quarter at a time by a model trained on the rest:

| category | templates: precision | recall | voices: precision | recall |
|---|---|---|---|---|
{table}
| **all** | {all_templates[1]:.2f} | {all_templates[0]:.2f} | {all_voices[1]:.2f} | {all_voices[0]:.2f} |

From your users expect what stands under voices. Templates flatter: they share their authors with the cue words
(`routing/cues.py`) on which much of the model rests. All turns are in English and were written by us. A rule that goes by
category should send somewhere harmless what is mistaken, and must not need it for what has no label.

One decision takes about {short:.0f} µs for a short turn, and about {long:.0f} µs for a long one (the first and the last 400
characters are read), on the machine that wrote this page.
"""


def _families(some: Sequence[Turn]) -> int:
    return len({(turn.category, turn.family) for turn in some})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    model = read_model(MODEL.read_bytes()) if check else train(training())
    text = document(model)
    if not check:
        MODEL.write_bytes(msgspec.json.encode(model) + b"\n")
        DOC.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
