"""Trains the category model on benchmarks/turns/, measures it on turns that it has not seen, and writes the weights that
ship, and docs/categories.md.

    uv run python benchmarks/categories.py            # train, measure, write
    uv run python benchmarks/categories.py --check    # only measure what is there
    uv run python benchmarks/categories.py --margins  # cross-validation on the training turns: what another margin would do
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

from claude_code_router.routing.bench_patterns import PATTERNS
from claude_code_router.routing.categories import (
    CATEGORIES,
    CategoryModel,
    best_of,
    features,
    label,
    read_model,
)

ROOT = Path(__file__).parent.parent
SPOKEN = ROOT / "benchmarks" / "turns" / "spoken.txt"
FAMILIES = ROOT / "benchmarks" / "turns" / "families.txt"
AGENT = ROOT / "benchmarks" / "turns" / "agent.txt"
HELD_OUT = ROOT / "benchmarks" / "turns" / "held_out.txt"
MODEL = ROOT / "src" / "claude_code_router" / "routing" / "category_model.json"
DOC = ROOT / "docs" / "categories.md"

PER_FAMILY = 4
FOLDS = 4
EPOCHS = 15
RATE = 0.3
DECAY = 1e-2
WORD_PACE, WORD_DECAY = 0.5, 1e-2
"""Words and pairs learn more slowly than cues and marks: they are what differs between families."""
LEAST_WEIGHT = 8  # hundredths: what is less decides nothing and only makes the file larger
_CHOICE = re.compile(r"\{([^{}]*)\}")
LEARNT = CATEGORIES[:-1]  # housekeeping is told by the client's own marks, not by words


class Turn(NamedTuple):
    category: str
    text: str


def turns(path: Path, *, templates: bool = False) -> list[Turn]:
    """One a line, or up to four texts of each line that is a template."""
    found: list[Turn] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        category, _, text = line.partition(": ")
        texts = expand(text, random.Random(line)) if templates else [text.replace("\\n", "\n")]
        found += [Turn(category, one) for one in texts]
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


def measure(said: Sequence[tuple[str, str]]) -> list[Score]:
    """By category; a turn without a label counts against recall."""
    right = Counter(truth for truth, answer in said if truth == answer)
    given = Counter(answer for _, answer in said)
    there = Counter(truth for truth, _ in said)
    return [
        Score(name, there[name], right[name] / given[name] if given[name] else 0.0, right[name] / there[name])
        for name in LEARNT
    ]


def macro(scores: Sequence[Score]) -> tuple[float, float]:
    """Mean precision and mean recall over the categories."""
    return sum(one.precision for one in scores) / len(scores), sum(one.recall for one in scores) / len(scores)


def microseconds(model: CategoryModel, texts: Sequence[str]) -> float:
    """CPU time of one decision, the median."""
    took = []
    for text in texts:
        began = time.process_time_ns()
        label(text, model)
        took.append(time.process_time_ns() - began)
    return sorted(took)[len(took) // 2] / 1e3


def training() -> list[Turn]:
    """What the shipped model has seen; never a turn that it is measured on, were it only a "yes"."""
    unseen = {turn.text.casefold() for turn in turns(HELD_OUT)}
    everything = [*turns(FAMILIES, templates=True), *turns(SPOKEN), *turns(AGENT)]
    return [turn for turn in everything if turn.text.casefold() not in unseen]


def margins() -> str:
    """Precision and recall on the training turns, each fold by a model that has not seen it, for several least margins."""
    templates, voices = turns(FAMILIES, templates=True), [*turns(SPOKEN), *turns(AGENT)]
    random.Random(7).shuffle(voices)
    judged: list[tuple[str, str, float]] = []
    for fold in range(FOLDS):
        seen = [turn for place, turn in enumerate(voices) if place % FOLDS != fold]
        model = train([*templates, *seen])
        for turn in voices[fold::FOLDS]:
            best, margin = best_of(turn.text, model)
            judged.append((turn.category, best, margin))
    lines = []
    for least in (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0):
        precision, recall = macro(measure([(truth, best if margin >= least else "") for truth, best, margin in judged]))
        lines.append(f"margin {least:.2f}: precision {precision:.2f}, recall {recall:.2f}")
    return "\n".join(lines)


def bench_turns() -> list[Turn]:
    """The prompts of `ccr route test` whose names say their category: older than this model, and by somebody else."""
    named = [(pattern.name.rpartition(" ")[0], pattern.says) for pattern in PATTERNS]
    return [Turn(category, says) for category, says in named if category in LEARNT]


def document(model: CategoryModel) -> str:
    learnt, unseen = training(), turns(HELD_OUT)
    scores = measure(asked(model, unseen))
    precision, recall = macro(scores)
    labelled = sum(1 for _, answer in asked(model, unseen) if answer)
    older = asked(model, bench_turns())
    right = sum(1 for truth, answer in older if answer == truth)
    wrong = sum(1 for truth, answer in older if answer not in ("", truth))
    short = round(microseconds(model, [turn.text for turn in unseen]), -1)
    long = round(microseconds(model, [" ".join(turn.text for turn in unseen).replace("\n", " ")] * 200), -1)
    table = "\n".join(f"| {one.category} | {one.turns} | {one.precision:.2f} | {one.recall:.2f} |" for one in scores)
    return f"""# Task categories

Written by `python benchmarks/categories.py`; do not edit.

A person's turn is labelled with the kind of task that it is when its words say so clearly, by a small linear model
(`routing/categories.py`, {len(model.weights):,} features, no network). The label is the signal `category`: it is on the
record, and rules may ask for it. The client's own errands (titles, compaction, suggestions, digests) are `housekeeping`, told
by their marks. Steps inside a tool loop have the label of the turn that began it. **Some turns get no label**: the model
speaks only when one category stands out.

It reads the line in which the person asks, not what was pasted below it, and knows words for each kind of task in ten languages
(`routing/cues.py`); how much each is worth it has learnt from {len(learnt):,} turns (`benchmarks/turns/`: `families.txt`,
`spoken.txt`, `agent.txt`).

It is measured on {len(unseen)} other turns (`held_out.txt`): short, with typos, paths, logs and stack traces, a quarter of them
in German, French, Spanish, Chinese or Japanese. They were written and put on record before this model was made, and nothing was
trained or tuned on them:

| category | turns | precision | recall |
|---|---|---|---|
{table}
| **mean** | {len(unseen)} | {precision:.2f} | {recall:.2f} |

{labelled} of the {len(unseen)} got a label. Training and held-out turns were written by the same people, who knew the kinds of
words that an earlier model used; of strangers expect somewhat less. Of the {len(older)} prompts of `ccr route test` that name a
kind of task, which are older than this model, {right} got the right label and {wrong} a wrong one.

Turns of two kinds at once (find the bug and write a test) have one label or none. A rule that goes by category should send
somewhere harmless what is mistaken, and must not need it for what has no label.

One decision takes about {short:.0f} µs for a short turn, and about {long:.0f} µs for a long one, on the machine that wrote this
page.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--margins", action="store_true")
    said = parser.parse_args()
    if said.margins:
        print(margins())
        return
    check = said.check
    model = read_model(MODEL.read_bytes()) if check else train(training())
    text = document(model)
    if not check:
        MODEL.write_bytes(msgspec.json.encode(model) + b"\n")
        DOC.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
