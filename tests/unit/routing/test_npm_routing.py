"""Our decisions beside those of the npm router 2.0.0 (tests/e2e/npm_routing_table.py writes them down)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from claude_code_router.core.errors import BadRequest, Refused
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.target import Target
from claude_code_router.routing.engine import decide
from claude_code_router.routing.overrides import overridden
from claude_code_router.routing.signals import read_signals
from claude_code_router.routing.table import SCENARIOS, RoutingTable

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[2] / "golden" / "npm_routing.json").read_text())


def expand(value: Any) -> Any:
    """`{"$repeat": [text, times]}` stands for a long text."""
    if isinstance(value, dict):
        if "$repeat" in value:
            text, times = value["$repeat"]
            return text * times
        return {name: expand(inner) for name, inner in value.items()}
    return [expand(inner) for inner in value] if isinstance(value, list) else value


def table_of(config: dict[str, Any]) -> RoutingTable:
    router = config["Router"]
    return RoutingTable(
        scenarios={name: Target(*router[name].split(",")) for name in SCENARIOS if name in router},
        models={entry["name"]: tuple(entry["models"]) for entry in config["Providers"]},
        long_context_threshold_tokens=router.get("longContextThreshold", 60_000),
    )


def ours(case: dict[str, Any]) -> str:
    config = GOLDEN["configs"][case["config"]]
    header = {name.lower(): value for name, value in case.get("headers", {}).items()}
    body = json.dumps(expand(case["body"])).encode()
    inbound = Inbound(id="r", path="/v1/messages", query="", headers=(), header=header, body=body, received_at=0)
    try:
        signals = read_signals(inbound).signals
        counted = case["npm_tokens"] if case["npm_tokens"] is not None else signals.tokens
        # The estimate is judged elsewhere: here both sides are given the same count.
        signals = msgspec.structs.replace(signals, tokens=counted, last_input_tokens=case.get("last_input_tokens"))
        table = table_of(config)
        if signals.session in config.get("overrides", {}):
            router = config["overrides"][signals.session]
            table = overridden(table, table_of({**config, "Router": router}), router)
        return str(decide(signals, table).route.first)
    except (BadRequest, Refused):
        return "error"


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_a_request_goes_where_npm_sends_it_or_where_its_named_mend_says(case: dict[str, Any]) -> None:
    """Without a mend the target is npm's, an error for an error; with one it is the target written beside it."""
    if "mend" in case:
        assert ours(case) == case["ours"]
        assert ours(case) != case["npm"], "this mend changes nothing: drop it"
    else:
        assert ours(case) == case["npm"].split(" ")[0]


def test_the_table_is_long_enough_to_mean_something() -> None:
    """At least forty rows, most of them without a mend."""
    same = [case for case in GOLDEN["cases"] if "mend" not in case]
    assert len(GOLDEN["cases"]) >= 40
    assert len(same) >= 40


def test_every_mend_is_explained_in_the_docs() -> None:
    """docs/routing.md has a line for each mend by its name."""
    docs = (Path(__file__).parents[3] / "docs" / "routing.md").read_text()
    for mend in {case["mend"] for case in GOLDEN["cases"] if "mend" in case}:
        assert f"`{mend}`" in docs
