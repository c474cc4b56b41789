from __future__ import annotations

from claude_code_router.core.decision import Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import choose


def compaction(signals: Signals, table: RoutingTable) -> Verdict:
    """The session lives on its summary, so it has a key of its own; without one it goes where the conversation goes.

    Before longContext: a compaction is long by its nature, and behind it this key would hardly ever be reached.
    """
    if signals.kind != "compaction":
        return Pass("compaction", "the session is not being compacted")
    return choose("compaction", "compaction", table, "the session is being compacted")
