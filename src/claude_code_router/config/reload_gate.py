"""`ReloadGate`: from the file to values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claude_code_router.config.check import Checked, check_section, problem
from claude_code_router.config.places import Place
from claude_code_router.config.schema_reload_gate import ReloadGateSection
from claude_code_router.config.settings import ReloadGateSettings
from claude_code_router.core.errors import BadRequest, Problem
from claude_code_router.core.replay_condition import Condition, read
from claude_code_router.core.span import span_s
from claude_code_router.routing.table import RoutingTable


def reload_gate_settings(
    top: Mapping[str, Any], table: RoutingTable, at: Place = ()
) -> tuple[ReloadGateSettings | None, list[Problem]]:
    """None: an edit is taken in as it is. What is wrong with its types is told where the whole file is checked."""
    raw, here = top.get("ReloadGate"), (*at, "ReloadGate")
    section = check_section(ReloadGateSection, raw, here, Checked()) if isinstance(raw, dict) else None
    if section is None:
        return None, []
    problems: list[Problem] = []
    if not section.failOn:
        problems.append(problem((*here, "failOn"), "nothing", "at least one condition, such as `heavy_share>0.4`"))
    if section.since != "all" and span_s(section.since) is None:
        problems.append(problem((*here, "since"), f"`{section.since}`", "a span such as 12h or 2d, or `all`"))
    conditions: list[Condition] = []
    for index, text in enumerate(section.failOn):
        try:
            condition = read(text)
        except BadRequest as slip:
            problems.append(problem((*here, "failOn", index), slip.message.rstrip("."), slip.hint.rstrip(".")))
            continue
        conditions.append(condition)
        if condition.tier and condition.tier not in table.tiers:
            names = ", ".join(table.tiers) or "none is set in Tiers"
            problems.append(
                problem((*here, "failOn", index), f"the tier {condition.tier}", f"one that there is: {names}")
            )
    settings = ReloadGateSettings(
        conditions=tuple(conditions),
        since=section.since,
        minimum=section.minimum,
        timeout_s=section.timeoutMs / 1000,
        not_known=section.notKnown,
    )
    return settings, problems
