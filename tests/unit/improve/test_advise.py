"""Advice: chosen on the older pairs, shown on the newer, never when it may do harm."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from claude_code_router.config.edit import edited
from claude_code_router.config.load import load_text
from claude_code_router.core.score import Pair
from claude_code_router.improve.advise import Case, Table, advise, cases_of
from claude_code_router.improve.again import Lanes, known_of
from claude_code_router.improve.candidates import Seen, candidates, scope, together
from claude_code_router.improve.loss import Tried, effect_usd, mean, simultaneous_z
from claude_code_router.quality.misses import compared
from claude_code_router.routing.engine import CLASSIC_RULES

FILE = Path(__file__).parents[3] / "benchmarks" / "advice.py"


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    """The benchmarks are scripts beside each other, not a package."""
    spec = importlib.util.spec_from_file_location("bench_advice", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(FILE.parent))
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(FILE.parent))


CONFIG: dict[str, Any] = {
    "Router": {"default": "p,b", "longContext": "p,c", "background": "p,a"},
    "Tiers": {"light": "p,a", "mid": ["p,b"], "heavy": "p,c"},
    "Stickiness": False,
    "Rules": [
        {
            "name": "proofs",
            "when": {"says": "prove", "any": [{"words": {"over": 20}}, {"tokens": {"under": 900}}]},
            "use": "mid",
        },
        {"preset": "light tasks", "use": "light"},
    ],
}
SEEN = Seen(
    amounts={"tokens": [float(n) for n in range(1000, 60_000, 500)], "words": [float(n) for n in range(100)]},
    categories={"review": 50, "": 9, "rare": 1},
)


def test_what_is_tried() -> None:
    """Every threshold of a rule wherever it stands, every rule and task type a tier up and down, every category with pairs."""
    found = candidates(CONFIG, ["light", "mid", "heavy"], SEEN)
    families = {candidate.family for candidate in found}
    assert families == {
        "Router.longContextThreshold",
        "Rules[0].when.any[0].words.over",
        "Rules[0].when.any[1].tokens.under",
        "the rule proofs",
        "the rule light tasks",
        "Router.default",
        "Router.background",
        "Router.longContext",
        "the category review",
        "Stickiness",
    }
    assert len(found) < 80
    ups = [one.changes for one in found if one.family == "the rule proofs"]
    assert ups == [{"Rules[0].use": "heavy"}, {"Rules[0].use": "light"}]


def test_every_change_can_be_written() -> None:
    """In the file as it is; several new rules stand one behind the other."""
    text = json.dumps(CONFIG, indent=2)
    found = candidates(CONFIG, ["light", "mid", "heavy"], SEEN)
    for candidate in found:
        assert json.loads(edited(text, candidate.changes)) != CONFIG
    rules = [one for one in found if one.family == "the category review"][:2]
    both = json.loads(edited(text, together(rules)))["Rules"]
    assert [rule["use"] for rule in both[2:]] == ["light", "mid"]


def test_a_namespace_of_its_own_is_changed_where_it_stands() -> None:
    """One that says nothing of routing shares the file's."""
    data = CONFIG | {"Namespaces": {"a": {"Rules": CONFIG["Rules"]}, "b": {"keys": {}}}}
    assert scope(data, "a")[1] == ("Namespaces", "a")
    assert scope(data, "b")[1] == ()
    own, at = scope(data, "a")
    assert any(
        "Namespaces.a.Rules[0].use" in one.changes for one in candidates(own, ["light", "mid", "heavy"], SEEN, at)
    )


def test_a_threshold_far_off_is_moved_towards_the_best(bench: ModuleType) -> None:
    """In a world of known quality; the whole of it is benchmarks/advice.py."""
    requests = bench.traffic(2_000)
    pairs, rows = bench.world(3, 2_000, 12_000, 0.1)
    found = bench.advised(pairs, rows, 2_000)
    assert found.together is not None
    best = bench.loss(bench.best_threshold(requests), requests)
    assert bench.loss(2_000, requests) > 1.25 * best
    assert bench.loss(bench.found_threshold(found, 2_000), requests) < 1.1 * best
    assert found.looked_at >= 1
    assert found.tried > found.looked_at


def test_where_nothing_is_wrong_nothing_is_advised(bench: ModuleType) -> None:
    """At the best threshold, in twenty worlds: at most one advises anything (the intervals are 95 % ones)."""
    wrong = 0
    best = bench.best_threshold(bench.traffic(2_000))
    for seed in range(20):
        pairs, rows = bench.world(seed, best, 6_000, 0.1)
        wrong += bool(bench.advised(pairs, rows, best).advice)
    assert wrong <= 1


def test_too_few_pairs_are_said_to_be_too_few(bench: ModuleType) -> None:
    """With how many are needed."""
    pairs, rows = bench.world(1, 5, 400, 0.1)
    found = bench.advised(pairs, rows, 5)
    assert "75 are needed" in found.insufficient
    assert not found.advice


def test_an_answer_of_unknown_cost_is_not_taken_for_a_free_one(bench: ModuleType) -> None:
    """What it would cost to send more there is not known: nothing is advised, and the pairs are told apart."""
    pairs, rows = bench.world(3, 2_000, 12_000, 0.1)
    unknown = [
        msgspec.structs.replace(pair, **{"served_cost_usd" if pair.served_tier == "heavy" else "other_cost_usd": None})
        for pair in pairs
    ]
    found = bench.advised(unknown, rows, 2_000)
    assert not found.advice
    assert found.unpriced == len(pairs)
    assert found.insufficient


def test_pairs_whose_decision_is_not_told_are_counted(bench: ModuleType) -> None:
    """A rule listens for words that nobody listened for: what would go to light anyway may go to heavy."""
    pairs, rows = bench.world(3, 55, 4_000, 0.1)
    data = json.loads(bench.config_text(55))
    data["Rules"].insert(0, {"name": "proofs", "when": {"says": "prove"}, "use": "heavy"})
    base = Lanes(load_text(json.dumps(data), "config.json", {}), {}, CLASSIC_RULES, lambda _, config: config.table)
    cases = cases_of(pairs, rows, {"light": 0, "heavy": 1})
    found = advise(cases, base, lambda _: None, lambda _: [], bench.no_rates, 0.6, lambda _done, _total: None)
    assert found.untold == sum(1 for pair in pairs if pair.served_tier == "light")
    assert 0 < found.untold < len(pairs)


def test_of_two_values_the_one_that_the_pairs_tell_of_goes_on(bench: ModuleType) -> None:
    """Long requests are better off in heavy, as their pairs say; of short ones nobody has asked heavy."""
    data = json.loads(bench.config_text(2_000))
    data["Providers"][0]["models"] = ["light", "mid", "heavy"]
    data["Tiers"] = {tier: f"p,{tier}" for tier in ("light", "mid", "heavy")}
    data["Rules"] = [
        {"name": "longest", "when": {"words": {"over": 9_000}}, "use": "heavy"},
        {"name": "long", "when": {"words": {"over": 2_000}}, "use": "mid"},
    ]
    text = json.dumps(data)
    digest = load_text(text, "config.json", {}).hash
    pairs, rows = [], {}
    for number in range(400):
        words = number * 37 % 400 * 10
        served, other = ("light", "mid") if words <= 2_000 else ("mid", "heavy")
        good = served == "light" or number % 3 == 0
        pairs.append(
            Pair(
                request_id=f"r{number}", other_id=f"o{number}", at=float(number), probability=0.1, epoch="e",
                served_tier=served, other_tier=other, served_target=f"p,{served}", other_target=f"p,{other}",
                served_value=0.9 if good else 0.2, other_value=0.9, served_cost_usd=0.01, other_cost_usd=0.02,
            )
        )  # fmt: skip
        facts = json.dumps({"model": "m", "tokens": 2_000, "words": words})
        where = f"p,{served}", "long", digest, "delivered", "p", served, served
        rows[f"r{number}"] = (f"r{number}", float(number), "", "", "user", facts, *where, *[None] * 8)

    def lanes(changes: Mapping[str, Any]) -> Lanes:
        config = load_text(edited(text, changes), "config.json", {})
        return Lanes(config, known_of([config]), CLASSIC_RULES, lambda _, of: of.table)

    tiers = ["light", "mid", "heavy"]
    found = advise(
        cases_of(pairs, rows, {tier: rank for rank, tier in enumerate(tiers)}),
        lanes({}),
        lanes,
        lambda seen: candidates(data, tiers, seen),
        bench.no_rates,
        0.6,
        lambda _done, _total: None,
    )
    [advice] = [one for one in found.advice if one.family == "Rules[0].when.words.over"]
    assert 1_800 < advice.changes["Rules[0].when.words.over"] < 2_600
    assert advice.older.outside <= advice.older.moved / 10


def test_intervals_for_many_looks_are_wider() -> None:
    """So that all of them hold together."""
    assert simultaneous_z(1) < simultaneous_z(2) < simultaneous_z(20)
    assert abs(simultaneous_z(1) - 1.96) < 0.001


def test_the_interval_of_the_mean_covers_it() -> None:
    """With unequal weights, in 300 runs of 400 requests at least 93 in 100."""
    dice = random.Random(5)
    inside = 0
    for _ in range(300):
        found = mean(
            ((dice.choice([1.0, 10.0]), dice.choice([0.0, 0.0, 0.0, 0.6, -0.1]), "") for _ in range(400)), 1.96
        )
        inside += found.low <= 0.1 <= found.high
    assert inside >= 279


def test_the_requests_of_a_session_are_not_taken_for_independent() -> None:
    """Eight alike in each of fifty sessions: in 300 runs the interval holds the truth in 93 of 100."""
    dice = random.Random(6)
    inside = 0
    for _ in range(300):
        values = [(1.0, dice.choice([0.0, 0.6]), f"s{number}") for number in range(50)]
        found = mean([one for one in values for _ in range(8)], 1.96)
        inside += found.low <= 0.3 <= found.high
    assert 270 <= inside < 300


def test_a_bad_answer_costs_what_a_task_is_worth() -> None:
    """Besides what the answer itself costs."""
    worse = Tried(weight=1.0, moved=True, bad_after=True, cost_before_usd=0.06, cost_after_usd=0.01)
    assert effect_usd([worse, worse], 0.6, 1.96).value == pytest.approx(0.55)


@pytest.mark.parametrize("now", ["light", "heavy"])
def test_an_escalated_request_had_the_heavier_answer(now: str) -> None:
    """And paid for both: to send it up at once saves the lighter one, and makes no answer better."""
    pair = Pair(
        request_id="r", other_id="r-short", at=0.0, probability=1.0, escalated=True, served_tier="heavy",
        other_tier="light", served_target="p,heavy", other_target="p,light", served_value=0.9, other_value=0.1,
    )  # fmt: skip
    seen = compared(pair, {"light": 0, "heavy": 1}, 0.7)
    assert seen is not None
    one = Table._one(Case(pair, seen, ("r", 0.0, "s")), "light", now, {"light": 0.01, "heavy": 0.06})
    assert not one.bad_before
    assert not one.bad_after
    assert one.loss_usd(0.6) == pytest.approx(0.0 if now == "light" else -0.01)
    assert one.under_before
