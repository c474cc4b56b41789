from __future__ import annotations

from claude_code_router.core.decision import Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import choose, shown


def subagent(signals: Signals, table: RoutingTable) -> Verdict:
    """Subagents as a whole have an optional key. Behind background and webSearch: an agent that asked for a light model
    or for a search says more of what it needs than that it is an agent."""
    if not signals.subagent:
        return Pass("subagent", "it is not a subagent's request")
    kind = f' of type "{shown(signals.agent_type)}"' if signals.agent_type else ""
    return choose("subagent", "subagent", table, f"it is a subagent's request{kind}")
