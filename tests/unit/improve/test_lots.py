"""With which chances a decision fell as it did, and how it would fall under other rules."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config
from claude_code_router.core.decision import Decision
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.improve.again import Lanes, known_of
from claude_code_router.improve.lots import JudgedAnswer, chances, lot_of, served, trials_of
from claude_code_router.improve.off_policy import estimated
from claude_code_router.routing.declared import lot
from claude_code_router.routing.engine import CLASSIC_RULES, decide
from claude_code_router.store.row import slim

Use = str | Mapping[str, float]


def config(*rules: tuple[str, Use], default: str = "light", over: int = 0) -> Config:
    provider = {"name": "p", "api_base_url": "https://x.com/v1", "api_key": "k", "models": ["light", "mid", "heavy"]}
    data = {
        "Providers": [provider],
        "Router": {"default": f"p,{default}"},
        "Tiers": {"light": "p,light", "mid": "p,mid", "heavy": "p,heavy"},
        "Stickiness": False,
        "Rules": [{"name": name, "when": {"tokens": {"over": over}}, "use": use} for name, use in rules],
    }
    return load_text(json.dumps(data), "config.json", {})


def tier(target: Target) -> str:
    return target.model


def session(rule: str, low: float, high: float) -> str:
    return next(name for name in (f"s{n}" for n in range(10_000)) if low <= lot(rule, name) < high)


TENTH = ("try", {"heavy": 10})
SPLIT = ("try", {"heavy": 25, "mid": 75})


@pytest.mark.parametrize(
    ("decided", "known", "name", "expected"),
    [
        (config(TENTH), config(TENTH), session("try", 0, 10), {"heavy": 0.1, "light": 0.9}),
        (config(TENTH), config(TENTH), session("try", 10, 100), {"heavy": 0.1, "light": 0.9}),
        (config(SPLIT), config(SPLIT), session("try", 0, 25), {"heavy": 0.25, "mid": 0.75}),
        (config(("all", "mid"), TENTH), config(TENTH), session("try", 0, 10), None),  # it never came to the lot
        (config(("try", {"heavy": 20})), config(TENTH), session("try", 0, 20), None),  # other shares than are known
        (config(TENTH, ("too", {"mid": 50})), config(TENTH), session("try", 10, 100), None),  # the rest draws again
    ],
    ids=["in it", "behind it", "two tiers", "before it", "other shares", "two lots"],
)
def test_chances_of_a_decision(decided: Config, known: Config, name: str, expected: dict[str, float] | None) -> None:
    """By its verdicts, as they stand on the records; nothing where they do not tell."""
    made = decision(decided, name)
    found = chances(made.verdicts, made.rule, trials_of([known]), tier)
    assert found == (expected and pytest.approx(expected))


def test_who_drew_the_lot() -> None:
    """The rule that chose by it, or passed by it; nobody where a rule in front decided."""
    assert lot_of(decision(config(TENTH), "s1").verdicts) == "try"
    assert lot_of(decision(config(("all", "mid"), TENTH), "s1").verdicts) == ""


def decision(by: Config, name: str) -> Decision:
    return decide(Signals(model="m", tokens=1000, session=name), by.table)


def answers(by: Config, count: int, good: Mapping[str, float]) -> tuple[list[JudgedAnswer], dict[str, Any]]:
    dice, found, rows = random.Random(5), [], {}
    for number in range(count):
        signals = slim(Signals(model="m", tokens=dice.choice((500, 5000)), session=f"s{number}"), ())
        made = decide(signals, by.table)
        target = str(made.route.first)
        found.append(
            JudgedAnswer(
                request_id=f"r{number}", category="", session=signals.session, target=target, rule=made.rule,
                verdicts=made.verdicts, value=float(dice.random() < good[made.route.first.model]), weight=1.0,
            )
        )  # fmt: skip
        facts = json.dumps({"model": "m", "tokens": signals.tokens, "session": signals.session})
        rows[f"r{number}"] = (
            f"r{number}",
            0.0,
            signals.session,
            "",
            "user",
            facts,
            target,
            made.rule,
            by.hash,
            "delivered",
        )
    return found, rows


@pytest.mark.parametrize(
    ("new", "change"),
    [
        (config(("try", "heavy")), 0.27),
        (config(), -0.03),
        (config(TENTH), None),
        (config(("try", {"heavy": 50})), 0.12),
        (config(("try", {"heavy": 50}), ("too", {"heavy": 50})), 0.195),
        (config(TENTH, over=1000), -0.015),
    ],
    ids=["all", "none", "the same", "half", "half and half of the rest", "the lot for long ones only"],
)
def test_what_other_rules_would_do(new: Config, change: float | None) -> None:
    """To 4,000 answers of which a tenth were sent to a tier that is good 30 times more of 100; also when the new rules draw
    lots of their own, and when the lot is drawn for fewer."""
    old = config(TENTH)
    found, rows = answers(old, 4000, {"light": 0.6, "heavy": 0.9})
    lanes = Lanes(new, known_of([old]), CLASSIC_RULES, lambda _, of: of.table)
    told = estimated(served(found, rows, lanes, lambda _: None, trials_of([old]), tier, 0.7))
    if change is None:
        assert "none of 4000" in told.insufficient
        return
    for one in (told.doubly_robust, told.snips):
        assert one is not None
        assert one.low <= change <= one.high
        assert one.change == pytest.approx(change, abs=0.04)


def test_where_no_lot_ever_led() -> None:
    """Nothing is said of mid, which never answered."""
    old, new = config(TENTH), config(default="mid")
    found, rows = answers(old, 500, {"light": 0.6, "heavy": 0.9})
    lanes = Lanes(new, known_of([old]), CLASSIC_RULES, lambda _, of: of.table)
    told = estimated(served(found, rows, lanes, lambda _: None, trials_of([old]), tier, 0.7))
    assert "where no lot has ever sent it" in told.insufficient
    assert msgspec.json.encode(told)


def test_a_part_that_no_session_draws_is_not_looked_for_for_ever() -> None:
    """Lots are told to a hundredth: a part between two of them has no session."""
    old = config(TENTH)
    new = config(("try", {"mid": 10.002, "heavy": 0.006, "light": 89.99}))
    found, rows = answers(old, 3, {"light": 0.6, "heavy": 0.9})
    lanes = Lanes(new, known_of([old]), CLASSIC_RULES, lambda _, of: of.table)
    assert served(found, rows, lanes, lambda _: None, trials_of([old]), tier, 0.7) == []
