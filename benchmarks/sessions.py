"""What cache-aware stickiness saves: simulated sessions, real price tables, and the code that the server runs.

    uv run python benchmarks/sessions.py            200 sessions of each kind, a few seconds
    uv run python benchmarks/sessions.py --short

A session is a row of turns; a turn is a tool loop. Each turn is of a kind that the rules of a config send to heavy, mid or
light. `rules` follows them; `sticky` is ours; `always heavy` and `always mid` are fixed. Costs only: the rules' wish stands for
the quality wanted; the fixed ways may fall below it, `rules` and `sticky` never do.

The best fixed choice of a session is the cheapest model that is never below what the rules wish for. The bound: `sticky` costs
at most what writing the session's prefix costs, once for every time that the rules' wish changes, at the model wished for. A
session beyond it ends the command with an error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from claude_code_router.catalog.prices import PriceTable, Rates, load_prices
from claude_code_router.config.load import load_text
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.routing.engine import decide_in_session
from claude_code_router.routing.sessions import Sessions
from claude_code_router.routing.stickiness import foregone_usd
from claude_code_router.routing.table import RoutingTable

URL = "https://api.anthropic.com/v1/messages"
FAMILIES = {
    "Claude 5.5": ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"),
    "Claude 4.5": ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"),
}
KINDS = ("long loops", "topic changes", "cache expiry", "growing up", "light steps")
CACHE_S = 300.0


TIERS = ("heavy", "mid", "light")
WORDS = ("design", "review", "list")


@dataclass(frozen=True)
class Call:
    wish: int
    """0 heavy, 1 mid, 2 light."""
    user_turn: bool
    new_tokens: int
    output_tokens: int
    pause_s: float
    """Since the call before."""


def session(kind: str, dice: random.Random) -> Iterator[Call]:
    wish = 0
    for turn in range(dice.randint(4, 14)):
        if kind == "topic changes" or turn == 0 or dice.random() < 0.25:
            wish = dice.choices((0, 1, 2), (1, 3, 2))[0]
        if kind == "growing up":
            wish = max(0, 2 - turn // 3)
        pause = dice.choice((20.0, 900.0)) if kind == "cache expiry" else dice.uniform(10, 120)
        for step in range(dice.randint(8, 30) if kind == "long loops" else dice.randint(1, 8)):
            new = dice.randint(200, 3_000) if step or turn else dice.randint(12_000, 20_000)
            asked = 2 if kind == "light steps" and step else wish
            yield Call(asked, step == 0, new, dice.randint(100, 1_200), pause if step == 0 else dice.uniform(3, 20))


@dataclass
class Bill:
    """Runs one session's calls, with caches as Anthropic keeps them: one a model, five minutes from its last use."""

    rates: list[Rates]
    usd: float = 0.0
    _warm: dict[int, tuple[int, float]] = field(default_factory=dict)

    def pay(self, model: int, call: Call, prompt_before: int, now: float) -> Usage:
        cached, used_at = self._warm.get(model, (0, -1e9))
        cached = cached if now - used_at <= CACHE_S else 0
        usage = Usage(
            cache_read_tokens=cached,
            cache_write_tokens=prompt_before + call.new_tokens - cached,
            output_tokens=call.output_tokens,
        )
        cost = self.rates[model].cost_usd(usage)
        assert cost is not None
        self.usd += cost
        self._warm[model] = (usage.prompt_tokens, now)
        return usage


Way = Callable[[list[Call], list[Rates], RoutingTable], Bill]


def fixed(model: int | None) -> Way:
    """None follows the rules' wish."""

    def run(calls: list[Call], rates: list[Rates], table: RoutingTable) -> Bill:  # noqa: ARG001 - a way like the others
        bill, prompt, now = Bill(rates), 0, 0.0
        for call in calls:
            now += call.pause_s
            bill.pay(call.wish if model is None else model, call, prompt, now)
            prompt += call.new_tokens + call.output_tokens
        return bill

    return run


def sticky(calls: list[Call], rates: list[Rates], table: RoutingTable) -> Bill:
    """As a request goes through the server: facts, rules, last word; and back, what the reply reported."""
    bill, sessions, prompt, now = Bill(rates), Sessions(), 0, 0.0

    def rates_of(target: Target) -> Rates:
        return rates[TIERS.index(target.model)]

    for call in calls:
        now += call.pause_s
        signals = Signals(
            model="m",
            session="s",
            kind="user" if call.user_turn else "tool_result",
            tokens=prompt + call.new_tokens,
            heard=(WORDS[call.wish],),
        )
        signals = msgspec.structs.replace(signals, standing=sessions.recall(signals, now))
        signals, decision = decide_in_session(signals, table, rates_of)
        got = decision.route.first
        usage = bill.pay(TIERS.index(got.model), call, prompt, now)
        sessions.remember(signals, got, usage, now, foregone_usd=foregone_usd(decision, got, signals.standing))
        prompt += call.new_tokens + call.output_tokens
    return bill


def owners_table() -> RoutingTable:
    """Of a config as an owner writes it."""
    targets = {tier: f"p,{tier}" for tier in TIERS}
    provider = {"name": "p", "api_base_url": URL, "api_key": "k", "models": list(TIERS)}
    config = {
        "Providers": [provider],
        "Router": {"default": targets["mid"], "longContextThreshold": 10_000_000},
        "Tiers": {tier: targets[tier] for tier in reversed(TIERS)},
        "Rules": [{"when": {"says": word}, "use": tier} for word, tier in zip(WORDS, TIERS, strict=True)],
    }
    return load_text(json.dumps(config), "sessions", {}).table


def bound_usd(calls: list[Call], rates: list[Rates], fixed_at: int) -> float:
    """For every change of the wish what writing the prefix costs at the model wished for, at the size that the prefix has at
    the end, for a move may be put off. And where a model is the dearer one for long prompts though it is the weaker one,
    what its calls cost more: the rules have wished for it."""
    total, prefix = 0.0, 0
    whole = sum(call.new_tokens + call.output_tokens for call in calls)
    at = calls[0].wish
    for call in calls:
        if call.wish != at:
            total += _write_usd(rates[call.wish], whole)
            at = call.wish
        total += max(0.0, _warm_usd(rates[call.wish], call, prefix) - _warm_usd(rates[fixed_at], call, prefix))
        prefix += call.new_tokens + call.output_tokens
    return total


def _warm_usd(rates: Rates, call: Call, prefix: int) -> float:
    usage = Usage(cache_read_tokens=prefix, cache_write_tokens=call.new_tokens, output_tokens=call.output_tokens)
    return rates.cost_usd(usage) or 0.0


def _write_usd(rates: Rates, tokens: int) -> float:
    written = rates.cost_usd(Usage(cache_write_tokens=tokens)) or 0.0
    return written - (rates.cost_usd(Usage(cache_read_tokens=tokens)) or 0.0)


WAYS: dict[str, Way] = {"always heavy": fixed(0), "always mid": fixed(1), "rules": fixed(None), "sticky": sticky}


async def prices() -> PriceTable:
    with tempfile.TemporaryDirectory() as folder:
        return await load_prices(Path(folder), [("p", URL, model) for models in FAMILIES.values() for model in models])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--short", action="store_true")
    count = 20 if options.parse_args().short else 200
    prices_now, table = asyncio.run(prices()), owners_table()
    heads = (*WAYS, "best fixed", "worst excess", "its bound")
    print(f"{'USD a session':<28}" + "".join(f"{head:>14}" for head in heads))
    beyond = 0
    for family, models in FAMILIES.items():
        rates = [found for model in models if (found := prices_now.rates("p", URL, model)) is not None]
        assert len(rates) == len(models), f"no prices for {family}"
        for kind in KINDS:
            sessions = [list(session(kind, random.Random(f"{kind} {number}"))) for number in range(count)]
            means = [sum(run(calls, rates, table).usd for calls in sessions) / count for run in WAYS.values()]
            best = [best_fixed(calls, rates, table) for calls in sessions]
            excess = [sticky(calls, rates, table).usd - usd for calls, (usd, _) in zip(sessions, best, strict=True)]
            bounds = [bound_usd(calls, rates, at) for calls, (_, at) in zip(sessions, best, strict=True)]
            beyond += sum(1 for over, bound in zip(excess, bounds, strict=True) if over > bound + 1e-9)
            worst = max(range(count), key=excess.__getitem__)
            figures = (*means, sum(usd for usd, _ in best) / count, excess[worst], bounds[worst])
            print(f"{family + ', ' + kind:<28}" + "".join(f"{figure:>14.3f}" for figure in figures))
    print(
        "\nworst excess: of the session in which `sticky` costs most beyond its best fixed choice, and that session's bound."
    )
    if beyond:
        sys.exit(f"{beyond} sessions are beyond their bound")


def best_fixed(calls: list[Call], rates: list[Rates], table: RoutingTable) -> tuple[float, int]:
    """Of the models that are never below what the rules wish for; a stronger one is sometimes the cheaper."""
    strongest = min(call.wish for call in calls)
    return min((fixed(model)(calls, rates, table).usd, model) for model in range(strongest + 1))


if __name__ == "__main__":
    main()
