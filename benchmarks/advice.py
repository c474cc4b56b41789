"""Does `ccr advise` find the right threshold? In the world of known quality that the other benchmarks use, too.

    uv run python benchmarks/advice.py [--seeds 100] [--requests 30000] [--share 0.1]

Harder kinds of task are asked for at greater length (`WORDS`), so that a rule "more than so many words go to heavy" makes sense
there; how often each tier is good at each kind is the world's (`quality_world.TASKS`). The owner's threshold is wrong: 5 words
(nearly everything goes to heavy), or 2,000 (nothing does). A share of the requests is answered by the other tier too; those
pairs are all that advice sees, judged by a judge that passes 95 of 100 good answers and finds 95 of 100 bad ones. What is
printed: in how many worlds the advised threshold costs at most 10 % more than the best one, spend and bad answers together, in
truth; and how often advice was given that did harm.

Exit code 1 when fewer than nine worlds in ten succeed.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from claude_code_router.catalog.prices import Rates
from claude_code_router.config.edit import edited
from claude_code_router.config.load import load_text
from claude_code_router.core.score import Pair
from claude_code_router.core.target import Target
from claude_code_router.improve.advise import Advised, advise, cases_of
from claude_code_router.improve.again import Lanes, known_of
from claude_code_router.improve.candidates import Candidate, Seen, candidates
from claude_code_router.routing.engine import CLASSIC_RULES
from quality_world import TASKS, World, cost_usd, task_of

VALUE_USD = 0.06
"""Of a good answer. With more, heavy would pay for everything here."""
JUDGE = 0.95
STARTS = (5, 2_000)
WORDS = {"summary": 25, "code_review": 70, "debugging": 120, "design": 200}
"""The median of a request's length; two thirds lie within a factor of 1.65."""
_SPREAD = 0.5


class Asked(msgspec.Struct, frozen=True):
    task: str
    words: int


def asked(world: World, number: int) -> Asked:
    task = task_of(world.prompt(number))
    return Asked(task, round(WORDS[task] * math.exp(random.Random(f"{world.seed} words {number}").gauss(0, _SPREAD))))


def traffic(requests: int = 8_000) -> list[Asked]:
    """By which the truth is told: of a world of its own."""
    return [asked(World(0), number) for number in range(requests)]


def loss(threshold: float, requests: Sequence[Asked]) -> float:
    """The expected loss of a request, in USD."""
    tiers = ("heavy" if one.words > threshold else "light" for one in requests)
    return sum(
        cost_usd(tier) + VALUE_USD * (1 - TASKS[one.task].success[tier])
        for tier, one in zip(tiers, requests, strict=True)
    ) / len(requests)


def best_threshold(requests: Sequence[Asked]) -> int:
    return min(range(0, 1_000, 5), key=lambda threshold: loss(threshold, requests))


def config_text(threshold: int) -> str:
    provider = {"name": "p", "api_base_url": "https://x.com/v1/messages", "api_key": "k", "models": ["light", "heavy"]}
    return json.dumps(
        {
            "Providers": [provider],
            "Router": {"default": "p,light"},
            "Tiers": {"light": "p,light", "heavy": "p,heavy"},
            "Stickiness": False,
            "Rules": [{"name": "long", "when": {"words": {"over": threshold}}, "use": "heavy"}],
        },
        indent=2,
    )


def world(seed: int, threshold: int, requests: int, share: float) -> tuple[list[Pair], dict[str, Any]]:
    """The pairs, and their requests' rows."""
    found, dice = World(seed, sensitivity=JUDGE, specificity=JUDGE), random.Random(seed)
    pairs, rows = [], {}
    digest = load_text(config_text(threshold), "config.json", {}).hash
    for number in (number for number in range(requests) if dice.random() < share):
        prompt, one, id = found.prompt(number), asked(found, number), f"req_{number}"
        served, other = ("heavy", "light") if one.words > threshold else ("light", "heavy")
        value = {tier: 0.9 if found.judged(prompt, tier) else 0.2 for tier in (served, other)}
        pairs.append(
            Pair(
                request_id=id,
                other_id=f"other_{number}",
                at=float(number),
                probability=share,
                served_tier=served,
                other_tier=other,
                served_target=f"p,{served}",
                other_target=f"p,{other}",
                served_value=value[served],
                other_value=value[other],
                epoch="e",
                served_cost_usd=cost_usd(served),
                other_cost_usd=cost_usd(other),
            )
        )
        facts = json.dumps({"model": "m", "tokens": 2_000, "words": one.words})
        target = ("p", served)
        decided = (id, float(number), "", "", "user", facts, ",".join(target), "long", digest, "delivered", *target, "")
        rows[id] = (*decided, *[None] * 8)
    return pairs, rows


def no_rates(_: Target) -> Rates | None:
    """What an answer costs stands on the pair."""
    return None


def advised(pairs: Sequence[Pair], rows: Mapping[str, Any], threshold: int) -> Advised:
    text = config_text(threshold)
    base = load_text(text, "config.json", {})
    known = known_of([base])

    def lanes(changes: Mapping[str, Any]) -> Lanes:
        config = load_text(edited(text, changes), "config.json", {})
        return Lanes(config, known, CLASSIC_RULES, lambda _, of: of.table)

    def proposed(seen: Seen) -> list[Candidate]:
        return candidates(json.loads(text), ["light", "heavy"], seen)

    ranks = {"light": 0, "heavy": 1}
    return advise(
        cases_of(pairs, rows, ranks), lanes({}), lanes, proposed, no_rates, VALUE_USD, lambda _done, _total: None
    )


def found_threshold(advice: Advised, threshold: int) -> float:
    """Where the threshold stands after `--apply`."""
    if advice.together is None:
        return threshold
    return float(advice.together.changes.get("Rules[0].when.words.over", threshold))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Advice against the best threshold, in a world of known quality.")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--requests", type=int, default=30_000)
    parser.add_argument("--share", type=float, default=0.1)
    options = parser.parse_args(arguments)
    requests = traffic()
    best = best_threshold(requests)
    print(f"best threshold {best:,} words: ${loss(best, requests):.4f} a request, spend and bad answers")
    failed = False
    for start in STARTS:
        reached, harmed, losses = 0, 0, []
        for seed in range(1, options.seeds + 1):
            pairs, rows = world(seed, start, options.requests, options.share)
            now = loss(found_threshold(advised(pairs, rows, start), start), requests)
            losses.append(now)
            reached += now <= 1.1 * loss(best, requests)
            harmed += now > loss(start, requests)
        share = reached / options.seeds
        failed = failed or share < 0.9
        print(
            f"from {start:>6,} words (${loss(start, requests):.4f}): within 10 % of the best in {share:.0%} of "
            f"{options.seeds} worlds, on average ${sum(losses) / len(losses):.4f}; harm done in {harmed}"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
