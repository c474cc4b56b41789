"""What is learnt from outcomes, on public tables of outcomes: how much of the strong model's gain it finds, and what it saves.

    uv run python benchmarks/learning.py PATH             # PATH: a folder of *.jsonl.gz tables
    uv run python benchmarks/learning.py PATH --draws 10  # as many draws of rows and lots: the mean, the spread, the worst
    uv run python benchmarks/learning.py PATH --every-pair  # the score without a model, on every pair of models there is

A row of a table is {"id", "group", "prompt", "quality": {model: 0..1}, "cost": {model: dollars}}. The fit sees what an owner's
records hold: of each prompt one tier's outcome, the tier drawn by lot. It is judged on prompts that it has not seen, by both
outcomes. `ccr learn --logs` and `ccr score` do the same, row for row. docs/learning.md has the table.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import msgspec

from claude_code_router.config.categories import shipped_model
from claude_code_router.config.load import load_text
from claude_code_router.improve.apgr import Both, Estimate, apgr, first_share, midranks, saved
from claude_code_router.improve.gate import LEAST_GAP, Learning, learn
from claude_code_router.improve.learning import prepared
from claude_code_router.improve.rows import LoggedRow, examples_of
from claude_code_router.routing import bench
from claude_code_router.routing.categories import label
from claude_code_router.routing.learned import NOTHING_LEARNT, LearnedModel, Turn, score, task_type

TRAINED_ON = 3_000
RESAMPLED = 100
RULES_ASKED = 1_500
SEED = 20261127


class Row(msgspec.Struct, frozen=True):
    prompt: str
    quality: dict[str, float]
    cost: dict[str, float] = {}


class Pair(NamedTuple):
    name: str
    tables: tuple[str, ...]
    light: str
    heavy: str
    permuted: bool = False
    """The qualities are dealt out again to other prompts: nothing can be learnt."""


_GPT, _MIXTRAL = "gpt-4-1106-preview", "mixtral-8x7b"
PAIRS = (
    Pair("MMLU + GSM8K", ("routellm_mmlu", "routellm_gsm8k"), _MIXTRAL, _GPT),
    Pair("MMLU", ("routellm_mmlu",), _MIXTRAL, _GPT),
    Pair("GSM8K", ("routellm_gsm8k",), _MIXTRAL, _GPT),
    Pair("MT-Bench", ("routellm_mtbench",), _MIXTRAL, _GPT),
    Pair("MMLU-Pro, Gemini 1.5 flash, pro", ("mmlupro",), "gemini-1.5-flash-002", "gemini-1.5-pro-002"),
    Pair("MMLU-Pro, Llama 3.1 8B, 70B", ("mmlupro",), "llama-3.1-8b", "llama-3.1-70b"),
    Pair("ulab, Mistral 7B, Gemma 2 9B", ("ulab9",), "mistral-7b-instruct-v0.3", "gemma-2-9b-it"),
    Pair("ulab, Llama 3.1 8B, Nemotron 51B", ("ulab9",), "llama-3.1-8b-instruct", "llama-3.1-nemotron-51b-instruct"),
    Pair("RouterArena, Haiku 3, Gemini 2 flash", ("routerarena_sub10",), "claude-3-haiku-20240307", "gemini-2.0-flash-001"),
    Pair("RouterArena, the cheaper is better", ("routerarena_sub10",), "gemini-2.0-flash-001", "claude-3-haiku-20240307"),
    Pair("MMLU + GSM8K, permuted", ("routellm_mmlu", "routellm_gsm8k"), _MIXTRAL, _GPT, permuted=True),
)  # fmt: skip


class Figures(msgspec.Struct, frozen=True):
    """Of one pair, on rows that the fit has not seen."""

    name: str
    fitted: int
    held_out: int
    gap: float
    switched_on: bool
    method: str
    refused: str
    learned: Estimate
    default: Estimate
    """Without any model: by prompt size. On all rows, as nothing is fitted."""
    rules: Estimate
    """The ready rules (light, mid, heavy tasks)."""
    saved: Estimate
    saved_by_chance: float
    calls_saved: float
    """The same, counted in calls of the strong model, and not in dollars."""
    half: float
    """CPT(50 %)."""
    most: float
    """CPT(80 %)."""
    kept: float
    """Of the strong model's quality, by the tiers that the threshold gives."""
    heavy_share: float
    fit_s: float
    decide_ms: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", default="", help="part of a pair's name")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--every-pair", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.every_pair:
        for line in every_pair(arguments.path):
            print(line, flush=True)
        return 0
    pairs = [
        pair
        for pair in PAIRS
        if arguments.only in pair.name and all((arguments.path / f"{name}.jsonl.gz").exists() for name in pair.tables)
    ]
    if not pairs:
        print(f"{arguments.path} holds none of the tables that are known here.", file=sys.stderr)
        return 1
    if arguments.draws > 1:
        for pair in pairs:
            print(spread(pair, arguments.path, arguments.seed, arguments.draws), flush=True)
        return 0
    found = [measured(pair, arguments.path, arguments.seed) for pair in pairs]
    print(msgspec.json.encode(found).decode() if arguments.json else "\n".join(table(found)))
    return 0


def measured(pair: Pair, path: Path, seed: int) -> Figures:
    dice = random.Random(seed)
    rows = [row for name in pair.tables for row in rows_of(path / f"{name}.jsonl.gz", pair, seed)]
    dice.shuffle(rows)
    count = min(TRAINED_ON, len(rows) * 2 // 3)
    logged = by_lot(rows[:count], pair, dice)
    categories = shipped_model()

    def category(prompt: str) -> str:
        return label(prompt, categories).category

    began = time.process_time()
    learning = learn(prepared(examples_of(logged, "light", "heavy", category), "words"), "light", "heavy")
    fit_s = time.process_time() - began
    return judged(pair, learning, rows, category, count, fit_s)


def judged(
    pair: Pair, learning: Learning, rows: Sequence[Row], category: Callable[[str], str], fitted: int, fit_s: float
) -> Figures:
    model, held = learning.model, rows[fitted:]
    every = [row.quality[pair.heavy] - row.quality[pair.light] for row in rows]
    default = apgr(every, without_model(rows))
    both = [both_of(row, pair) for row in held]
    gains = [one.heavy - one.light for one in both]
    began = time.process_time()
    scores = [scored(row.prompt, model, category) for row in held]
    decide_ms = (time.process_time() - began) / len(held) * 1000
    ranks = midranks(scores)
    asked = rows[:RULES_ASKED]
    by_rules = midranks(rule_scores([row.prompt for row in asked]))
    up = [one > 0.5 for one in scores]
    return Figures(
        name=pair.name,
        fitted=fitted,
        held_out=len(held),
        gap=sum(gains) / len(gains),
        switched_on=learning.switched_on,
        method=model.method,
        refused="; ".join(check.said for check in learning.checks if not check.passed),
        learned=default if model.method == "size" else apgr(gains, ranks),
        default=default,
        rules=apgr(every[: len(asked)], by_rules),
        saved=resampled(both, ranks),
        saved_by_chance=saved(both, [0.5] * len(both)),
        calls_saved=saved([Both(one.light, one.heavy) for one in both], ranks),
        half=first_share(both, ranks, 0.5),
        most=first_share(both, ranks, 0.8),
        kept=sum(one.heavy if far else one.light for one, far in zip(both, up, strict=True))
        / sum(one.heavy for one in both),
        heavy_share=sum(up) / len(up),
        fit_s=fit_s,
        decide_ms=decide_ms,
    )


def rows_of(file: Path, pair: Pair, seed: int) -> Iterator[Row]:
    decoder = msgspec.json.Decoder(Row)
    with gzip.open(file) as lines:
        rows = [row for row in map(decoder.decode, lines) if {pair.light, pair.heavy} <= row.quality.keys()]
    if pair.permuted:
        dealt = list(rows)
        random.Random(seed + 1).shuffle(dealt)
        rows = [Row(row.prompt, other.quality, other.cost) for row, other in zip(rows, dealt, strict=True)]
    yield from rows


def by_lot(rows: Sequence[Row], pair: Pair, dice: random.Random) -> list[LoggedRow]:
    """As an owner's records would have them: one tier answered."""
    found = []
    for row in rows:
        tier = dice.choice(("light", "heavy"))
        model = pair.heavy if tier == "heavy" else pair.light
        cost = row.cost.get(model)
        found.append(LoggedRow(prompt=row.prompt, tier=tier, model=model, quality=row.quality[model], cost=cost))
    return found


def both_of(row: Row, pair: Pair) -> Both:
    """Where costs are not known a light call costs nothing: what is saved is then the share of heavy calls."""
    light, heavy = row.cost.get(pair.light), row.cost.get(pair.heavy)
    known = light is not None and heavy is not None
    return Both(row.quality[pair.light], row.quality[pair.heavy], light if known else 0.0, heavy if known else 1.0)  # type: ignore[arg-type]


def scored(prompt: str, model: LearnedModel, category: Callable[[str], str]) -> float:
    task = task_type(prompt, category(prompt)) if model.method == "table" else ""
    return score(Turn(text=prompt, task=task), model)


def rule_scores(prompts: Sequence[str]) -> list[float]:
    """Which tier the ready rules give, as a score; what no rule takes is in the middle."""
    provider = {"name": "p", "api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["light", "mid", "heavy"]}
    ready = [{"preset": name} for name in ("light tasks", "mid tasks", "heavy tasks")]
    tiers = {name: f"p,{name}" for name in ("light", "mid", "heavy")}
    text = msgspec.json.encode(
        {"Providers": [provider], "Router": {"default": "p,mid"}, "Tiers": tiers, "Rules": ready}
    )
    config = load_text(text.decode(), "benchmark", os.environ)
    cases = [
        bench.Case(
            name="",
            inbound=bench.inbound_of({"model": "m", "max_tokens": 9, "messages": [message]}, {}, "/v1/messages"),
        )
        for message in ({"role": "user", "content": prompt} for prompt in prompts)
    ]
    worth = {"light": 0.0, "mid": 0.5, "heavy": 1.0}
    decisions = [outcome.decision for outcome in bench.run(cases, config.table).outcomes]
    return [worth[one.route.first.model] if one is not None else 0.5 for one in decisions]


def resampled(both: Sequence[Both], ranks: Sequence[float]) -> Estimate:
    """What is saved at 95 % of the strong model's quality, with a bootstrap interval."""
    dice = random.Random(SEED)
    drawn = []
    for _ in range(RESAMPLED):
        places = dice.choices(range(len(both)), k=len(both))
        drawn.append(saved([both[place] for place in places], [ranks[place] for place in places]))
    drawn.sort()
    return Estimate(saved(both, ranks), drawn[round(0.025 * RESAMPLED)], drawn[round(0.975 * RESAMPLED) - 1])


def spread(pair: Pair, path: Path, seed: int, draws: int) -> str:
    """One line a pair: mean ± deviation, and the worst."""
    found = [measured(pair, path, seed + draw) for draw in range(draws)]
    on = sum(one.switched_on for one in found)

    def of(values: Sequence[float], form: str = ".3f") -> str:
        return f"{mean(values):{form}} ± {stdev(values):{form}} (worst {min(values):{form}})"

    return (
        f"{pair.name}: switched on {on} of {draws}; APGR {of([one.learned.value for one in found])}; "
        f"dollars saved {of([one.saved.value for one in found], '.1%')}; "
        f"calls saved {of([one.calls_saved for one in found], '.1%')}; "
        f"kept by its threshold {of([one.kept for one in found], '.1%')}; fit at most {max(one.fit_s for one in found):.1f} s"
    )


def table(found: Sequence[Figures]) -> Iterator[str]:
    yield "| pair | fitted, held out | gap | switched on | APGR | dollars saved at 95 % (by chance), calls | CPT 50, 80 % | the threshold: kept, heavy | default | ready rules |"  # noqa: E501
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for one in found:
        on = "yes" if one.switched_on else f"no: {one.method}"
        yield (
            f"| {one.name} | {one.fitted:,}, {one.held_out:,} | {one.gap:.3f} | {on} | {interval(one.learned)} "
            f"| {percent(one.saved)} ({one.saved_by_chance:.0%}), {one.calls_saved:.0%} | {one.half:.2f}, {one.most:.2f} "
            f"| {one.kept:.0%}, {one.heavy_share:.0%} | {interval(one.default)} | {interval(one.rules)} |"
        )
    yield ""
    for one in found:
        if one.refused:
            yield f"{one.name}: not switched on, {one.refused}."
    slowest = max(found, key=lambda one: one.fit_s)
    yield f"The longest fit with all its checks took {slowest.fit_s:.1f} s of CPU ({slowest.fitted:,} rows), "
    yield f"a decision {max(one.decide_ms for one in found):.2f} ms at most on average."


def interval(found: Estimate) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def percent(found: Estimate) -> str:
    return f"{found.value:.0%} [{found.low:.0%}, {found.high:.0%}]"


def without_model(rows: Sequence[Row]) -> list[float]:
    """What `ccr score` gives where there is no model, as ranks."""
    return midranks([score(Turn(text=row.prompt), NOTHING_LEARNT) for row in rows])


def every_pair(path: Path) -> Iterator[str]:
    """The score without a model; the better model of each pair is the strong one. With a gap under the gate's least the figure
    is a ratio to nearly nothing."""
    for file in sorted(path.glob("*.jsonl.gz")):
        with gzip.open(file) as lines:
            rows = [msgspec.json.decode(line, type=Row) for line in lines]
        models = sorted({model for row in rows for model in row.quality})
        for one, two in itertools.combinations(models, 2):
            kept = [row for row in rows if {one, two} <= row.quality.keys()]
            gains = [row.quality[two] - row.quality[one] for row in kept]
            light, heavy = (one, two) if sum(gains) >= 0 else (two, one)
            gains = gains if light == one else [-gain for gain in gains]
            found = apgr(gains, without_model(kept))
            below = "  below chance" if found.high < 0.5 else ""
            below += "  (too small a gap)" if sum(gains) < LEAST_GAP * len(gains) else ""
            yield f"{file.name.split('.')[0]}: {light} → {heavy}, gap {sum(gains) / len(gains):.3f}: {interval(found)}{below}"


if __name__ == "__main__":
    sys.exit(main())
