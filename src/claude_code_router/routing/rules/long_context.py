from __future__ import annotations

from claude_code_router.core.decision import Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import about, choose

_STILL_LONG_TOKENS = 20_000  # the npm tool's: below, the session was compacted or this is one of its helpers


def long_context(signals: Signals, table: RoutingTable) -> Verdict:
    """Strictly more than the threshold now, or at the session's last reply with enough left of it now."""
    threshold = table.long_context_threshold_tokens
    now = about(signals.tokens, threshold)
    if signals.tokens > threshold:
        return choose("longContext", "longContext", table, f"{now} is over longContextThreshold {threshold:,}")
    last = signals.last_input_tokens
    if last is not None and last > threshold and signals.tokens > _STILL_LONG_TOKENS:
        because = f"the session's last reply counted {last:,} input tokens, over longContextThreshold {threshold:,}"
        return choose("longContext", "longContext", table, because)
    return Pass("longContext", f"{now} is not over longContextThreshold {threshold:,}")
