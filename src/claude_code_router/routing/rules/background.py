from __future__ import annotations

from claude_code_router.core.decision import Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import choose, shown

_HELPERS = {
    "title": "the client names the session",
    "web_fetch": "the client digests a fetched page",
    "suggestion": "the client guesses the user's next words",
}


def background(signals: Signals, table: RoutingTable) -> Verdict:
    """Work beside the conversation: the client's helpers, or a haiku-class model asked for."""
    if signals.kind in ("classifier", "compaction"):
        return Pass("background", f"a {signals.kind} request is no background work")
    if signals.kind in _HELPERS:
        return choose("background", "background", table, _HELPERS[signals.kind])
    if signals.request_class == "auxiliary" and signals.kind != "web_search":
        return choose("background", "background", table, "the client calls the request auxiliary")
    model = signals.model.lower()
    if "claude" in model and "haiku" in model:
        because = f'the haiku-class model "{shown(signals.model)}" was asked for'
        return choose("background", "background", table, because)
    return Pass("background", "it is no helper request, and no haiku-class model was asked for")
