from __future__ import annotations

from claude_code_router.core.decision import Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import choose, shown


def web_search(signals: Signals, table: RoutingTable) -> Verdict:
    """A search that the provider must run itself."""
    tool = next((name for name in signals.server_tools if name.startswith("web_search")), None)
    if tool is None:
        return Pass("webSearch", "no web search tool is offered")
    return choose("webSearch", "webSearch", table, f'the server tool "{shown(tool)}" is offered')
