"""What /metrics counts, and that nobody outside can make it grow."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from claude_code_router.config.load import load_text
from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Choose, Decision
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.record import Outcome, Purpose, Record
from claude_code_router.core.score import Score
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.server.counters import Counters, Histogram
from claude_code_router.server.metrics import _escaped, _family, _histograms

LIGHT, HEAVY = Target("p", "light"), Target("p", "heavy")
CONFIG = load_text(
    json.dumps(
        {
            "Providers": [
                {"name": "p", "api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["light", "heavy"]}
            ],
            "Router": {"default": "p,light"},
            "Tiers": {"light": "p,light", "heavy": "p,heavy"},
            "Namespaces": {"team": {}},
        }
    ),
    "config.json",
    {},
)


def record(**said: Any) -> Record:
    target = said.pop("target", LIGHT)
    choice = Choose("r", Route((said.pop("first", target),)), "because", "default")
    plain = Record(
        id="req_1",
        at=0.0,
        path="/v1/messages",
        outcome=Outcome.DELIVERED,
        status=200,
        tier="light",
        signals=Signals(model="m", namespace="team"),
        decision=Decision(route=choice.route, rule="r", scenario="default", because="b", verdicts=(), config_hash=""),
        attempts=(
            Attempt(target=target, started_ms=0, ended_ms=1, status=200, usage=Usage(input_tokens=10, output_tokens=5)),
        ),
        first_event_ms=300.0,
        total_ms=900.0,
    )
    return msgspec.structs.replace(plain, **said)


def counted(*entries: Record | Score) -> Counters:
    counters = Counters(lambda: CONFIG, lambda _: 0.25)
    for entry in entries:
        counters.put(entry)
    return counters


def test_a_request_counts_where_it_belongs() -> None:
    found = counted(record(), record())
    assert found.requests == {("team", "client", "default", "light", "p", "light", "delivered"): 2}
    assert found.cost_usd == {("team", "client", "p", "light"): 0.5}
    assert found.tokens["p", "light", "input"] == 20
    assert found.attempts == {("p", "light", "none"): 2}
    assert found.fallbacks == {}
    assert found.whole["team", "light"].sum == pytest.approx(1.8)


def test_a_fallback_and_its_failed_attempt_are_counted() -> None:
    failure = Failure(kind=FailureKind.OVERLOADED, fault="upstream", message="busy", status=529)
    failed = Attempt(target=HEAVY, started_ms=0, ended_ms=1, status=529, failure=failure)
    plain = record(first=HEAVY)
    found = counted(msgspec.structs.replace(plain, attempts=(failed, *plain.attempts)))
    assert found.fallbacks == {("team", "light"): 1}
    assert found.attempts == {("p", "heavy", "overloaded"): 1, ("p", "light", "none"): 1}


def test_our_own_questions_have_a_purpose_and_no_times() -> None:
    found = counted(record(purpose=Purpose.SCORE))
    assert [key[1] for key in found.requests] == ["score"]
    assert found.whole == {}


def test_scores_are_counted_and_summed() -> None:
    score = Score(id="s", request_id="r", at=0.0, by="model", judge="j", value=0.75)
    assert counted(score, score).scores == {("model",): (2, 1.5)}


def test_nobody_outside_makes_series() -> None:
    """A thousand invented models, providers, tiers and namespaces are a handful of series."""
    found = counted(
        *(
            record(
                target=Target("p" if number % 2 else f"p{number}", f"model {number}"),
                tier=f"tier {number}",
                signals=Signals(model=f"m{number}", namespace=f"n{number}"),
            )
            for number in range(1000)
        )
    )
    assert set(found.requests) == {
        ("other", "client", "default", "other", provider, "other", "delivered") for provider in ("p", "other")
    }


def test_a_request_that_was_refused_early_is_counted() -> None:
    found = counted(record(signals=None, decision=None, attempts=(), tier="", outcome=Outcome.REFUSED))
    assert found.requests == {("", "client", "", "", "", "", "refused"): 1}


def test_a_histogram_is_cumulative_and_ends_with_all() -> None:
    histogram = Histogram()
    for seconds in (0.1, 0.2, 700.0):
        histogram.add(seconds)
    text = list(_histograms("x", "X.", ("tier",), {("light",): histogram}))
    assert text[2] == 'x_bucket{tier="light",le="0.1"} 1'
    assert text[3] == 'x_bucket{tier="light",le="0.25"} 2'
    assert text[-3] == 'x_bucket{tier="light",le="+Inf"} 3'
    assert text[-1] == 'x_count{tier="light"} 3'


def test_odd_names_cannot_break_a_line() -> None:
    [_, _, line] = _family("x", "gauge", "X.", ("a",), {('quote " backslash \\ line\nbreak',): 1.0})
    assert line == r'x{a="quote \" backslash \\ line\nbreak"} 1'
    assert "\n" not in _escaped("a\nb")
    assert re.fullmatch(r'x\{a="(?:[^"\\\n]|\\.)*"\} 1', line)
