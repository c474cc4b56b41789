"""The last word of routing: is the move that the rules wish for worth the warm cache that it leaves behind?

Moving up is always followed: it is asked for by quality. Moving down within a tool loop never is. Between turns it is a
rent-or-buy question: move as soon as what staying has cost more by now, and is expected to cost more in the turn that begins,
reaches what moving costs once. How far that can be from what a seer would pay: docs/stickiness.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from claude_code_router.catalog.prices import Rates
from claude_code_router.core.decision import Choose, Decision, Pass
from claude_code_router.core.signals import Signals
from claude_code_router.core.standing import Move, Standing
from claude_code_router.core.target import Route, Target
from claude_code_router.routing.declared import tier_of
from claude_code_router.routing.economy import move
from claude_code_router.routing.guards import GUARD, fits
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import shown

RULE = "stickiness"
RatesOf = Callable[[Target], Rates | None]

PREFERENCES = frozenset({"default", "think", "background", "subagent"})
"""Scenarios that say what would be good. The others say what is needed (a window, eyes, a search, the very model named),
and are followed at any price."""
_PINNED = frozenset(
    {"explicit", "custom", "subagentTag", "image", "longContext", "webSearch", "compaction", "classifier"}
)


def last_word(decision: Decision, signals: Signals, table: RoutingTable, rates_of: RatesOf) -> tuple[Signals, Decision]:
    """The decision as it stands after a look at the session's cache, and the signals with what was looked at."""
    standing = signals.standing
    if standing is None:
        return signals, decision
    signals = msgspec.structs.replace(signals, standing=weighed(standing, decision.route.first, rates_of))
    return signals, settle(decision, signals, table)


def weighed(standing: Standing, wished: Target, rates_of: RatesOf) -> Standing:
    """With the move that the rules wish for."""
    if wished == standing.target:
        return standing
    here, there = rates_of(standing.target), rates_of(wished)
    if here is None or there is None:
        return standing
    found = move(here, there, standing.calls, standing.warm.get(str(wished), 0))
    return msgspec.structs.replace(standing, move=found)


def settle(decision: Decision, signals: Signals, table: RoutingTable) -> Decision:
    """The same decision, or the one that keeps the session where it is (`signals.standing`). Pure."""
    standing = signals.standing
    if standing is None or decision.route.first == standing.target or not _is_preference(decision, table):
        return decision
    why_not = _not_comparable(standing, decision.route.first, signals, table)
    if why_not:
        return _noted(decision, why_not)
    assert standing.move is not None
    stays, because = _weigh(standing, standing.move, decision.route.first, signals)
    return _stay(decision, standing.target, because) if stays else _noted(decision, because)


def foregone_usd(decision: Decision, got: Target, standing: Standing | None) -> float:
    """What one call cost more than it would have where the rules wished to go; 0 when it went there, or nobody knows."""
    if decision.rule != RULE or standing is None or standing.move is None or got != standing.target:
        return 0.0
    return max(0.0, standing.move.saving_usd)


def _is_preference(decision: Decision, table: RoutingTable) -> bool:
    if decision.rule in _PINNED or decision.rule.startswith(GUARD) or decision.scenario not in PREFERENCES:
        return False
    return not any(one.firm and one.name == decision.rule for one in table.declared)


def _not_comparable(standing: Standing, wished: Target, signals: Signals, table: RoutingTable) -> str:
    """Why the rules are followed without a look at the cache; empty when there is something to weigh."""
    here = standing.target
    if standing.asked != signals.model:
        return f'the client asks for "{shown(signals.model)}" now, and asked for "{shown(standing.asked)}" before'
    if standing.stand_in:
        return f"{here} had only stood in for a target that failed"
    if here not in _targets(table):
        return f"{here}, where the session was, is nobody's target any more"
    if fits(here, signals, table) is False:
        return f"{here}, where the session was, cannot hold the prompt"
    tier, its = tier_of(wished, table.tiers), tier_of(here, table.tiers)
    if tier is not None and its is not None and tier.rank > its.rank:
        return (
            f"{wished} is {tier.name}, above the {its.name} {here}, where the session was: going up is always followed"
        )
    if standing.move is None:
        return f"the price of {here} or {wished} is not known, so the rules are followed"
    weaker = tier is not None and its is not None and tier.rank < its.rank
    if standing.move.saving_usd <= 0 and not weaker:
        return f"{wished} is not cheaper than {here}, where the session was: going up is always followed"
    return ""


def _weigh(standing: Standing, moving: Move, wished: Target, signals: Signals) -> tuple[bool, str]:
    here = standing.target
    if moving.saving_usd <= 0:
        return True, f"{wished} is the weaker one and would be no cheaper than {here}, where the session is"
    if signals.kind == "tool_result":
        return True, f"inside a tool loop the session stays with {here}: {_figures(moving, standing)}"
    if standing.expired:
        return False, f"nothing of the session is warm at {here}: moving to {wished} loses nothing"
    figures = _figures(moving, standing)
    if standing.foregone_usd + moving.saving_usd * standing.calls_a_turn >= moving.once_usd:
        return False, f"moving from {here} pays: {figures}"
    return True, f"moving from {here} to {wished} does not pay yet: {figures}"


def _targets(table: RoutingTable) -> Iterable[Target]:
    yield from table.scenarios.values()
    for tier in table.tiers.values():
        yield from tier.targets
    for use in (*table.aliases.values(), *(share.use for one in table.declared for share in one.shares)):
        yield from use.targets


def _stay(decision: Decision, here: Target, because: str) -> Decision:
    behind = tuple(target for target in decision.route.targets if target != here)
    route = Route((here, *behind))
    verdict = Choose(RULE, route, because, decision.scenario)
    return msgspec.structs.replace(
        decision, route=route, rule=RULE, because=because, verdicts=(*decision.verdicts, verdict)
    )


def _noted(decision: Decision, because: str) -> Decision:
    return msgspec.structs.replace(decision, verdicts=(*decision.verdicts, Pass(RULE, because)))


def _figures(moving: Move, standing: Standing) -> str:
    pays, turn, foregone = moving.break_even_calls, standing.calls_a_turn, standing.foregone_usd
    said = [
        f"{standing.warm.get(str(standing.target), 0):,} tokens are warm there; moving costs ${moving.once_usd:.4f} once "
        f"and saves ${moving.saving_usd:.4f} a call, so it pays after {pays or 0.0:.1f} calls",
        f"a turn of this session has about {turn:.0f}",
    ]
    if foregone:
        said.append(f"staying has cost ${foregone:.4f} so far")
    return ", ".join(said)
