"""From trials to a verdict with its reasons."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from claude_code_router.catalog.cards import card
from claude_code_router.config.places import Renamed
from claude_code_router.core.target import Target
from claude_code_router.improve.swap import swapped
from claude_code_router.improve.trials import Side, Trial
from claude_code_router.improve.verdict import Verdict, judged

SOUND = Side(
    stop_reason="end_turn",
    prompt_tokens=1000,
    output_tokens=200,
    cost_usd=0.01,
    first_token_ms=200.0,
    duration_ms=1000.0,
    value=0.8,
    characters=500,
)
UNKNOWN = card("some-model-nobody-knows")


def verdict(count: int = 20, old: dict[str, Any] | None = None, **new: Any) -> Verdict:
    other = msgspec.structs.replace(SOUND, **new)
    mine = msgspec.structs.replace(SOUND, **(old or {}))
    return judged([Trial(name=str(n), old=mine, new=other, preferred="tie") for n in range(count)], UNKNOWN, UNKNOWN)


@pytest.mark.parametrize(
    ("new", "word", "said"),
    [
        ({}, "go", "as sound as"),
        ({"value": 0.9, "cost_usd": 0.005}, "go", "0.50 times as much"),
        ({"failed": "max_tokens is too large"}, "do not", "max_tokens is too large"),
        ({"faults": ("tool_call: wrong",)}, "do not", "tool_call: wrong"),
        ({"value": 0.6}, "do not", "scores -0.200"),
        ({"value": 0.78}, "go with changes", "scores -0.020"),
        ({"value": None}, "go with changes", "nobody judged"),
        ({"stop_reason": "max_tokens"}, "go with changes", "end with max_tokens where the old one's end with end_turn"),
        ({"output_tokens": 400}, "go with changes", "2.00 times as many tokens"),
        ({"prompt_tokens": 1300}, "go with changes", "1.30 times as many tokens in the same prompts"),
        ({"duration_ms": 2000.0}, "go with changes", "2.00 times as long"),
        ({"first_token_ms": 500.0}, "go with changes", "the first token takes 2.50 times as long"),
        ({"first_token_ms": 100.0}, "go", "the first token takes 0.50 times as long"),
        ({"cost_usd": None}, "go with changes", "a price is missing"),
    ],
)
def test_verdicts(new: dict[str, Any], word: str, said: str) -> None:
    """Each difference has its weight and its sentence."""
    found = verdict(**new)
    assert found.word == word
    assert any(said in reason.text for reason in found.reasons)


def test_both_models_figures() -> None:
    """Medians of what both have answered; a first token only where there was a stream."""
    trials = [
        Trial(
            name="1", old=SOUND, new=msgspec.structs.replace(SOUND, first_token_ms=400.0, duration_ms=3000.0, value=0.6)
        ),
        Trial(name="2", old=SOUND, new=msgspec.structs.replace(SOUND, first_token_ms=None, duration_ms=1000.0)),
        Trial(name="3", old=SOUND, new=msgspec.structs.replace(SOUND, first_token_ms=300.0, cost_usd=None)),
        Trial(name="4", old=SOUND, new=Side(failed="no", duration_ms=9000.0)),
    ]
    found = judged(trials, UNKNOWN, UNKNOWN)
    assert (found.old.first_token_ms, found.old.duration_ms) == (200.0, 1000.0)
    assert found.old.score == pytest.approx(0.8)
    assert (found.new.first_token_ms, found.new.duration_ms, found.new.cost_usd) == (350.0, 1000.0, 0.01)
    assert found.new.score == pytest.approx((0.6 + 0.8 + 0.8) / 3)
    assert (found.first_token_ratio, found.time_ratio) == (1.75, 1.0)
    whole = msgspec.structs.replace(SOUND, first_token_ms=None)
    unstreamed = judged([Trial(name="1", old=whole, new=whole)] * 9, UNKNOWN, UNKNOWN)
    assert unstreamed.first_token_ratio is None
    assert not any("first token" in reason.text for reason in unstreamed.reasons)


def test_a_tool_that_is_called_no_more() -> None:
    """Is worth a word."""
    assert any("calls no tool" in reason.text for reason in verdict(old={"calls": 1}).reasons)


def test_too_few_tell_nothing_good() -> None:
    """Four sound answers are no verdict; one refusal is."""
    assert verdict(4).word == "insufficient"
    assert verdict(0).word == "insufficient"
    assert verdict(4, failed="no").word == "do not"


def test_what_neither_answers_tells_nothing() -> None:
    """Twenty requests that both fail, as without a network, are no trial of the new one."""
    assert verdict(20, old={"failed": "no network"}, failed="no network").word == "insufficient"


def test_a_free_model_costs_nothing() -> None:
    """Which is known: no price is missing."""
    free = verdict(cost_usd=0.0)
    assert free.word == "go"
    assert any("0.00 times as much" in reason.text for reason in free.reasons)
    instead = verdict(old={"cost_usd": 0.0})
    assert instead.word == "go with changes"
    assert any("the old one costs nothing" in reason.text for reason in instead.reasons)


def test_what_the_catalogue_knows() -> None:
    """A smaller window is said without any trial."""
    trials = [Trial(name="t", old=SOUND, new=SOUND)] * 20
    found = judged(trials, card("claude-opus-5-5"), card("claude-haiku-4-5"))
    assert any("its window is smaller" in reason.text for reason in found.reasons)


def test_every_mention_is_swapped() -> None:
    """In routes, tiers, rules, namespaces, in any spelling; the model is listed; other targets stay."""
    data = {
        "Providers": [{"name": "P", "models": ["old"]}],
        "Router": {"default": "P,old", "think": "P,other"},
        "Tiers": {"mid": ["p/OLD", "P,other"]},
        "Namespaces": {"a": {"Rules": [{"when": {}, "use": "P, old"}]}},
        "APIKEY": "P,old",
    }
    assert swapped(data, Target("P", "old"), Target("P", "new")) == {
        "Router.default": "P,new",
        "Tiers.mid[0]": "P,new",
        "Namespaces.a.Rules[0].use": "P,new",
        "Providers[0].models[1]": "new",
    }


@pytest.mark.parametrize(
    ("split", "place", "becomes"),
    [
        ({"p,old": 20, "p,other": 60}, '.use["p,old"]', Renamed("p,new")),
        ({"P/OLD": 20}, '.use["P/OLD"]', Renamed("p,new")),
        ({"p,old": 80, "p,new": 20}, ".use", {"p,new": 100}),
        ({"p,new": 20, "heavy": 10, "p, old": 30}, ".use", {"p,new": 50, "heavy": 10}),
        ({"p,old": 33.3, "p/old": 66.7}, ".use", {"p,new": 100.0}),
    ],
)
def test_percentages(split: dict[str, float], place: str, becomes: object) -> None:
    """The new one gets the old one's share, and what it had of its own; the others keep theirs, in their order."""
    data = {"Rules": [{"name": "a"}, {"name": "b", "use": split}], "Namespaces": {"n": {"Rules": [{"use": split}]}}}
    assert swapped(data, Target("p", "old"), Target("p", "new")) == {
        f"Rules[1]{place}": becomes,
        f"Namespaces.n.Rules[0]{place}": becomes,
    }
