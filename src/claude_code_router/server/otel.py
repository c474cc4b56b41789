"""Traces for OpenTelemetry, and the one door of its SDK: off unless `Monitoring.traces.endpoint` is set, loaded then only.

Spans are made from records, after the requests have ended, in a thread; a request waits for nothing. Names and attributes are
those of the semantic conventions for generative AI (https://opentelemetry.io/docs/specs/semconv/gen-ai/, 2026-11), ours begin
with `ccr.`. No words of a prompt or reply, no session's id, and of the headers none but `traceparent`: a client's trace is gone
on with (https://www.w3.org/TR/trace-context/).
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from claude_code_router.config.settings import TraceSettings
from claude_code_router.core.attempt import Attempt
from claude_code_router.core.record import Outcome, Record
from claude_code_router.core.usage import Usage
from claude_code_router.store.row import Entry, Price

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

log = logging.getLogger("ccr.traces")

CAPACITY = 2_000
"""Records that may wait for their spans; beyond it the oldest go."""
_EVERY_S = 1.0
_TIMEOUT_S = 3.0
_FAILED = (Outcome.EXHAUSTED, Outcome.BROKEN_OFF, Outcome.REFUSED)
_CONVENTIONAL = {"anthropic": "anthropic", "openai": "openai", "gemini": "gcp.gemini", "deepseek": "deepseek"}
"""Providers that the conventions have a name for; others go by the owner's."""

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 0x01

MakeExporter = Callable[[TraceSettings], "SpanExporter"]


class Traces:
    """One per process: `put` from the event loop's thread, `run` once, as a task that is cancelled at the end."""

    def __init__(
        self,
        settings: Callable[[], TraceSettings],
        price: Price,
        dice: Callable[[], float],
        make_exporter: MakeExporter | None = None,
    ) -> None:
        self._settings = settings
        self._price = price
        self._dice = dice
        self._make_exporter = make_exporter or _otlp
        self._waiting: deque[Record] = deque(maxlen=CAPACITY)
        self._provider: TracerProvider | None = None
        self._made_for: TraceSettings | None = None
        self._lock = threading.Lock()  # a router that stops may do so while a thread still writes

    def put(self, entry: Entry) -> None:
        settings = self._settings()
        if settings.endpoint and isinstance(entry, Record) and self._is_wanted(entry, settings):
            self._waiting.append(entry)

    def _is_wanted(self, record: Record, settings: TraceSettings) -> bool:
        """Who began the trace has decided for all of it: half a trace is none."""
        parent = parent_of(record.traceparent)
        return parent.sampled if parent is not None else self._dice() < settings.share

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(_EVERY_S)
                if self._waiting or self._made_for not in (None, self._settings()):
                    await asyncio.to_thread(self.write)
        finally:
            if self._waiting or self._made_for is not None:
                await asyncio.to_thread(self.end)

    def write(self) -> None:
        """Whatever waits. Blocks: for a thread."""
        with self._lock:
            self._write()

    def end(self) -> None:
        """Whatever waits, and what is still to be sent. Blocks for some seconds when nobody takes it."""
        with self._lock:
            self._write()
            self._close()
            self._made_for = None

    def _write(self) -> None:
        settings = self._settings()
        if settings != self._made_for:
            self._close()
            self._made_for = settings
            self._provider = self._made(settings) if settings.endpoint else None
        while self._waiting:
            record = self._waiting.popleft()
            if self._provider is not None:
                write_spans(self._provider, record, self._price)

    def _made(self, settings: TraceSettings) -> TracerProvider | None:
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor

            exporter = self._make_exporter(settings)
        except ImportError:
            log.error('there are no traces: install the extra, `pip install "claude-code-router-py[otel]"`')
            return None
        provider = TracerProvider(resource=Resource({"service.name": "claude-code-router"}), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return provider

    def _close(self) -> None:
        if self._provider is not None:
            self._provider.shutdown()
            self._provider = None


class Parent(msgspec.Struct, frozen=True):
    """The client's span."""

    trace_id: int
    span_id: int
    sampled: bool


def parent_of(traceparent: str) -> Parent | None:
    """None when there is none, or none that the standard allows: then a new trace begins."""
    found = _TRACEPARENT.fullmatch(traceparent.strip())
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Parent(int(trace_id, 16), int(span_id, 16), bool(int(flags, 16) & _SAMPLED))


def _inside(parent: Parent) -> Context:
    from opentelemetry import trace

    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    whose = trace.SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(whose))


def write_spans(provider: TracerProvider, record: Record, price: Price) -> None:
    """One span for the request, in the client's trace where it has one; a child for each attempt."""
    from opentelemetry import trace

    parent = parent_of(record.traceparent)
    tracer = provider.get_tracer("claude_code_router")
    asked = record.signals.model if record.signals else ""
    root = tracer.start_span(
        f"chat {asked}".rstrip(),
        context=_inside(parent) if parent is not None else None,
        kind=trace.SpanKind.SERVER,
        start_time=_ns(record.at, 0.0),
        attributes=_present(_request(record, asked, price)),
    )
    if record.outcome in _FAILED:
        root.set_status(trace.Status(trace.StatusCode.ERROR))
    inside = trace.set_span_in_context(root)
    for attempt in record.attempts:
        span = tracer.start_span(
            f"chat {attempt.target.model}",
            context=inside,
            kind=trace.SpanKind.CLIENT,
            start_time=_ns(record.at, attempt.started_ms),
            attributes=_present(_attempt(attempt, price)),
        )
        if attempt.failure is not None:
            span.set_status(trace.Status(trace.StatusCode.ERROR))
        span.end(_ns(record.at, attempt.ended_ms))
    root.end(_ns(record.at, record.total_ms))


def _request(record: Record, asked: str, price: Price) -> Mapping[str, Any]:
    last = record.attempts[-1] if record.attempts else None
    costs = [cost for attempt in record.attempts if (cost := price(attempt)) is not None]
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": asked,
        "gen_ai.response.model": last.upstream_model or last.target.model if last else "",
        **_usage(last.usage if last else None),
        "gen_ai.response.finish_reasons": [last.stop_reason] if last and last.stop_reason else None,
        "http.response.status_code": record.status,
        "error.type": record.outcome.value if record.outcome in _FAILED else None,
        "ccr.request.id": record.id,
        "ccr.purpose": record.purpose.value,
        "ccr.namespace": record.signals.namespace if record.signals else "",
        "ccr.scenario": record.decision.scenario if record.decision else "",
        "ccr.rule": record.decision.rule if record.decision else "",
        "ccr.tier": record.tier,
        "ccr.outcome": record.outcome.value,
        "ccr.cost_usd": sum(costs) if costs else None,
        "ccr.first_content_ms": record.first_event_ms,
    }


def _attempt(attempt: Attempt, price: Price) -> Mapping[str, Any]:
    provider = attempt.target.provider
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _CONVENTIONAL.get(provider.lower(), provider),
        "gen_ai.request.model": attempt.target.model,
        "gen_ai.response.model": attempt.upstream_model,
        **_usage(attempt.usage),
        "gen_ai.response.finish_reasons": [attempt.stop_reason] if attempt.stop_reason else None,
        "http.response.status_code": attempt.status,
        "error.type": attempt.failure.kind.value if attempt.failure else None,
        "ccr.cost_usd": price(attempt),
    }


def _usage(usage: Usage | None) -> Mapping[str, Any]:
    """The conventions' input tokens are the whole prompt, cached or not."""
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
    }


def _present(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None and value != ""}


def _ns(at: float, after_ms: float) -> int:
    return int(at * 1e9 + after_ms * 1e6)


def _otlp(settings: TraceSettings) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=settings.endpoint, headers=dict(settings.headers), timeout=_TIMEOUT_S)
