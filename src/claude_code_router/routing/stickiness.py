"""The last word of routing: is the move that the rules wish for worth the warm cache that it leaves behind?

Moving up (to a dearer target) is always followed: it is asked for by quality. Moving down within a tool loop never is.
Between turns it is a rent-or-buy question: move as soon as what staying has cost more by now, and is expected to cost more in
the turn that begins, reaches what moving costs once. How far that can be from what a seer would pay: docs/stickiness.md.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from claude_code_router.catalog.prices import Rates
from claude_code_router.core.decision import Choose, Decision, Pass
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.routing.economy import Move, move
from claude_code_router.routing.sessions import Warm

RULE = "stickiness"
RatesOf = Callable[[Target], Rates | None]

PREFERENCES = frozenset({"default", "think", "background", "subagent"})
"""Scenarios that say what would be good. The others say what is needed (a window, eyes, a search, the very model named),
and are followed at any price."""
_PINNED = frozenset(
    {"explicit", "custom", "subagentTag", "image", "longContext", "webSearch", "compaction", "classifier"}
)


def settle(decision: Decision, signals: Signals, warm: Warm | None, rates_of: RatesOf) -> Decision:
    """The same decision, or the one that keeps the session where it is. Pure."""
    wished = decision.route.first
    if warm is None or wished == warm.target or not _is_preference(decision):
        return decision
    here, there = rates_of(warm.target), rates_of(wished)
    warm_there = warm.warm_tokens.get(wished, 0)
    moving = move(here, there, warm.calls, warm_there) if here is not None and there is not None else None
    if moving is None:
        return _noted(decision, f"the price of {warm.target} or {wished} is not known, so the rules are followed")
    if moving.saving_usd <= 0:
        return _noted(
            decision, f"{wished} is dearer than {warm.target}, where the session was: going up is always followed"
        )
    if warm.expired:
        return _noted(decision, f"the cache of {warm.target} has expired: moving to {wished} loses nothing")
    if signals.kind == "tool_result":
        return _stay(decision, warm, f"inside a tool loop the session stays with {warm.target}")
    if warm.foregone_usd + moving.saving_usd * warm.calls_a_turn >= moving.once_usd:
        return _noted(decision, f"moving from {warm.target} pays: {_figures(moving, warm)}")
    return _stay(decision, warm, f"moving from {warm.target} does not pay yet: {_figures(moving, warm)}")


def foregone_usd(wished: Target, got: Target, warm: Warm | None, rates_of: RatesOf) -> float:
    """What one call cost more than it would have where the rules wished to go; 0 when it went there, or nobody knows."""
    here, there = rates_of(got), rates_of(wished)
    if wished == got or warm is None or here is None or there is None:
        return 0.0
    moving = move(here, there, warm.calls)
    return max(0.0, moving.saving_usd) if moving is not None else 0.0


def _is_preference(decision: Decision) -> bool:
    return decision.rule not in _PINNED and decision.scenario in PREFERENCES


def _stay(decision: Decision, warm: Warm, because: str) -> Decision:
    behind = tuple(target for target in decision.route.targets if target != warm.target)
    route = Route((warm.target, *behind))
    verdict = Choose(RULE, route, because, decision.scenario)
    return msgspec.structs.replace(
        decision, route=route, rule=RULE, because=because, verdicts=(verdict, *decision.verdicts)
    )


def _noted(decision: Decision, because: str) -> Decision:
    return msgspec.structs.replace(decision, verdicts=(Pass(RULE, because), *decision.verdicts))


def _figures(moving: Move, warm: Warm) -> str:
    pays = moving.break_even_calls
    return (
        f"{warm.calls.prefix_tokens:,} tokens are warm there; it costs ${moving.once_usd:.4f} once and saves "
        f"${moving.saving_usd:.4f} a call, so it pays after {pays:.1f} calls; a turn has {warm.calls_a_turn:.0f}, and "
        f"${warm.foregone_usd:.4f} were foregone so far"
    )
