from __future__ import annotations

import msgspec
import pytest

from claude_code_router.core.decision import Choose, Pass
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.routing.declared import Tier
from claude_code_router.routing.engine import decide
from claude_code_router.routing.rules.custom import custom
from claude_code_router.routing.table import RoutingTable

TABLE = RoutingTable(
    scenarios={"default": Target("up", "small"), "image": Target("up", "eyes")},
    fallback={"default": (Target("up", "spare"),)},
    models={"up": ("small", "large", "a/b")},
)


@pytest.mark.parametrize(
    ("answer", "model"),
    [("up,large", "large"), ("up/large", "large"), ("UP,Large", "large"), ("up,a/b", "a/b"), ("up,x", "x")],
)
def test_answer_wins(answer: str, model: str) -> None:
    """An answer that names a configured provider beats every rule, as in the npm tool; the default's fallbacks follow."""
    signals = Signals(model="m", custom=answer, custom_ms=4.0, image_in_last_turn=True)
    decision = decide(signals, TABLE)
    assert (decision.rule, decision.scenario) == ("custom", "default")
    assert [target.model for target in decision.route] == [model, "spare"]
    assert "4 ms" in decision.because


@pytest.mark.parametrize(
    ("signals", "because"),
    [
        (Signals(model="m"), "no custom router is set"),
        (Signals(model="m", custom_ms=2.0), "left it to the rules (2 ms)"),
        (Signals(model="m", custom="nope,large", custom_ms=2.0), 'there is no provider "nope"'),
        (Signals(model="m", custom="banana", custom_ms=2.0), "names no provider and no tier"),
        (Signals(model="m", custom="up,", custom_ms=2.0), "no model is named"),
        (Signals(model="m", custom_note="the custom router failed: Error: x", custom_ms=2.0), "failed: Error: x"),
        (Signals(model="m", custom_edited=True, custom_ms=2.0), "it edited the request"),
    ],
)
def test_no_answer(signals: Signals, because: str) -> None:
    """Without an answer that can be used the other rules decide, and the explanation says why."""
    verdict = custom(signals, TABLE)
    assert isinstance(verdict, Pass)
    assert because in verdict.because
    assert decide(signals, TABLE).rule == "default"


def test_tier() -> None:
    """The name of a tier means its targets, in their order."""
    tier = Tier("heavy", 0, (Target("up", "large"), Target("up", "other")))
    table = msgspec.structs.replace(TABLE, tiers={"heavy": tier})
    decision = decide(Signals(model="m", custom="heavy", custom_ms=1.0), table)
    assert decision.rule == "custom"
    assert [target.model for target in decision.route] == ["large", "other", "spare"]


def test_words() -> None:
    """What the script said and did stands in the reason."""
    verdict = custom(Signals(model="m", custom="up,large", custom_edited=True, custom_ms=12.4), TABLE)
    assert isinstance(verdict, Choose)
    assert verdict.because == 'the custom router answered "up,large" (it edited the request, 12 ms)'
