"""Spans made from records."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from claude_code_router.config.settings import TraceSettings
from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Choose, Decision
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.record import Outcome, Record
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.server.otel import CAPACITY, Traces

PLANTED = "sk-ant-api03-PLANTED0000000000000000000000000000000000000000"
FAILED = Attempt(
    target=Target("anthropic", "heavy"),
    started_ms=1.0,
    ended_ms=100.0,
    status=529,
    failure=Failure(kind=FailureKind.OVERLOADED, fault="upstream", message=f"busy, {PLANTED}", status=529),
)
ANSWERED = Attempt(
    target=Target("mine", "light"),
    started_ms=100.0,
    ended_ms=900.0,
    status=200,
    usage=Usage(input_tokens=10, cache_read_tokens=90, output_tokens=5),
    stop_reason="end_turn",
    upstream_model="light-2026",
)
RECORD = Record(
    id="req_1",
    at=1_000.0,
    path="/v1/messages",
    outcome=Outcome.DELIVERED,
    status=200,
    tier="light",
    signals=Signals(model="claude-opus", namespace="team", session=PLANTED, last_user_text=PLANTED),
    decision=Decision(
        route=Route((FAILED.target, ANSWERED.target)),
        rule="think",
        scenario="think",
        because=PLANTED,
        verdicts=(Choose("think", Route((FAILED.target,)), "because"),),
        config_hash="",
    ),
    attempts=(FAILED, ANSWERED),
    first_event_ms=300.0,
    total_ms=950.0,
    request_body=PLANTED.encode(),
    reply_body=PLANTED.encode(),
)
ON = TraceSettings(endpoint="http://127.0.0.1:1/v1/traces")


class Kept(InMemorySpanExporter):
    """Still readable after it was shut down."""

    def shutdown(self) -> None: ...


def spans(*records: Record, settings: TraceSettings = ON, dice: float = 0.5) -> list[ReadableSpan]:
    exporter = Kept()
    traces = Traces(lambda: settings, lambda attempt: 0.5 if attempt.usage else None, lambda: dice, lambda _: exporter)
    for record in records:
        traces.put(record)
    traces.end()
    return list(exporter.get_finished_spans())


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_request_is_a_span_with_a_child_for_each_attempt() -> None:
    failed, answered, root = spans(RECORD)
    assert (root.name, root.kind, root.parent) == ("chat claude-opus", SpanKind.SERVER, None)
    assert root.context is not None
    for child, name in ((failed, "chat heavy"), (answered, "chat light")):
        assert child.parent is not None
        assert (child.name, child.kind, child.parent.span_id) == (name, SpanKind.CLIENT, root.context.span_id)
    assert (root.start_time, root.end_time) == (1_000_000_000_000, 1_000_950_000_000)
    assert (answered.start_time, answered.end_time) == (1_000_100_000_000, 1_000_900_000_000)


def test_attributes_are_those_of_the_conventions() -> None:
    failed, answered, root = map(attributes, spans(RECORD))
    assert failed["error.type"] == "overloaded"
    assert failed["gen_ai.provider.name"] == "anthropic"
    assert answered["gen_ai.usage.input_tokens"] == 100
    assert answered["gen_ai.response.model"] == "light-2026"
    assert answered["gen_ai.response.finish_reasons"] == ("end_turn",)
    assert (root["gen_ai.request.model"], root["ccr.rule"], root["ccr.tier"]) == ("claude-opus", "think", "light")
    assert root["ccr.cost_usd"] == 0.5
    assert "error.type" not in root


def test_nothing_of_what_was_said_is_in_a_span() -> None:
    assert PLANTED not in "".join(span.to_json() for span in spans(RECORD))


@pytest.mark.parametrize(("settings", "dice"), [(TraceSettings(), 0.0), (TraceSettings(endpoint="x", share=0.1), 0.5)])
def test_what_is_not_asked_for_is_not_traced(settings: TraceSettings, dice: float) -> None:
    assert spans(RECORD, settings=settings, dice=dice) == []


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize("header", [f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-03", f"01-{TRACE}-{SPAN}-01-later"])
def test_a_clients_trace_is_gone_on_with(header: str) -> None:
    """The request's span is a child of the client's, in its trace; the client has decided that it is kept."""
    record = msgspec.structs.replace(RECORD, traceparent=header)
    found = spans(record, settings=TraceSettings(endpoint="x", share=0.0))
    assert len(found) == 3
    assert {span.context.trace_id for span in found if span.context} == {int(TRACE, 16)}
    root = found[-1]
    assert root.parent is not None
    assert (root.parent.span_id, root.parent.is_remote) == (int(SPAN, 16), True)
    assert [span.parent.span_id for span in found[:2] if span.parent and root.context] == [root.context.span_id] * 2


def test_a_trace_that_is_not_kept_is_not_kept_here() -> None:
    """Whatever the share is."""
    assert spans(msgspec.structs.replace(RECORD, traceparent=f"00-{TRACE}-{SPAN}-00"), dice=0.0) == []


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
    ],
)
def test_what_the_standard_does_not_allow_begins_a_new_trace(header: str) -> None:
    """And the share decides."""
    record = msgspec.structs.replace(RECORD, traceparent=header)
    root = spans(record)[-1]
    assert root.parent is None
    assert spans(record, settings=TraceSettings(endpoint="x", share=0.1)) == []


def test_more_than_can_wait_goes() -> None:
    records = (msgspec.structs.replace(RECORD, id=f"req_{number}", attempts=()) for number in range(CAPACITY + 10))
    ids = {attributes(span)["ccr.request.id"] for span in spans(*records)}
    assert "req_9" not in ids


def test_without_the_extra_the_log_says_what_to_install(caplog: pytest.LogCaptureFixture) -> None:
    def missing(_: TraceSettings) -> SpanExporter:
        raise ImportError("no opentelemetry")

    traces = Traces(lambda: ON, lambda _: None, lambda: 0.0, missing)
    traces.put(RECORD)
    traces.write()
    assert "claude-code-router-py[otel]" in caplog.text
