"""`GET /metrics` in Prometheus' text format (version 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from claude_code_router import __version__
from claude_code_router.server.auth import NotAuthorised
from claude_code_router.server.counters import SECONDS, Histogram, Labels
from claude_code_router.server.http import Call
from claude_code_router.server.services import Services

_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


async def metrics(call: Call, services: Services) -> None:
    if call.namespace:
        raise NotAuthorised(
            "Metrics are about every namespace.",
            hint="Ask with APIKEY, outside of any.",
            status=403,
            error_type="permission_error",
        )
    body = "\n".join(lines(services)) + "\n"
    await call.answer(200, body.encode(), content_type=_TYPE)


def lines(services: Services) -> Iterator[str]:
    counters, recorder = services.counters, services.recorder
    yield from _family("ccr_info", "gauge", "The router's version.", ("version",), {(__version__,): 1})
    yield from _family(
        "ccr_requests_total",
        "counter",
        "Requests that have ended.",
        ("namespace", "purpose", "scenario", "tier", "provider", "model", "outcome"),
        counters.requests,
    )
    for name, what, histograms in (
        ("ccr_first_content_seconds", "From a client's request to its first content.", counters.first_content),
        ("ccr_request_seconds", "From a client's request to its end.", counters.whole),
    ):
        yield from _histograms(name, what, ("namespace", "tier"), histograms)
    yield from _family(
        "ccr_cost_usd_total",
        "counter",
        "US dollars, as far as prices are known.",
        ("namespace", "purpose", "provider", "model"),
        counters.cost_usd,
    )
    yield from _family("ccr_tokens_total", "counter", "Tokens.", ("provider", "model", "kind"), counters.tokens)
    yield from _family(
        "ccr_attempts_total",
        "counter",
        "Times that a target was tried, by what went wrong.",
        ("provider", "model", "failure"),
        counters.attempts,
    )
    yield from _family(
        "ccr_fallbacks_total",
        "counter",
        "Requests that another target answered than the first choice.",
        ("namespace", "tier"),
        counters.fallbacks,
    )
    yield from _family(
        "ccr_scores_total",
        "counter",
        "Replies judged.",
        ("by",),
        {key: count for key, (count, _) in counters.scores.items()},
    )
    yield from _family(
        "ccr_score_sum",
        "counter",
        "The sum of their scores, each from 0 to 1.",
        ("by",),
        {key: total for key, (_, total) in counters.scores.items()},
    )
    yield from _family("ccr_records_written_total", "counter", "Records written.", (), {(): recorder.written})
    yield from _family("ccr_records_dropped_total", "counter", "Records lost.", (), {(): recorder.dropped})
    yield from _family("ccr_records_waiting", "gauge", "Records not yet written.", (), {(): recorder.waiting})
    yield from _alerts(services)


def _alerts(services: Services) -> Iterator[str]:
    active: dict[Labels, float] = {(kpi, namespace or ""): 1 for namespace, kpi in services.watching.active}
    yield from _family("ccr_alert_active", "gauge", "Figures outside of their bands.", ("kpi", "namespace"), active)
    undelivered: dict[Labels, float] = {(): services.watching.undelivered}
    yield from _family("ccr_alerts_undelivered_total", "counter", "Alerts that no webhook took.", (), undelivered)


def _family(name: str, kind: str, what: str, labels: Sequence[str], values: Mapping[Labels, float]) -> Iterator[str]:
    if not values:
        return
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"
    for key, value in sorted(values.items()):
        yield f"{name}{_labels(labels, key)} {value:.17g}"


def _histograms(name: str, what: str, labels: Sequence[str], found: Mapping[Labels, Histogram]) -> Iterator[str]:
    if not found:
        return
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} histogram"
    for key, histogram in sorted(found.items()):
        below = 0
        for bound, count in zip((*(f"{second:g}" for second in SECONDS), "+Inf"), histogram.buckets, strict=True):
            below += count
            yield f"{name}_bucket{_labels((*labels, 'le'), (*key, bound))} {below}"
        yield f"{name}_sum{_labels(labels, key)} {histogram.sum:.17g}"
        yield f"{name}_count{_labels(labels, key)} {below}"


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    told = [f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)]
    return "{" + ",".join(told) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
