from __future__ import annotations

from collections.abc import Iterator

from claude_code_router.catalog.cards import default_effort
from claude_code_router.core.decision import Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import choose

# They carry the session's effort, and the person's words with their "ultrathink", but nobody asked them to think.
_SIMPLE = frozenset({"title", "web_fetch", "classifier"})
_RANK = {"low": 1, "medium": 2, "high": 3, "xhigh": 4, "max": 5}


def think(signals: Signals, table: RoutingTable) -> Verdict:
    """Somebody asked for more thinking than the client sends by itself; which ways of asking count is the owner's setting."""
    if signals.kind in _SIMPLE and signals.thinking != "enabled":
        return Pass("think", f"a {signals.kind.replace('_', ' ')} request needs no thinking")
    because = next(_asked(signals, table), None)
    if because is None:
        return Pass("think", "no more thinking was asked for than the client's default")
    return choose("think", "think", table, because)


def _asked(signals: Signals, table: RoutingTable) -> Iterator[str]:
    when = table.think_when
    enabled = signals.thinking == "enabled"
    if "budget" in when and enabled and not signals.thinking_budget_is_client_default:
        yield f"a thinking budget of {signals.thinking_budget or 0:,} tokens was asked for"
    default = default_effort(signals.model)
    if "effort" in when and _RANK.get(signals.effort, 0) > _RANK[default]:
        yield f'effort "{signals.effort}" is above the client\'s default "{default}" for this model'
    if "ultrathink" in when and signals.ultrathink:
        yield 'the user wrote "ultrathink"'
    if "plan" in when and signals.plan_mode:
        yield "plan mode is on"
    if "adaptive" in when and (enabled or signals.thinking == "adaptive"):
        yield f"thinking is {signals.thinking}"
