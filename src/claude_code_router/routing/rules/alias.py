from __future__ import annotations

from claude_code_router.core.decision import Choose, Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route
from claude_code_router.routing.declared import alias_of
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import shown


def alias(signals: Signals, table: RoutingTable) -> Verdict:
    """What `Aliases` says the model's name means, where no task type has a say."""
    name = alias_of(signals.model, table.aliases)
    if not name:
        return Pass("alias", f'"{shown(signals.model)}" is no alias in Aliases')
    use = table.aliases[name]
    return Choose(
        "alias", Route(use.targets), f'"{shown(signals.model)}" asks for {name}, which is {use.named}', use.scenario
    )
