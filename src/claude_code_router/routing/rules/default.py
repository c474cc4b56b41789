from __future__ import annotations

from claude_code_router.core.decision import Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import choose


def default(signals: Signals, table: RoutingTable) -> Verdict:  # noqa: ARG001 - a rule like the others
    """Everything else."""
    verdict = choose("default", "default", table, "no other rule applied")
    return Pass("default", "Router.default is not set") if isinstance(verdict, Pass) else verdict
