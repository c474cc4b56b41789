from __future__ import annotations

from claude_code_router.core.decision import Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.routing import marks
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import choose, shown


def web_search(signals: Signals, table: RoutingTable) -> Verdict:
    """A search that the provider must run itself."""
    tool = next(filter(marks.is_search, signals.server_tools), None)
    if tool is None:
        return Pass("webSearch", "no web search tool is offered")
    if signals.search_aside:
        return Pass("webSearch", "the web search only stands among the client's own tools")
    return choose("webSearch", "webSearch", table, f'the server tool "{shown(tool)}" is offered')
