"""A project's or a session's own Router, put over the global one. The files are found and read by `config.overrides`."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from claude_code_router.routing.table import RoutingTable, Scenario


def overridden(base: RoutingTable, own: RoutingTable, named: Collection[str]) -> RoutingTable:
    """`own` is the table that the override's Router alone makes, `named` the keys that stand in that Router.

    It replaces the global Router whole: a task type that it does not name is not routed on its own. But: `background` is
    always the global one (npm tool); without a `default`, where the npm tool fails, the global one holds; `thinkWhen`,
    which that tool does not know, holds as well; `fallback` and the owner's rules stand outside the Router and so stay
    global.
    """
    kept: tuple[Scenario, ...] = ("background",) if "default" in named else ("background", "default")
    scenarios = {name: target for name, target in own.scenarios.items() if name not in kept}
    scenarios.update({name: base.scenarios[name] for name in kept if name in base.scenarios})
    return msgspec.structs.replace(
        own,
        scenarios=scenarios,
        fallback=base.fallback,
        models=base.models,
        think_when=own.think_when if "thinkWhen" in named else base.think_when,
        describe_images=base.describe_images,
        declared=base.declared,
        tiers=base.tiers,
        aliases=base.aliases,
        guards=base.guards,
        difficulty=base.difficulty,
        escalation=base.escalation,
        learned=base.learned,
        sticky=base.sticky,
        listening=base.listening,
        shadow=base.shadow,
    )
