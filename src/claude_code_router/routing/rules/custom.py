from __future__ import annotations

from claude_code_router.core.decision import Choose, Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.routing.selector import Unknown, read_selector
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import shown


def custom(signals: Signals, table: RoutingTable) -> Verdict:
    """The owner's script was asked before; its answer beats every rule. One that names no target that is configured is
    as good as none: a slip in a script must not stop anybody's work."""
    if signals.custom_ms is None:
        return Pass("custom", "no custom router is set")
    took = f" ({'it edited the request, ' if signals.custom_edited else ''}{signals.custom_ms:,.0f} ms)"
    if signals.custom_note:
        return Pass("custom", signals.custom_note + took)
    if not signals.custom:
        return Pass("custom", f"the custom router left it to the rules{took}")
    said = f'the custom router answered "{shown(signals.custom)}"'
    if (tier := table.tiers.get(signals.custom)) is not None:
        return Choose("custom", Route(tier.targets), f"{said}, a tier{took}")
    match read_selector(signals.custom, table.models):
        case Target() as target:
            return Choose("custom", Route((target,)), said + took)
        case Unknown(problem):
            return Pass("custom", f"{said}, but {problem}{took}")
        case None:
            return Pass("custom", f"{said}, which names no provider and no tier{took}")
