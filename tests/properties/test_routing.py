"""Routing under any input: total, pure, in order."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_router.core.decision import Choose, Decision, Pass, Refuse
from claude_code_router.core.errors import BadRequest, Refused
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.routing.engine import CLASSIC_RULES, decide
from claude_code_router.routing.explain import explain
from claude_code_router.routing.overrides import overridden
from claude_code_router.routing.selector import discovery_id, read_selector
from claude_code_router.routing.signals import LAST_TEXT_BYTES, read_signals
from claude_code_router.routing.table import SCENARIOS, RoutingTable
from claude_code_router.routing.tokens import Calibration, Estimate

FEW = settings(max_examples=60, deadline=None)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.sampled_from(
    ["hello", "ultrathink", "<system-reminder>", "</system-reminder>", "Plan mode is active", "## Exited Plan Mode",
     "<CCR-SUBAGENT-MODEL>p,m</CCR-SUBAGENT-MODEL>", "[SUGGESTION MODE:", "CRITICAL: Respond with TEXT ONLY", "\ud800", "中文"]
)  # fmt: skip
TEXT = st.lists(WORDS, max_size=4).map(" ".join)
BLOCK = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["text", "image", "document", "tool_result", "tool_use", "thinking"]) | JSON,
        "text": TEXT | JSON,
        "source": JSON | st.just({"type": "base64", "data": "AAAA"}),
        "content": JSON | st.lists(st.just({"type": "image", "source": {}}), max_size=2),
        "signature": TEXT | JSON,
    },
)
MESSAGE = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "system"]) | JSON,
        "content": TEXT | st.lists(BLOCK, max_size=3) | JSON,
    },
    optional={"output_config": JSON | st.just({"effort": "max"})},
)
TOOL = st.fixed_dictionaries({}, optional={"name": JSON, "type": st.just("web_search_1") | JSON})
BODY = st.fixed_dictionaries(
    {"model": st.sampled_from(["claude-opus-5-5", "claude-haiku-5-5", "p,m", "p/m", "x,y"]) | JSON,
     "messages": st.lists(MESSAGE, max_size=4) | JSON},
    optional={
        "system": TEXT | st.lists(BLOCK, max_size=3) | JSON,
        "tools": st.lists(TOOL, max_size=3) | JSON,
        "metadata": st.fixed_dictionaries({"user_id": TEXT | JSON}) | JSON,
        "thinking": st.fixed_dictionaries({"type": JSON | st.just("enabled")}, optional={"budget_tokens": JSON}) | JSON,
        "output_config": JSON,
        "stream": JSON,
        "max_tokens": JSON,
        "stop_sequences": JSON,
    },
) | JSON  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(
        ["x-claude-code-session-id", "x-claude-code-request-class", "x-claude-code-agent-id", "user-agent"]
    ),
    st.sampled_from(["", "main", "auxiliary", "compaction", "subagent", "claude-cli/2.1.330", "☃"]),
)
TARGETS = st.builds(Target, st.sampled_from(["p", "Q", "org/x", "claude"]), st.sampled_from(["m", "a/b", "c,d"]))
TABLES = st.builds(
    RoutingTable,
    scenarios=st.dictionaries(st.sampled_from(SCENARIOS), TARGETS),
    fallback=st.dictionaries(st.sampled_from(SCENARIOS), st.lists(TARGETS, max_size=3).map(tuple)),
    long_context_threshold_tokens=st.integers(1, 100_000),
    think_when=st.frozensets(st.sampled_from(["budget", "effort", "ultrathink", "plan", "adaptive"])),
    models=st.dictionaries(
        st.sampled_from(["p", "Q", "org/x", "claude"]), st.lists(st.sampled_from(["m", "M", "a/b"])).map(tuple)
    ),
    config_hash=st.just("h"),
)
SIGNALS = st.builds(
    Signals,
    model=st.sampled_from(["claude-opus-5-5", "claude-haiku-5-5", "p,m", "q/a/b", "claude/p/m", "x,y", ""]),
    tokens=st.integers(0, 10**7),
    kind=st.sampled_from(
        ["user", "tool_result", "title", "web_fetch", "web_search", "suggestion", "classifier", "compaction"]
    ),
    request_class=st.sampled_from(["", "main", "auxiliary", "compaction"]),
    subagent=st.booleans(),
    subagent_model=st.sampled_from(["", "p,m", "nowhere,x", "bare"]),
    thinking=st.sampled_from(["", "adaptive", "enabled", "disabled"]),
    thinking_budget=st.none() | st.integers(),
    effort=st.sampled_from(["", "low", "high", "max", "odd"]),
    ultrathink=st.booleans(),
    plan_mode=st.booleans(),
    images=st.booleans(),
    image_in_last_turn=st.booleans(),
    server_tools=st.sampled_from([(), ("web_search_20250305",), ("code_execution_1",)]),
    last_input_tokens=st.none() | st.integers(0, 10**7),
)


def inbound(body: bytes, header: dict[str, str]) -> Inbound:
    return Inbound(id="r", path="/v1/messages", query="", headers=(), header=header, body=body, received_at=0.0)


@FEW
@given(body=BODY, header=HEADERS)
def test_any_json_gives_signals_or_one_bad_request(body: Any, header: dict[str, str]) -> None:
    """Nothing else is ever raised, reading twice says the same, and what is kept can be written down."""
    arrived = inbound(json.dumps(body).encode(), header)
    try:
        reading = read_signals(arrived)
    except BadRequest as error:
        assert error.message.endswith(".")
        return
    assert reading == read_signals(arrived)
    assert len(reading.signals.last_user_text.encode()) <= LAST_TEXT_BYTES
    assert reading.signals.tokens >= 0


@FEW
@given(body=st.binary(max_size=200), header=HEADERS)
def test_any_bytes_give_signals_or_one_bad_request(body: bytes, header: dict[str, str]) -> None:
    """Garbage is the client's fault, never a crash."""
    with contextlib.suppress(BadRequest):
        read_signals(inbound(body, header))


@FEW
@given(body=BODY, cut=st.integers(0, 400))
def test_a_body_cut_anywhere_gives_signals_or_one_bad_request(body: Any, cut: int) -> None:
    """A connection may break at any byte."""
    with contextlib.suppress(BadRequest):
        read_signals(inbound(json.dumps(body).encode()[:cut], {}))


def decided(signals: Signals, table: RoutingTable) -> Decision | tuple[str, str]:
    try:
        return decide(signals, table)
    except Refused as refused:
        return (refused.message, refused.hint)


@FEW
@given(signals=SIGNALS, table=TABLES)
def test_deciding_is_total_and_reproducible(signals: Signals, table: RoutingTable) -> None:
    """A Decision or a refusal with a sentence; equal arguments, equal answer; always explainable."""
    first = decided(signals, table)
    assert first == decided(signals, table)
    if isinstance(first, Decision):
        assert explain(first, signals)
        assert len(set(first.route.targets)) == len(first.route.targets)
    else:
        assert first[0]


@FEW
@given(signals=SIGNALS, table=TABLES)
def test_the_first_rule_that_does_not_pass_decides(signals: Signals, table: RoutingTable) -> None:
    """Every rule's answer is there, in order, and equals what the rule says when asked alone."""
    answers = [rule(signals, table) for rule in CLASSIC_RULES]
    first = next((answer for answer in answers if not isinstance(answer, Pass)), None)
    decision = decided(signals, table)
    match first:
        case Choose():
            assert isinstance(decision, Decision)
            assert list(decision.verdicts) == answers
            assert decision.rule == first.rule
            assert decision.route.first == first.route.first
            assert set(decision.route) >= set(table.fallback.get(first.scenario, ()))  # type: ignore[call-overload]
        case Refuse():
            assert decision == (first.because, first.hint)
        case _:
            assert isinstance(decision, tuple)


@FEW
@given(signals=SIGNALS, table=TABLES)
def test_a_chosen_target_is_one_that_somebody_wrote(signals: Signals, table: RoutingTable) -> None:
    """From the table, or by a selector of the client with a configured provider."""
    decision = decided(signals, table)
    if isinstance(decision, Decision):
        assert decision.route.first in table.scenarios.values() or decision.route.first.provider in table.models


@FEW
@given(base=TABLES, own=TABLES, named=st.sets(st.sampled_from([*SCENARIOS, "thinkWhen"])))
def test_any_override_keeps_background_and_providers(base: RoutingTable, own: RoutingTable, named: set[str]) -> None:
    """They stay the global ones, whatever the override says; the rest is the override's."""
    over = overridden(base, own, named)
    assert over.scenarios.get("background") == base.scenarios.get("background")
    assert over.models == base.models
    assert over.long_context_threshold_tokens == own.long_context_threshold_tokens


@FEW
@given(table=TABLES, target=TARGETS)
def test_offered_ids_lead_back(table: RoutingTable, target: Target) -> None:
    """For every target whose model is listed, unless a provider's name shadows another's."""
    listed = target.model in table.models.get(target.provider, ())
    shadowed = {"claude", "org/x"} & set(table.models)
    if listed and not shadowed:
        assert read_selector(discovery_id(target), table.models) == target


@FEW
@given(
    reports=st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["", "s", "t"]), st.floats(0, 1e6), st.integers(-5, 10**7))
    ),
    asked=st.floats(0, 1e6),
)
def test_calibrated_counts_stay_within_bounds(reports: list[tuple[str, str, float, int]], asked: float) -> None:
    """Never negative; a model's factor between its bounds, whatever upstreams report."""
    calibration = Calibration(models=2, conversations=2)
    for model, conversation, size, actual in reports:
        calibration.learn(model, conversation, Estimate(text_tokens=size, text_bytes=round(size * 4)), actual)
    now = Estimate(text_tokens=asked, text_bytes=round(asked * 4))
    for model in "ab":
        assert 0.4 <= calibration.factor(model) <= 3.0
        for conversation in ("", "s", "t"):
            tokens, last = calibration.tokens_for(model, conversation, now)
            assert tokens >= 0
            assert last is None or last > 0
