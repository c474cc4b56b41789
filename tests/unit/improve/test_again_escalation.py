"""Recorded requests of a session that had gone up are decided again as what they were."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from claude_code_router.config.load import load_text
from claude_code_router.core.escalation import Trouble
from claude_code_router.core.record import Outcome as Outcome_
from claude_code_router.core.record import Record
from claude_code_router.core.signals import Signals
from claude_code_router.improve.again import Again, Outcome, known_of
from claude_code_router.routing.engine import CLASSIC_RULES
from claude_code_router.store.row import flatten

CONFIG: dict[str, Any] = {
    "Providers": [
        {"name": "p", "api_base_url": "https://x.com/v1/messages", "api_key": "k", "models": ["mid", "heavy"]}
    ],
    "Router": {"default": "p,mid"},
    "Tiers": {"mid": "p,mid", "heavy": "p,heavy"},
}
SIGNALS = Signals(model="m", trouble=Trouble(because="the last reply of mid fell short", tier="mid"))


@pytest.mark.parametrize(
    ("signals", "escalation", "target", "rule"),
    [
        (SIGNALS, {"nextTurn": {}}, "p,heavy", "escalation"),
        (msgspec.structs.replace(SIGNALS, trouble=None), {"nextTurn": {}}, "p,mid", "default"),
        (SIGNALS, None, "p,mid", "default"),
    ],
)
def test_trouble_is_a_fact(signals: Signals, escalation: dict[str, Any] | None, target: str, rule: str) -> None:
    """Up where the config escalates; a config without escalation leaves it where its rules are."""
    config = load_text(json.dumps(CONFIG | ({"Escalation": escalation} if escalation else {})), "config.json", {})
    again = Again(config.table, known_of([config]), CLASSIC_RULES)
    record = Record(id="req_1", at=0.0, path="/v1/messages", outcome=Outcome_.DELIVERED, status=200, signals=signals)
    text = flatten(record, lambda _: None, 0.0).tables["requests"][0]["signals"]
    found = again.decide(again.facts(text), text, config.hash, 0.0, "req_1", lambda _: None)
    assert isinstance(found, Outcome)
    assert (found.named, found.rule) == (target, rule)
