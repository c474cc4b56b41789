"""The tiers that a report is about."""

from __future__ import annotations

from claude_code_router.config.settings import Config
from claude_code_router.routing.declared import Tier


def all_tiers(config: Config, namespace: str | None) -> dict[str, Tier]:
    """Of the namespace, or of the file and whatever its namespaces call otherwise."""
    if namespace:
        lane = config.namespaces.get(namespace)
        return dict(lane.config.table.tiers if lane else config.table.tiers)
    found = dict(config.table.tiers)
    for lane in config.namespaces.values():
        found = {**lane.config.table.tiers, **found}
    return found
