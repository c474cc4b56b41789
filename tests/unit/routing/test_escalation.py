"""Who goes up, whose reply is held, and what is said about it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from claude_code_router.core.decision import Choose, Decision
from claude_code_router.core.escalation import (
    Check,
    Escalation,
    EscalationSettings,
    Hold,
    NextTurn,
    Trouble,
    Which,
)
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.routing.declared import Tier
from claude_code_router.routing.escalation import looked_at_afterwards, planned, raised
from claude_code_router.routing.explain import explain
from claude_code_router.routing.table import RoutingTable

LIGHT, MID, HEAVY, SPARE = (Target("p", name) for name in ("light", "mid", "heavy", "spare"))
JUDGE = Target("p", "judge")
TIERS = {
    "light": Tier("light", 0, (LIGHT,)),
    "mid": Tier("mid", 1, (MID,)),
    "heavy": Tier("heavy", 2, (HEAVY, SPARE)),
}
USER = Signals(model="asked", tokens=100, escalation_today_usd=0.25, category="review")


def table(tiers: dict[str, Tier] = TIERS, **settings: Any) -> RoutingTable:
    return RoutingTable(scenarios={"default": MID}, tiers=tiers, escalation=EscalationSettings(**settings))


def decision(target: Target = MID, rule: str = "default", scenario: str = "default") -> Decision:
    return Decision(route=Route((target,)), rule=rule, scenario=scenario, because="", verdicts=(), config_hash="")


def test_the_plan_is_the_next_tier_up() -> None:
    """All of its targets, and a sentence with every number."""
    hold = Hold(check=Check(judge=(JUDGE,), accept_from=0.7))
    made = planned(decision(), USER, table(hold=hold))
    assert made.escalation == Escalation(tier="mid", to="heavy", targets=(HEAVY, SPARE), check=hold.check)
    assert made.route == decision().route
    [verdict] = made.verdicts
    assert verdict.because == (
        "the reply of mid is held for at most 120 s and checked, then judged by p,judge (good from 0.7) within 20 s; if it "
        "falls short heavy answers (p,heavy); $0.25 of $5.00 spent on that today"
    )
    assert f"hold  {verdict.because}" in explain(made, USER)


@pytest.mark.parametrize(
    ("which", "held"),
    [
        ({}, True),
        ({"tiers": ("mid",)}, True),
        ({"tiers": ("light",)}, False),
        ({"rules": ("default", "x")}, True),
        ({"rules": ("x",)}, False),
        ({"scenarios": ("think",)}, False),
        ({"categories": ("review",)}, True),
        ({"categories": ("review",), "tiers": ("light",)}, False),
    ],
)
def test_which_replies(which: dict[str, Any], held: bool) -> None:
    """All that is said must hold; what is not said always does."""
    made = planned(decision(), USER, table(hold=Hold(which=Which(**which))))
    assert (made.escalation is not None) == held
    assert looked_at_afterwards(decision(), USER, table(next_turn=NextTurn(which=Which(**which)))) == held


@pytest.mark.parametrize(
    ("made", "signals", "why"),
    [
        (decision(HEAVY), USER, "there is no tier"),
        (decision(Target("q", "x")), USER, "there is no tier"),
        (decision(rule="explicit"), USER, "taken at its word"),
        (decision(rule="custom"), USER, "taken at its word"),
        (decision(), msgspec.structs.replace(USER, escalation_today_usd=5.0), "$5.00 of $5.00"),
    ],
)
def test_why_it_is_not_held(made: Decision, signals: Signals, why: str) -> None:
    """And the decision says so."""
    found = planned(made, signals, table(hold=Hold()))
    assert found.escalation is None
    assert why in found.verdicts[-1].because


@pytest.mark.parametrize("kind", ["title", "classifier", "compaction", "suggestion", "web_fetch"])
def test_the_clients_errands_are_left_alone(kind: Any) -> None:
    """Nobody waits for a judge of a session's title."""
    signals = msgspec.structs.replace(USER, kind=kind)
    assert planned(decision(), signals, table(hold=Hold())) == decision()
    assert not looked_at_afterwards(decision(), signals, table(next_turn=NextTurn()))


def test_a_tier_that_cannot_take_the_request_is_passed_over() -> None:
    """Too small a window is no step up."""
    small, large = Target("p", "claude-haiku-4-5"), Target("p", "gemini-2.5-pro")
    tiers = {"mid": Tier("mid", 0, (MID,)), "odd": Tier("odd", 1, (small,)), "top": Tier("top", 2, (large,))}
    signals = msgspec.structs.replace(USER, tokens=300_000)
    made = planned(decision(), signals, table(tiers, hold=Hold()))
    assert made.escalation is not None
    assert (made.escalation.to, made.escalation.targets) == ("top", (large,))


def test_up_while_there_is_trouble() -> None:
    """To the tier above the one that fell short; the rules' own targets stand behind it."""
    signals = msgspec.structs.replace(USER, trouble=Trouble(because="it fell short", tier="mid", good_turns=1))
    made = raised(decision(), signals, table(stall=None, hold=Hold()))
    assert made.route.targets == (HEAVY, SPARE, MID)
    assert made.rule == "escalation"
    assert made.because == "it fell short; 1 of 2 good turns since: up from mid to heavy"
    assert isinstance(made.verdicts[-1], Choose)
    # Its reply is not held on top of that, and a rule that chose heavy is let be.
    assert planned(made, signals, table(hold=Hold())).escalation is None
    assert raised(decision(HEAVY), signals, table(hold=Hold())).route == Route((HEAVY,))


@pytest.mark.parametrize(
    ("made", "trouble", "route"),
    [
        (decision(LIGHT), Trouble(because="x", tier="mid"), (HEAVY, SPARE, LIGHT)),
        (decision(LIGHT), Trouble(because="x"), (MID, LIGHT)),
        (decision(HEAVY), Trouble(because="x"), (HEAVY,)),
        (decision(MID, rule="explicit"), Trouble(because="x"), (MID,)),
        (decision(MID, scenario="image"), Trouble(because="x"), (MID,)),
        (decision(Target("q", "x")), Trouble(because="x"), (Target("q", "x"),)),
        (decision(MID), None, (MID,)),
    ],
)
def test_how_far_up(made: Decision, trouble: Trouble | None, route: tuple[Target, ...]) -> None:
    """A stall goes one up from wherever the rules are; what is needed, or was named, stays."""
    signals = msgspec.structs.replace(USER, trouble=trouble)
    assert raised(made, signals, table(hold=Hold())).route.targets == route
