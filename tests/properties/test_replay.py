"""Deciding again is deciding: whatever the rules and the facts, with and without the memory for equal facts; and honest about
what a record does not tell."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.properties.test_declared_rules import PROVIDER, rule_sets, signal_values

from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config
from claude_code_router.core.signals import Signals
from claude_code_router.improve.again import REFUSED, Again, Outcome, known_of
from claude_code_router.routing.engine import CLASSIC_RULES, decide_beside
from claude_code_router.routing.hearing import Circumstances, hear
from claude_code_router.store.row import _signals_json

Rules = list[tuple[object, object, str]]
HEADER = {"x-team": "web"}


def config_of(rules: Rules) -> Config:
    declared = [
        {"name": f"r{n}", "when": when, "use": use} | ({"before": before} if before else {})
        for n, (when, use, before) in enumerate(rules)
    ]
    file = {
        "Providers": [PROVIDER],
        "Router": {"default": "p,a", "background": "p,b"},
        "Tiers": {"light": "p,a", "heavy": "p,c"},
        "Stickiness": False,
        "Rules": declared,
        "Guards": {"ambiguous": "heavy", "chain": "heavy"},
    }
    return load_text(json.dumps(file), "config.json", {})


def recorded(signals: Signals, config: Config, minute: int) -> Signals:
    """As the server looks facts up."""
    assert config.table.listening is not None
    around = Circumstances(minute_of_day=minute, weekday="mon", spend_today_usd=2.0)
    return hear(signals, HEADER, config.table.listening, around)


def again(table_of: Config, known: dict[str, Any]) -> Again:
    return Again(table_of.table, known, CLASSIC_RULES)


def decided(by: Again, signals: Signals, config_hash: str) -> Any:
    text = _signals_json(signals)
    return by.decide(by.facts(text), text, config_hash, 0.0, "id", lambda _: None)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule_sets, st.lists(st.tuples(signal_values, st.integers(0, 1439)), min_size=1, max_size=8))
def test_the_same_config_flips_nothing(rules: Rules, requests: list[tuple[Signals, int]]) -> None:
    """By one Again, whose memory must not mix up two requests: every decision is told, and it is the engine's."""
    config = config_of(rules)
    by = again(config, known_of([config]))
    for signals, minute in requests:
        seen = recorded(signals, config, minute)
        wanted = decide_beside(seen, config.table)
        found = decided(by, seen, config.hash)
        assert isinstance(found, Outcome)
        if isinstance(wanted, str):
            assert found.named == REFUSED
        else:
            assert (found.target, found.rule) == (wanted.route.first, wanted.rule)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule_sets, rule_sets, signal_values, st.integers(0, 1439), st.booleans())
def test_other_rules_are_told_rightly_or_not_at_all(
    old: Rules, new: Rules, signals: Signals, minute: int, known: bool
) -> None:
    """What is told of other rules is what they would have decided had they been in force; what the record does not tell is
    said to be untold. With the words at hand, it is told unless a fact was not looked up."""
    before, after = config_of(old), config_of(new)
    seen = recorded(signals, before, minute)
    by = again(after, known_of([before, after] if known else [after]))
    truth = decide_beside(recorded(signals, after, minute), after.table)
    wanted = truth if isinstance(truth, str) else truth.route.first
    text = _signals_json(seen)
    for said in (lambda _: None, lambda _: signals.last_user_text):
        found = by.decide(by.facts(text), text, before.hash, 0.0, "id", said)
        if isinstance(found, Outcome):
            assert found.target == (None if isinstance(truth, str) else wanted)
        else:
            assert found in ("words", "facts")


def test_a_word_that_nobody_listened_for_is_not_guessed() -> None:
    """A rule for a new word is untold; where its tier is the same anyway, it is told; with the body, it is told."""
    before = config_of([({"says": "review"}, "p,b", "")])
    after = config_of([({"says": "prove"}, "p,c", "")])
    signals = Signals(model="claude-opus-5-5", words=50, last_user_text="prove it " * 25)
    seen = msgspec.structs.replace(recorded(signals, before, 1), last_user_text="")
    by = again(after, known_of([before, after]))
    assert decided(by, seen, before.hash) == "words"
    text = _signals_json(seen)
    told = by.decide(by.facts(text), text, before.hash, 0.0, "id", lambda _: signals.last_user_text)
    assert isinstance(told, Outcome)
    assert told.rule == "r0"
    same = again(config_of([({"says": "prove"}, "p,a", "")]), known_of([before]))
    assert isinstance(decided(same, seen, before.hash), Outcome)


def test_what_a_judge_was_not_asked_is_not_told() -> None:
    """A config that asks a judge of difficulty first: records of before it do not tell what he would have said."""
    provider = {**PROVIDER, "models": ["a", "b", "c", "judge"]}
    file = {
        "Providers": [provider],
        "Router": {"default": "p,a"},
        "Tiers": {"light": "p,a", "heavy": "p,c"},
        "Stickiness": False,
    }
    old = load_text(json.dumps(file), "config.json", {})
    new = load_text(json.dumps({**file, "Difficulty": {"judge": "p,judge"}}), "config.json", {})
    assert new.table.difficulty is not None
    signals = Signals(model="claude-opus-5-5", words=50)
    assert decided(again(new, known_of([old, new])), signals, old.hash) == "facts"
    assert isinstance(decided(again(new, known_of([old, new])), signals, new.hash), Outcome)
