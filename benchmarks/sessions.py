"""What cache-aware stickiness saves: simulated sessions, real price tables, four ways of choosing.

    uv run python benchmarks/sessions.py            200 sessions of each kind, a few seconds
    uv run python benchmarks/sessions.py --short

A session is a row of turns; a turn is a tool loop. Each turn is of a kind that the rules send to heavy, mid or light.
`rules` follows them; `sticky` is ours; `always heavy` and `always mid` are fixed. Costs only: the rules' wish stands for the
quality wanted; the fixed ways may fall below it, `rules` and `sticky` never do.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from claude_code_router.catalog.prices import PriceTable, Rates, load_prices
from claude_code_router.core.decision import Choose, Decision
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.routing.sessions import Sessions
from claude_code_router.routing.stickiness import foregone_usd, settle

URL = "https://api.anthropic.com/v1/messages"
FAMILIES = {
    "Claude 5.5": ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"),
    "Claude 4.5": ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"),
}
KINDS = ("long loops", "topic changes", "cache expiry", "growing up")
CACHE_S = 300.0


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
            yield Call(wish, step == 0, new, dice.randint(100, 1_200), pause if step == 0 else dice.uniform(3, 20))


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


Way = Callable[[list[Call], list[Rates]], Bill]


def fixed(model: int | None) -> Way:
    """None follows the rules' wish."""

    def run(calls: list[Call], rates: list[Rates]) -> Bill:
        bill, prompt, now = Bill(rates), 0, 0.0
        for call in calls:
            now += call.pause_s
            bill.pay(call.wish if model is None else model, call, prompt, now)
            prompt += call.new_tokens + call.output_tokens
        return bill

    return run


def sticky(calls: list[Call], rates: list[Rates]) -> Bill:
    targets = [Target("p", str(model)) for model in range(len(rates))]
    bill, sessions, prompt, now = Bill(rates), Sessions(), 0, 0.0

    def rates_of(target: Target) -> Rates:
        return rates[int(target.model)]

    for call in calls:
        now += call.pause_s
        wished = targets[call.wish]
        route = Route((wished,))
        verdicts = (Choose("default", route, "", "default"),)
        wish = Decision(route=route, rule="r", scenario="default", because="", verdicts=verdicts, config_hash="")
        warm = sessions.recall("s", now)
        signals = Signals(model="m", kind="user" if call.user_turn else "tool_result")
        got = settle(wish, signals, warm, rates_of).route.first
        missed = foregone_usd(wished, got, warm, rates_of)
        usage = bill.pay(int(got.model), call, prompt, now)
        sessions.remember("s", got, usage, now, foregone_usd=missed, user_turn=call.user_turn)
        prompt += call.new_tokens + call.output_tokens
    return bill


WAYS: dict[str, Way] = {"always heavy": fixed(0), "always mid": fixed(1), "rules": fixed(None), "sticky": sticky}


async def prices() -> PriceTable:
    with tempfile.TemporaryDirectory() as folder:
        return await load_prices(Path(folder), [("p", URL, model) for models in FAMILIES.values() for model in models])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--short", action="store_true")
    count = 20 if options.parse_args().short else 200
    table = asyncio.run(prices())
    print(f"{'USD a session':<28}" + "".join(f"{way:>15}" for way in WAYS) + f"{'worst loss':>13}")
    for family, models in FAMILIES.items():
        rates = [found for model in models if (found := table.rates("p", URL, model)) is not None]
        assert len(rates) == len(models), f"no prices for {family}"
        for kind in KINDS:
            sessions = [list(session(kind, random.Random(f"{kind} {number}"))) for number in range(count)]
            bills = {way: [run(calls, rates) for calls in sessions] for way, run in WAYS.items()}
            means = "".join(f"{sum(bill.usd for bill in bills[way]) / count:>15.3f}" for way in WAYS)
            # Against the rules followed to the letter: the fixed ways may answer below the quality wished for.
            worst = max(s.usd - r.usd for s, r in zip(bills["sticky"], bills["rules"], strict=True))
            print(f"{family + ', ' + kind:<28}{means}{worst:>13.3f}")
    print("\nworst loss: the dearest session of `sticky` against the same session by the rules.")


if __name__ == "__main__":
    main()
