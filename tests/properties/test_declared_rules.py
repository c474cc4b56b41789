"""Declared rules whatever the request: total, pure, in order, and to be repeated from the record alone."""

from __future__ import annotations

import json

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claude_code_router.catalog.prices import Rate, Rates
from claude_code_router.config.load import load_text
from claude_code_router.core.rating import Rating
from claude_code_router.core.record import Outcome, Record
from claude_code_router.core.signals import Signals
from claude_code_router.core.standing import Calls, Standing
from claude_code_router.core.target import Target
from claude_code_router.routing.engine import decide, decide_in_session
from claude_code_router.routing.hearing import Circumstances, hear
from claude_code_router.routing.stickiness import settle
from claude_code_router.store.row import flatten, unflatten

PROVIDER = {"name": "p", "api_base_url": "https://x.com/v1/messages", "api_key": "k", "models": ["a", "b", "c"]}

conditions = st.recursive(
    st.one_of(
        st.fixed_dictionaries({"tokens": st.fixed_dictionaries({"over": st.integers(0, 200)})}),
        st.fixed_dictionaries({"says": st.sampled_from(["review", "design the", "レビュー"])}),
        st.fixed_dictionaries({"matches": st.sampled_from([r"x\d", "re.{0,9}w"])}),
        st.fixed_dictionaries({"kind": st.sampled_from(["user", "tool_result"])}),
        st.fixed_dictionaries({"header": st.just({"x-team": "w*"})}),
        st.fixed_dictionaries({"offers_tool": st.sampled_from(["mcp*", "Read"])}),
        st.fixed_dictionaries({"time": st.just("22:00-06:00")}),
        st.fixed_dictionaries({"language": st.just("en")}),
        st.fixed_dictionaries({"spend_today_usd": st.just({"under": 3})}),
    ),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
    ),
    max_leaves=5,
)
uses = st.sampled_from(["p,a", "heavy", {"p,b": 40, "heavy": 30}, ["p,c", "p,b"]])
rule_sets = st.lists(st.tuples(conditions, uses, st.sampled_from(["", "image", "default"])), min_size=1, max_size=5)
signal_values = st.builds(
    Signals,
    model=st.sampled_from(["claude-opus-5-5", "p,b", "haiku", ""]),
    tokens=st.integers(0, 300),
    words=st.integers(0, 20),
    kind=st.sampled_from(["user", "tool_result", "title"]),
    last_user_text=st.one_of(st.text(max_size=60), st.just("please review x1 and design the レビュー")),
    tools=st.lists(st.sampled_from(["Read", "mcp__x"]), max_size=2).map(tuple),
    session=st.text(max_size=4),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule_sets, signal_values, st.integers(0, 1439), st.booleans())
def test_a_decision_is_repeated_from_its_record(
    rules: list[tuple[object, object, str]], signals: Signals, minute: int, team: bool
) -> None:
    """Every rule answers; the first that applies has decided; equal facts decide equally; the stored record is enough."""
    declared = [
        {"name": f"r{n}", "when": when, "use": use} | ({"before": before} if before else {})
        for n, (when, use, before) in enumerate(rules)
    ]
    file = {
        "Providers": [PROVIDER],
        "Router": {"default": "p,a"},
        "Tiers": {"light": "p,a", "heavy": "p,c"},
        "Rules": declared,
        "Guards": {"ambiguous": "heavy", "chain": "heavy"},
    }
    table = load_text(json.dumps(file), "config.json", {}).table
    assert table.listening is not None
    header = {"x-team": "web"} if team else {}
    heard = hear(signals, header, table.listening, Circumstances(minute_of_day=minute, weekday="mon"))
    decision = decide(heard, table)
    assert decision == decide(heard, table)
    names = [verdict.rule for verdict in decision.verdicts]
    assert [name for name in names if name.startswith("r") and name[1:].isdigit()] == [
        rule.name for place in ("", "image", "default") for rule in table.declared if rule.before == place
    ]
    record = Record(
        id="r",
        at=0.0,
        path="/",
        outcome=Outcome.DELIVERED,
        status=200,
        signals=heard,
        decision=decision,
        shadow=decision,
    )
    rows = flatten(record, lambda _: None, 0.0)
    kept = unflatten(
        rows.tables["requests"][0], rows.tables["attempts"], next(iter(rows.tables.get("bodies", ())), None)
    )
    assert kept.signals is not None
    assert kept.signals.last_user_text == ""
    assert kept.decision == kept.shadow == decision == decide(kept.signals, table)


targets = st.sampled_from([Target("p", "a"), Target("p", "b"), Target("p", "c")])
standings = st.builds(
    Standing,
    target=targets,
    asked=st.sampled_from(["claude-opus-5-5", "haiku"]),
    stand_in=st.booleans(),
    warm=st.dictionaries(st.sampled_from(["p,a", "p,b", "p,c"]), st.integers(0, 200_000), max_size=3),
    calls=st.builds(
        Calls,
        prefix_tokens=st.integers(0, 200_000),
        new_tokens=st.integers(0, 9_000),
        output_tokens=st.integers(0, 9_000),
    ),
    calls_a_turn=st.floats(1, 40),
    foregone_usd=st.floats(0, 5),
)
ratings = st.builds(
    Rating, judge=st.just("p,a"), prompt=st.just("v"), score=st.none() | st.floats(0, 1), why=st.text(max_size=9)
)


@settings(max_examples=80, deadline=None)
@given(
    signal_values, st.none() | standings, st.none() | ratings, st.dictionaries(targets, st.floats(0.1, 50), max_size=3)
)
def test_the_last_word_is_repeated_from_its_record(
    signals: Signals, standing: Standing | None, rating: Rating | None, prices: dict[Target, float]
) -> None:
    """With a judge's score and a warm cache: the facts that are kept decide again as they did; prices are not needed."""
    file = {
        "Providers": [PROVIDER],
        "Router": {"default": "p,b"},
        "Tiers": {"light": "p,a", "mid": "p,b", "heavy": "p,c"},
        "Rules": [{"name": "hard", "when": {"difficulty": {"over": 0.9}}, "use": "heavy"}],
        "Difficulty": {"judge": "light", "default": "mid"},
    }
    table = load_text(json.dumps(file), "config.json", {}).table
    assert table.sticky
    score = rating.score if rating else None
    asked = msgspec.structs.replace(signals, standing=standing, rating=rating, difficulty=score)
    rates = {at: Rates(input=Rate(usd), output=Rate(5 * usd), cache_read=Rate(usd / 10)) for at, usd in prices.items()}
    known, decision = decide_in_session(asked, table, rates.get)
    record = Record(id="r", at=0.0, path="/", outcome=Outcome.DELIVERED, status=200, signals=known, decision=decision)
    rows = flatten(record, lambda _: None, 0.0)
    kept = unflatten(rows.tables["requests"][0], rows.tables["attempts"])
    assert kept.signals is not None
    assert kept.decision == decision == settle(decide(kept.signals, table), kept.signals, table)
