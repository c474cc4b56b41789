"""How rules word their answers."""

from __future__ import annotations

from claude_code_router.core.decision import Choose, Pass
from claude_code_router.core.target import Route
from claude_code_router.routing.table import RoutingTable, Scenario

_SHOWN_CHARACTERS = 120
ROUNDED_FROM_TOKENS = 1000


def choose(rule: str, scenario: Scenario, table: RoutingTable, because: str) -> Choose | Pass:
    """The scenario's own target, or a Pass that names the key to set."""
    target = table.scenarios.get(scenario)
    if target is None:
        return not_set(rule, scenario, because)
    return Choose(rule, Route((target,)), because, scenario)


def not_set(rule: str, scenario: Scenario, because: str) -> Pass:
    return Pass(rule, f"{because}, but Router.{scenario} is not set")


def about(tokens: int, beside: int) -> str:
    """`about 61,200 tokens`; exact below 1,000, and where rounding would hide on which side of `beside` it is."""
    if tokens < ROUNDED_FROM_TOKENS:
        return f"{tokens} tokens"
    rounded = round(tokens, -2)
    if (rounded > beside) != (tokens > beside):
        rounded = tokens
    return f"about {rounded:,} tokens"


def shown(text: str) -> str:
    """What a stranger sent, short enough for a sentence."""
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
