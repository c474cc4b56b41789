"""A project's or a session's own Router, put over the global one. The files are found by `config.overrides`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from claude_code_router.core.target import Target
from claude_code_router.routing.selector import Unknown, read_selector
from claude_code_router.routing.table import (
    DEFAULT_LONG_CONTEXT_THRESHOLD_TOKENS,
    SCENARIOS,
    RoutingTable,
    Scenario,
)


def overridden(table: RoutingTable, router: Mapping[str, object]) -> RoutingTable:
    """The override replaces the global Router whole, as the npm tool does: a task type it does not name is not routed
    on its own. Only `background` is always the global one. Providers, fallback and `think` settings stay global.

    An entry that names no target is left out, so that the rest still counts.
    """
    scenarios: dict[Scenario, Target] = {}
    for scenario in SCENARIOS:
        target = _target(router.get(scenario), table)
        if target is not None and scenario != "background":
            scenarios[scenario] = target
    if "background" in table.scenarios:
        scenarios["background"] = table.scenarios["background"]
    threshold = router.get("longContextThreshold")
    if not isinstance(threshold, int) or isinstance(threshold, bool) or threshold <= 0:
        threshold = DEFAULT_LONG_CONTEXT_THRESHOLD_TOKENS
    return msgspec.structs.replace(table, scenarios=scenarios, long_context_threshold_tokens=threshold)


def _target(value: object, table: RoutingTable) -> Target | None:
    if not isinstance(value, str):
        return None
    answer = read_selector(value, table.models)
    return None if isinstance(answer, Unknown) else answer
