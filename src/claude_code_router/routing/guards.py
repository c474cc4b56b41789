"""What no rule may do, whoever wrote it: send a prompt where it does not fit, or weaken where the owner set a floor."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from claude_code_router.core.decision import Choose, Decision, Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.routing.conditions import counted
from claude_code_router.routing.declared import tier_of
from claude_code_router.routing.table import RoutingTable

GUARD = "guard "
"""The names of guards in verdicts begin so; no rule's name may."""
_CLIENTS_OWN_WORD = frozenset({"explicit", "subagentTag"})
"""Who names a target outright is taken at his word."""
_AMBIGUOUS_WORDS = 8


def guarded(decision: Decision, signals: Signals, table: RoutingTable) -> Decision:
    """The decision with what each guard said behind the rules' verdicts, and with its route where one overruled."""
    guards = table.guards
    if guards is None or decision.rule in _CLIENTS_OWN_WORD:
        return decision
    for verdict in _asked(decision, signals, table):
        verdicts = (*decision.verdicts, verdict)
        if isinstance(verdict, Choose):
            decision = msgspec.structs.replace(
                decision, route=verdict.route, rule=verdict.rule, because=verdict.because, verdicts=verdicts
            )
        else:
            decision = msgspec.structs.replace(decision, verdicts=verdicts)
    return decision


def _asked(decision: Decision, signals: Signals, table: RoutingTable) -> Iterable[Verdict]:
    guards = table.guards
    assert guards is not None
    route = decision.route
    if guards.ambiguous or guards.chain:
        floored = _floor(route, signals, table)
        yield floored
        route = floored.route if isinstance(floored, Choose) else route
    if guards.window:
        yield _window(route, signals, table)


def _floor(route: Route, signals: Signals, table: RoutingTable) -> Choose | Pass:
    assert table.guards is not None
    floor, why = "", "neither an ambiguous prompt nor a step inside a chain"
    if signals.kind == "tool_result":
        floor, why = table.guards.chain, "a step inside a chain of tool calls"
    elif signals.kind == "user" and _ambiguous(signals):
        floor = table.guards.ambiguous
        why = f"a prompt of only {counted(signals.words, 'word')}"
    tier, own = table.tiers.get(floor), tier_of(route.first, table.tiers)
    if tier is None:
        return Pass("guard floor", why if not floor else f"{why}, but no tier is called {floor}")
    if own is None or own.rank >= tier.rank:
        standing = f"{route.first} is {'in no tier' if own is None else own.name}"
        return Pass("guard floor", f"{why}: {standing}, the floor is {tier.name}")
    because = f"{why}, and {route.first} is {own.name}, below the floor {tier.name}"
    return Choose("guard floor", Route(_distinct((*tier.targets, *route.targets))), because)


def _ambiguous(signals: Signals) -> bool:
    """Few words, and none of those that the owner's rules know the task by."""
    return 0 < signals.words <= _AMBIGUOUS_WORDS and not signals.heard


def _window(route: Route, signals: Signals, table: RoutingTable) -> Choose | Pass:
    """An unknown window passes: a guess would forbid what works."""
    fitting = [target for target in route if fits(target, signals, table) is not False]
    if len(fitting) == len(route.targets):
        window = table.card_of(route.first).context_tokens
        if window is None:
            return Pass("guard window", f"the window of {route.first.model} is not known")
        needed = f"about {_needed(route.first, signals, table):,} tokens with its output"
        return Pass("guard window", f"{needed} fit {route.first.model}'s window of {window:,}")
    stronger = fitting or [target for target in _stronger(table) if fits(target, signals, table)]
    first = next(target for target in route if fits(target, signals, table) is False)
    window = table.card_of(first).context_tokens
    problem = f"about {_needed(first, signals, table):,} tokens with its output do not fit {first.model}'s window of {window:,}"
    if not stronger:
        return Pass("guard window", f"{problem}, and no configured target is known to be larger")
    return Choose("guard window", Route(_distinct(stronger)), problem)


def _needed(target: Target, signals: Signals, table: RoutingTable) -> int:
    """The prompt and the output that was asked for, at most what the model can put out."""
    most = table.card_of(target).max_output_tokens
    asked = signals.max_tokens or 0
    return signals.tokens + (min(asked, most) if most else asked)


def fits(target: Target, signals: Signals, table: RoutingTable) -> bool | None:
    """Whether its window holds the prompt with its output; None when the window is not known."""
    window = table.card_of(target).context_tokens
    return None if window is None else _needed(target, signals, table) <= window


def _stronger(table: RoutingTable) -> Iterable[Target]:
    """What else there is: the target for long contexts, the tiers from the strongest down, the default."""
    if "longContext" in table.scenarios:
        yield table.scenarios["longContext"]
    for tier in sorted(table.tiers.values(), key=lambda one: -one.rank):
        yield from tier.targets
    if "default" in table.scenarios:
        yield table.scenarios["default"]


def _distinct(targets: Iterable[Target]) -> tuple[Target, ...]:
    return tuple(dict.fromkeys(targets))
