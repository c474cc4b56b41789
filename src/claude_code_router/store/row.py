"""Record <-> rows, pure. The one place that knows which field of a Record stands in which column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Decision, Refuse, Verdict
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.record import Outcome, Purpose, Record
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.secrets import NO_SECRETS, Secrets
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.store.redact import redact_body, redact_text

Row = dict[str, Any]
Price = Callable[[Attempt], float | None]

USAGE_FIELDS = tuple(field.name for field in msgspec.structs.fields(Usage))
_SIGNALS_KEPT = tuple((field.name, field.default) for field in msgspec.structs.fields(Signals))
_NO_USAGE: Row = dict.fromkeys(USAGE_FIELDS)
_NO_SIGNALS: Row = dict.fromkeys((
    "namespace", "session", "prompt_hash", "user_agent", "asked_model", "kind", "category", "request_class", "stream",
    "subagent", "body_bytes", "signals", "estimated_tokens",
))  # fmt: skip
_NO_DECISION: Row = dict.fromkeys(("scenario", "target", "route", "rule", "because", "verdicts", "config_hash"))


Entry = Record | Score | Pair
"""What is kept."""


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What one Entry becomes: rows by table, in which order they are written."""

    id: str
    """Of the request that it is about."""
    tables: Mapping[str, tuple[Row, ...]]


def flatten(entry: Entry, price: Price, now: float, secrets: Secrets = NO_SECRETS) -> Rows:
    """`now`: Unix seconds. Secrets are taken out of whatever an upstream, a judge or a client may have worded."""
    match entry:
        case Record():
            return _record_rows(entry, price, now, secrets)
        case Score():
            return Rows(id=entry.request_id, tables={"scores": (_score_row(entry, secrets),)})
        case Pair():
            pair = {**msgspec.structs.asdict(entry), "escalated": int(entry.escalated)}
            return Rows(id=entry.request_id, tables={"pairs": (pair,)})


def _record_rows(record: Record, price: Price, now: float, secrets: Secrets) -> Rows:
    attempts = tuple(
        _attempt_row(record.id, seq, attempt, price, secrets) for seq, attempt in enumerate(record.attempts)
    )
    body = _body_row(record, secrets)
    tables = {"requests": (_request_row(record, attempts, now, secrets),), "attempts": attempts}
    return Rows(id=record.id, tables=tables if body is None else {**tables, "bodies": (body,)})


def _score_row(score: Score, secrets: Secrets) -> Row:
    fields = msgspec.structs.asdict(score)
    by = fields.pop("by")
    return {**fields, "judged_by": by, "reason": redact_text(score.reason, secrets)}


def unflatten(
    request: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]], body: Mapping[str, Any] | None = None
) -> Record:
    """The Record that a row was made of: all of it but the prompt's text and what redaction took."""
    return Record(
        id=request["id"],
        at=request["at"],
        path=request["path"] or "",
        outcome=Outcome(request["outcome"]),
        status=request["status"],
        purpose=Purpose(request["purpose"]),
        parent=request["parent"] or "",
        tier=request["tier"] or "",
        signals=_signals_of(request["signals"]),
        decision=_decision_of(request),
        verdicts=_verdicts_of(request) if request["route"] is None else (),
        shadow=_shadow_of(request),
        shadow_refused="" if request["shadow"] else request["shadow_because"] or "",
        attempts=tuple(_attempt_of(row) for row in attempts),
        first_event_ms=request["first_event_ms"],
        total_ms=request["total_ms"] or 0.0,
        error=request["error"] or "",
        estimate_raw=request["estimate_raw"] or 0.0,
        request_body=_encoded(body["request"] if body else None),
        reply_body=_encoded(body["reply"] if body else None),
    )


def slim(signals: Signals, tools: tuple[str, ...]) -> Signals:
    """The facts as they are kept, without the prompt's text, which is private. `tools` are equal to its own, maybe shared."""
    return msgspec.structs.replace(signals, last_user_text="", tools=tools)


def scrubbed(rows: Rows) -> Rows:
    """Without the two things that text columns refuse: half surrogate pairs (SQLite) and NUL (PostgreSQL)."""
    tables = {name: tuple(_clean(row) for row in table) for name, table in rows.tables.items()}
    return Rows(id=rows.id, tables=tables)


def _clean(row: Row) -> Row:
    return {name: _clean_text(value) if isinstance(value, str) else value for name, value in row.items()}


def _clean_text(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _request_row(record: Record, attempts: tuple[Row, ...], now: float, secrets: Secrets) -> Row:
    last = record.attempts[-1] if record.attempts else None
    usage = last.usage if last else None
    costs = [row["cost_usd"] for row in attempts if row["cost_usd"] is not None]
    return {
        "id": record.id,
        "at": record.at,
        "written_at": now,
        "path": record.path,
        "purpose": record.purpose.value,
        "parent": record.parent,
        **(_signals_columns(record.signals) if record.signals else _NO_SIGNALS),
        "estimate_raw": record.estimate_raw,
        "prompt_tokens": usage.prompt_tokens if usage else None,
        **(_decision_columns(record.decision) if record.decision else _undecided_columns(record)),
        **_shadow_columns(record),
        "outcome": record.outcome.value,
        "status": record.status,
        "error": redact_text(record.error, secrets),
        "stop_reason": last.stop_reason if last else None,
        "provider": last.target.provider if last else None,
        "model": last.target.model if last else None,
        "upstream_model": last.upstream_model if last else None,
        "tier": record.tier,
        "attempt_count": len(attempts),
        **_usage_columns(usage),
        "cost_usd": sum(costs) if costs else None,
        "first_event_ms": record.first_event_ms,
        "total_ms": record.total_ms,
    }


def _signals_columns(signals: Signals) -> Row:
    return {
        "namespace": signals.namespace,
        "session": signals.session,
        "prompt_hash": signals.prompt_hash,
        "user_agent": signals.user_agent,
        "asked_model": signals.model,
        "kind": signals.kind,
        "category": signals.category,
        "request_class": signals.request_class,
        "stream": int(signals.stream),
        "subagent": int(signals.subagent),
        "body_bytes": signals.body_bytes,
        "signals": _signals_json(signals),
        "estimated_tokens": signals.tokens,
    }


def _signals_json(signals: Signals) -> str:
    """Without the fields that say nothing (a third of the size), and without the prompt's text, which is private."""
    values = msgspec.structs.astuple(signals)
    told = {name: value for (name, default), value in zip(_SIGNALS_KEPT, values, strict=True) if value != default}
    told.pop("last_user_text", None)
    return msgspec.json.encode(told).decode()


def _decision_columns(decision: Decision) -> Row:
    return {
        "scenario": decision.scenario,
        "target": str(decision.route.first),
        "route": msgspec.json.encode(decision.route.targets).decode(),
        "rule": decision.rule,
        "because": decision.because,
        "verdicts": msgspec.json.encode(decision.verdicts).decode(),
        "config_hash": decision.config_hash,
    }


def _undecided_columns(record: Record) -> Row:
    if not record.verdicts:
        return _NO_DECISION
    refusal = next((verdict for verdict in record.verdicts if isinstance(verdict, Refuse)), None)
    said = {"rule": refusal.rule, "because": refusal.because} if refusal else {}
    return {**_NO_DECISION, **said, "verdicts": msgspec.json.encode(record.verdicts).decode()}


def _shadow_columns(record: Record) -> Row:
    shadow = record.shadow
    return {
        "shadow_target": str(shadow.route.first) if shadow else None,
        "shadow_rule": shadow.rule if shadow else None,
        "shadow_because": shadow.because if shadow else record.shadow_refused or None,
        "shadow": msgspec.json.encode(shadow).decode() if shadow else None,
    }


def _attempt_row(request_id: str, seq: int, attempt: Attempt, price: Price, secrets: Secrets) -> Row:
    failure = attempt.failure
    return {
        "request_id": request_id,
        "seq": seq,
        "provider": attempt.target.provider,
        "model": attempt.target.model,
        "started_ms": attempt.started_ms,
        "first_event_ms": attempt.first_event_ms,
        "ended_ms": attempt.ended_ms,
        "status": attempt.status,
        "failure_kind": failure.kind.value if failure else None,
        "failure_fault": failure.fault if failure else None,
        "failure_message": redact_text(failure.message, secrets) if failure else None,
        "failure_status": failure.status if failure else None,
        "failure_error_type": secrets.struck_text(failure.error_type) if failure else None,
        "failure_retry_after_s": failure.retry_after_s if failure else None,
        "stop_reason": attempt.stop_reason,
        "upstream_model": attempt.upstream_model,
        "credential": attempt.credential,
        "moved_from": attempt.moved_from,
        "upward": int(attempt.upward),
        **_usage_columns(attempt.usage),
        "cost_usd": price(attempt) if attempt.usage else None,
    }


def _usage_columns(usage: Usage | None) -> Row:
    return msgspec.structs.asdict(usage) if usage else _NO_USAGE


def _body_row(record: Record, secrets: Secrets) -> Row | None:
    if record.request_body is None and record.reply_body is None:
        return None
    return {
        "request_id": record.id,
        "request": None if record.request_body is None else redact_body(record.request_body, secrets),
        "reply": None if record.reply_body is None else redact_body(record.reply_body, secrets),
    }


def _signals_of(text: str | None) -> Signals | None:
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=Signals)
    except msgspec.DecodeError:
        return None  # written by another version, whose words we do not know


def _decision_of(row: Mapping[str, Any]) -> Decision | None:
    if row["route"] is None:
        return None
    return Decision(
        route=Route(msgspec.json.decode(row["route"], type=tuple[Target, ...])),
        rule=row["rule"],
        scenario=row["scenario"],
        because=row["because"],
        verdicts=_verdicts_of(row),
        config_hash=row["config_hash"],
    )


def _verdicts_of(row: Mapping[str, Any]) -> tuple[Verdict, ...]:
    return msgspec.json.decode(row["verdicts"], type=tuple[Verdict, ...]) if row["verdicts"] else ()


def _shadow_of(row: Mapping[str, Any]) -> Decision | None:
    try:
        return msgspec.json.decode(row["shadow"], type=Decision) if row["shadow"] else None
    except msgspec.DecodeError:
        return None


def _attempt_of(row: Mapping[str, Any]) -> Attempt:
    return Attempt(
        target=Target(row["provider"], row["model"]),
        started_ms=row["started_ms"],
        first_event_ms=row["first_event_ms"],
        ended_ms=row["ended_ms"],
        status=row["status"],
        failure=_failure_of(row) if row["failure_kind"] else None,
        usage=Usage(**{name: row[name] for name in USAGE_FIELDS}) if row["input_tokens"] is not None else None,
        stop_reason=row["stop_reason"] or "",
        upstream_model=row["upstream_model"] or "",
        credential=row["credential"] or "",
        moved_from=row["moved_from"] or "",
        upward=bool(row["upward"]),
    )


def _failure_of(row: Mapping[str, Any]) -> Failure:
    return Failure(
        kind=FailureKind(row["failure_kind"]),
        fault=row["failure_fault"],
        message=row["failure_message"],
        status=row["failure_status"],
        error_type=row["failure_error_type"] or "",
        retry_after_s=row["failure_retry_after_s"],
    )


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
