"""A Record survives the way through its row."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Choose, Decision, Pass, Refuse
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.record import Outcome, Record
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.store.redact import redact_body, redact_text
from claude_code_router.store.row import flatten, unflatten

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
counts = st.integers(0, 10**7)
times = st.floats(0, 1e7)
targets = st.builds(Target, words, words)
routes = st.builds(Route, st.lists(targets, min_size=1, max_size=3).map(tuple))
verdicts = st.one_of(
    st.builds(Choose, words, routes, words, words),
    st.builds(Pass, words, words),
    st.builds(Refuse, words, words, words),
)
decisions = st.builds(
    Decision,
    route=routes,
    rule=words,
    scenario=words,
    because=words,
    verdicts=st.lists(verdicts, max_size=4).map(tuple),
    config_hash=words,
)
usages = st.builds(Usage, **{field.name: counts for field in msgspec.structs.fields(Usage)})
failures = st.builds(
    Failure,
    kind=st.sampled_from(FailureKind),
    fault=st.sampled_from(["client", "owner", "upstream", "network", "router"]),
    message=st.just("said in a sentence"),
    status=st.none() | st.integers(100, 599),
    error_type=words,
    retry_after_s=st.none() | times,
)
attempts = st.builds(
    Attempt,
    target=targets,
    started_ms=times,
    first_event_ms=st.none() | times,
    ended_ms=times,
    status=st.none() | st.integers(100, 599),
    failure=st.none() | failures,
    usage=st.none() | usages,
    stop_reason=words,
    upstream_model=words,
)
signals = st.builds(
    Signals,
    model=words,
    stream=st.booleans(),
    tokens=counts,
    thinking_budget=st.none() | counts,
    tools=st.lists(words).map(tuple),
    session=words,
)
records = st.builds(
    Record,
    id=words,
    at=times,
    path=words,
    outcome=st.sampled_from(Outcome),
    status=st.integers(100, 599),
    signals=st.none() | signals,
    decision=st.none() | decisions,
    attempts=st.lists(attempts, max_size=3).map(tuple),
    first_event_ms=st.none() | times,
    total_ms=times,
    estimate_raw=times,
)


@given(records)
def test_a_record_comes_back(record: Record) -> None:
    """Decision, attempts and facts are reproducible from the row, to the last verdict."""
    rows = flatten(record, lambda _: None, 0.0)
    assert (
        unflatten(rows.tables["requests"][0], rows.tables["attempts"], next(iter(rows.tables.get("bodies", ())), None))
        == record
    )


@given(st.text(max_size=200))
def test_redaction_is_stable(text: str) -> None:
    """What was redacted once is not changed by a second time."""
    once = redact_text(text)
    assert redact_text(once) == once


@given(st.recursive(st.none() | st.integers() | words, lambda inner: st.lists(inner) | st.dictionaries(words, inner)))
def test_a_redacted_json_body_is_json(value: object) -> None:
    """Tools that read bodies from the records need not fear what was taken out."""
    msgspec.json.decode(redact_body(msgspec.json.encode({"api_key": "0123456789", "value": value})))
