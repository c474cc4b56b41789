from __future__ import annotations

from claude_code_router.core.decision import Choose, Pass, Refuse, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.routing.selector import Unknown, read_selector
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import shown


def explicit(signals: Signals, table: RoutingTable) -> Verdict:
    """The client named a provider and a model: that beats every task type."""
    answer = read_selector(signals.model, table.models)
    match answer:
        case Target():
            return Choose("explicit", Route((answer,)), f'the client asked for "{shown(signals.model)}"')
        case Unknown():
            return refuse_unknown("explicit", f'The model "{shown(signals.model)}" cannot be routed', answer, table)
        case None:
            return Pass("explicit", f'"{shown(signals.model)}" names no provider')


def refuse_unknown(rule: str, what: str, unknown: Unknown, table: RoutingTable) -> Refuse:
    names = ", ".join(table.models)
    hint = f"Configured providers: {names}." if names else "No provider is configured."
    return Refuse(rule, f"{what}: {unknown.problem}.", hint)
