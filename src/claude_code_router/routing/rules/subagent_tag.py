from __future__ import annotations

from claude_code_router.core.decision import Choose, Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.routing.rules.explicit import refuse_unknown
from claude_code_router.routing.selector import Unknown, read_selector
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import shown


def subagent_tag(signals: Signals, table: RoutingTable) -> Verdict:
    """`<CCR-SUBAGENT-MODEL>provider,model</CCR-SUBAGENT-MODEL>` in an agent's prompt names its target."""
    named = signals.subagent_model
    if not named:
        return Pass("subagentTag", "the prompt has no <CCR-SUBAGENT-MODEL> tag")
    answer = read_selector(named, table.models)
    if isinstance(answer, Target):
        return Choose("subagentTag", Route((answer,)), f'the prompt\'s <CCR-SUBAGENT-MODEL> tag names "{shown(named)}"')
    unknown = answer or Unknown("it names no configured provider, write provider,model")
    return refuse_unknown(
        "subagentTag", f'The <CCR-SUBAGENT-MODEL> tag "{shown(named)}" cannot be routed', unknown, table
    )
