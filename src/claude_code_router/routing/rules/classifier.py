from __future__ import annotations

from claude_code_router.core.decision import Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import choose


def classifier(signals: Signals, table: RoutingTable) -> Verdict:
    """Auto mode's safety check denies the tool call when the answer is not in its exact format, so it is never
    background work; it has a key of its own. Before longContext: it carries the conversation with it."""
    if signals.kind != "classifier":
        return Pass("classifier", "it is not auto mode's safety check")
    return choose("classifier", "classifier", table, "auto mode asks whether a tool call is safe")
