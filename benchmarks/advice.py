"""Does `ccr advise` find the right threshold? In a world whose models have known quality.

    uv run python benchmarks/advice.py [--seeds 100] [--requests 30000] [--share 0.1]

Long prompts are hard for the light model: it answers one of t tokens well with a probability that falls from 0.98 towards
0.2 around 30,000 tokens; the heavy one always with 0.95. A rule sends prompts over a threshold to the heavy tier. The owner's
threshold is wrong (4,000 or 120,000). A share of the requests is answered by the other tier too; those pairs are all that
advice sees, judged by a judge that errs in 5 of 100 answers. What is printed: in how many worlds the advised threshold costs
at most 10 % more than the best one, spend and bad answers together, in truth; and how often advice was given that did harm.

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

from claude_code_router.catalog.prices import Rates
from claude_code_router.config.edit import edited
from claude_code_router.config.load import load_text
from claude_code_router.core.score import Pair
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.improve.advise import Advised, advise, cases_of
from claude_code_router.improve.again import Lanes, known_of
from claude_code_router.improve.candidates import Candidate, Seen, candidates
from claude_code_router.routing.engine import CLASSIC_RULES
from claude_code_router.store.row import slim

LIGHT_USD, HEAVY_USD = 0.01, 0.06
VALUE_USD = 0.60
JUDGE_ERRS = 0.05


def light_good(tokens: float) -> float:
    return 0.2 + 0.78 / (1 + (tokens / 30_000) ** 4)


HEAVY_GOOD = 0.95


def loss(threshold: float, tokens: Sequence[float]) -> float:
    """The expected loss of a request, in USD."""
    light = [LIGHT_USD + VALUE_USD * (1 - light_good(t)) for t in tokens if t <= threshold]
    heavy = sum(1 for t in tokens if t > threshold) * (HEAVY_USD + VALUE_USD * (1 - HEAVY_GOOD))
    return (sum(light) + heavy) / len(tokens)


def config_text(threshold: int) -> str:
    provider = {"name": "p", "api_base_url": "https://x.com/v1/messages", "api_key": "k", "models": ["light", "heavy"]}
    return json.dumps(
        {
            "Providers": [provider],
            "Router": {"default": "p,light"},
            "Tiers": {"light": "p,light", "heavy": "p,heavy"},
            "Stickiness": False,
            "Rules": [{"name": "long", "when": {"tokens": {"over": threshold}}, "use": "heavy"}],
        },
        indent=2,
    )


def world(dice: random.Random, threshold: int, requests: int, share: float) -> tuple[list[Pair], dict[str, Any]]:
    """The pairs, and their requests' rows."""
    pairs, rows = [], {}
    digest = load_text(config_text(threshold), "config.json", {}).hash
    for number in range(requests):
        tokens = round(math.exp(dice.gauss(9.9, 0.9)))
        if dice.random() >= share:
            continue
        good = {"light": dice.random() < light_good(tokens), "heavy": dice.random() < HEAVY_GOOD}
        judged = {tier: 0.9 if well != (dice.random() < JUDGE_ERRS) else 0.2 for tier, well in good.items()}
        served = "heavy" if tokens > threshold else "light"
        other = "light" if served == "heavy" else "heavy"
        cost = {"light": LIGHT_USD, "heavy": HEAVY_USD}
        id = f"req_{number}"
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
                served_value=judged[served],
                other_value=judged[other],
                epoch="e",
                served_cost_usd=cost[served],
                other_cost_usd=cost[other],
            )
        )
        signals = slim(Signals(model="m", tokens=tokens, words=50), ())
        rows[id] = _row(id, float(number), signals, f"p,{served}", digest)
    return pairs, rows


def _row(id: str, at: float, signals: Signals, target: str, digest: str) -> tuple[Any, ...]:
    text = json.dumps({"model": signals.model, "tokens": signals.tokens, "words": signals.words})
    return (id, at, "", "", "user", text, target, "long", digest, "delivered", *target.split(","), "", *[None] * 8)


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
    return float(advice.together.changes.get("Rules[0].when.tokens.over", threshold))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Advice against the best threshold, in a world of known quality.")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--requests", type=int, default=30_000)
    parser.add_argument("--share", type=float, default=0.1)
    options = parser.parse_args(arguments)
    truth = random.Random(0)
    tokens = [math.exp(truth.gauss(9.9, 0.9)) for _ in range(4_000)]
    best = min(range(2_000, 150_000, 500), key=lambda threshold: loss(threshold, tokens))
    print(f"best threshold {best:,}: ${loss(best, tokens):.4f} a request, spend and bad answers")
    failed = False
    for start in (4_000, 120_000):
        reached, harmed, losses = 0, 0, []
        for seed in range(options.seeds):
            pairs, rows = world(random.Random(seed), start, options.requests, options.share)
            now = loss(found_threshold(advised(pairs, rows, start), start), tokens)
            losses.append(now)
            reached += now <= 1.1 * loss(best, tokens)
            harmed += now > loss(start, tokens)
        share = reached / options.seeds
        failed = failed or share < 0.9
        print(
            f"from {start:>7,} (${loss(start, tokens):.4f}): within 10 % of the best in {share:.0%} of {options.seeds} worlds, "
            f"on average ${sum(losses) / len(losses):.4f}; harm done in {harmed}"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
