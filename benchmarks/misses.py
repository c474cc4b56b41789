"""Do the report's intervals hold the truth?  Models of known quality, a judge of known error, through the report's own code.

    uv run python benchmarks/misses.py            # 200 runs: about two minutes
    uv run python benchmarks/misses.py --runs 20

Each run is a week of its own: requests are routed by task, not always to the same tier; some light answers are escalated; of
the rest some are paired with the other tier, with a probability that stands on the pair; the judge scores what it sees,
wrongly now and then; people have judged some of the served and of the other answers too. All of it is written to a database
and read by `improve.report`. Then the 95 % intervals of the report are held against the rates that follow from the models'
chances. Exit code 1 when one of them holds the truth in fewer than 93 % of the runs.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Choose, Decision
from claude_code_router.core.record import Outcome, Purpose, Record
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.improve.report.gather import report
from claude_code_router.quality.misses import Misses, MissSettings, Rate
from claude_code_router.routing.declared import Tier
from claude_code_router.store.db import Database
from claude_code_router.store.kpis import Span
from claude_code_router.store.location import sqlite_url
from claude_code_router.store.row import Entry, flatten
from quality_world import TASKS, TIERS, World, chances, cost_usd, task_of

NEEDED = 0.93
HEAVY_CHANCE = {"summary": 0.1, "code_review": 0.4, "debugging": 0.5, "design": 0.9}
"""With which a task is routed to heavy; else to light."""
ESCALATED_IF_BAD, ESCALATED_IF_GOOD = 0.5, 0.1
"""Of light answers, by what the judge made of them."""
UP, DOWN = 0.25, 0.5
"""Probabilities of being paired."""
WEEK_S = 7 * 86_400.0
TARGETS = {tier: Target("scripted", model.name) for tier, model in TIERS.items()}
RANKED = {tier: Tier(tier, place, (TARGETS[tier],)) for place, tier in enumerate(("light", "heavy"))}


class Setting:
    """One kind of judge, and how well people know it."""

    def __init__(self, sensitivity: float, specificity: float, checked: int, requests: int) -> None:
        self.sensitivity, self.specificity = sensitivity, specificity
        self.checked = checked
        """Served replies that people have judged too; besides half of the other tier's."""
        self.requests = requests


SETTINGS = {
    "a judge without error": Setting(1.0, 1.0, 0, 700),
    "a judge with .85/.92, checked by people": Setting(0.85, 0.92, 300, 1_000),
}


def truth() -> dict[str, float]:
    """From the models' chances and the router's alone."""
    light = {task: one.share * (1 - HEAVY_CHANCE[task]) for task, one in TASKS.items()}
    heavy = {task: one.share * HEAVY_CHANCE[task] for task, one in TASKS.items()}

    def mean(routed: dict[str, float], cells: tuple[int, ...]) -> float:
        hits = sum(
            share * sum(chances(task, "light", "heavy")[cell] for cell in cells) for task, share in routed.items()
        )
        return hits / sum(routed.values())

    return {
        "under-routed": mean(light, (1,)),
        "over-routed": mean(heavy, (2, 3)),
        "light-bad": mean(light, (0, 1)),
        "both bad": mean(light, (0,)),
    }


def week(world: World, setting: Setting, dice: random.Random) -> Iterator[Entry]:
    for number in range(setting.requests):
        prompt = world.prompt(number)
        task = task_of(prompt)
        routed = "heavy" if dice.random() < HEAVY_CHANCE[task] else "light"
        at = WEEK_S + WEEK_S * number / setting.requests
        escalated = routed == "light" and dice.random() < (
            ESCALATED_IF_GOOD if world.judged(prompt, "light") else ESCALATED_IF_BAD
        )
        served = "heavy" if escalated else routed
        other = "light" if served == "heavy" else "heavy"
        yield record(number, at, prompt, routed, served)
        if setting.checked and number % (setting.requests // setting.checked) == 0:
            yield from judged_by_both(world, f"req_{number}", at, prompt, served)
        probability = 1.0 if escalated else UP if routed == "light" else DOWN
        if dice.random() < probability:
            if not escalated and number % 2 == 0 and setting.checked:
                shadow = record(number, at, prompt, other, other)
                yield msgspec.structs.replace(shadow, id=f"other_{number}", purpose=Purpose.SHADOW)
                yield from judged_by_both(world, f"other_{number}", at, prompt, other)
            yield Pair(
                request_id=f"req_{number}",
                other_id=f"other_{number}",
                at=at,
                probability=probability,
                escalated=escalated,
                category=task,
                rule="by task",
                served_tier=served,
                other_tier=other,
                served_target=str(TARGETS[served]),
                other_target=str(TARGETS[other]),
                served_value=0.9 if world.judged(prompt, served) else 0.3,
                other_value=0.9 if world.judged(prompt, other) else 0.3,
                judge="scripted,scripted-judge",
                epoch="e1",
                served_cost_usd=cost_usd(served),
                other_cost_usd=cost_usd(other),
            )


def judged_by_both(world: World, id: str, at: float, prompt: str, tier: str) -> Iterator[Entry]:
    """By people, who know the truth, and by the judge."""
    for by, good in (("person", world.good(prompt, tier)), ("model", world.judged(prompt, tier))):
        yield Score(
            id=f"{by}_{id}",
            request_id=id,
            at=at,
            by=by,  # type: ignore[arg-type]
            judge=by,
            epoch="e1" if by == "model" else "",
            value=0.9 if good else 0.3,
        )


def record(number: int, at: float, prompt: str, routed: str, served: str) -> Record:
    route = Route((TARGETS[routed],))
    choice = Choose("by task", route, f"the task is {task_of(prompt)}", "default")
    usage = Usage(input_tokens=2_000, output_tokens=TIERS[served].answer_tokens)
    return Record(
        id=f"req_{number}",
        at=at,
        path="/v1/messages",
        outcome=Outcome.DELIVERED,
        status=200,
        tier=served,
        signals=Signals(model="claude", category=task_of(prompt), session=f"s{number}"),
        decision=Decision(
            route=route, rule="by task", scenario="default", because=choice.because, verdicts=(choice,), config_hash="c"
        ),
        attempts=(Attempt(target=TARGETS[served], started_ms=0, ended_ms=900, status=200, usage=usage),),
        first_event_ms=400.0,
        total_ms=900.0,
    )


def measured(folder: Path, setting: Setting, seed: int) -> Misses:
    world = World(seed, sensitivity=setting.sensitivity, specificity=setting.specificity)
    database = Database(sqlite_url(folder / f"{seed}.sqlite"))
    try:
        entries = week(world, setting, random.Random(f"{seed} router"))
        database.insert([flatten(entry, lambda _: 0.01, 0.0) for entry in entries])
        span = Span(since=WEEK_S, until=2 * WEEK_S)
        return report(database, span, tiers=RANKED, rates_of=lambda _: None, settings=MissSettings()).misses
    finally:
        database.close()
        for file in folder.glob(f"{seed}.sqlite*"):
            file.unlink()


def rates(found: Misses) -> dict[str, Rate]:
    group = found.all
    return {
        "under-routed": group.under,
        "over-routed": group.over,
        "light-bad": group.light_bad,
        "both bad": group.both_bad,
    }


def cover(name: str, setting: Setting, runs: int, first_seed: int) -> bool:
    true = truth()
    inside, naive, widths, values = (dict.fromkeys(true, 0.0) for _ in range(4))
    pairs = 0
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first_seed, first_seed + runs):
            for figure, rate in rates(measured(Path(folder), setting, seed)).items():
                assert rate.estimate is not None, rate.insufficient
                shown = rate.as_judged or rate.estimate
                inside[figure] += rate.estimate.low <= true[figure] <= rate.estimate.high
                naive[figure] += shown.low <= true[figure] <= shown.high
                widths[figure] += rate.estimate.high - rate.estimate.low
                values[figure] += rate.estimate.value
                pairs += rate.n if figure in ("under-routed", "over-routed") else 0
    print(f"{name}: {runs} runs of {setting.requests} requests, {pairs / runs:.0f} pairs each", end=", ")
    print(f"{time.perf_counter() - began:.0f} s")
    print("  figure          truth   mean   width   holds the truth   uncorrected would")
    for figure, value in true.items():
        line = f"  {figure:<13} {value:>6.1%} {values[figure] / runs:>6.1%} {widths[figure] / runs:>6.1%}"
        print(f"{line}  {inside[figure] / runs:>15.1%} {naive[figure] / runs:>18.1%}")
    return all(count / runs >= NEEDED for count in inside.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    enough = [cover(name, setting, asked.runs, asked.seed) for name, setting in SETTINGS.items()]
    print(f"every interval holds the truth in at least {NEEDED:.0%} of the runs: {'yes' if all(enough) else 'NO'}")
    return 0 if all(enough) else 1


if __name__ == "__main__":
    sys.exit(main())
