"""The named questions that are asked of the records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from claude_code_router.core.record import Outcome, Purpose, Record
from claude_code_router.store.db import ATTEMPTS, BODIES, REQUESTS, Database, sa
from claude_code_router.store.row import Row, unflatten
from claude_code_router.store.scores import Judged, judged

By = Literal["day", "model", "scenario", "namespace"]

ERRORS = (Outcome.REFUSED.value, Outcome.EXHAUSTED.value, Outcome.BROKEN_OFF.value)
"""Outcomes that count as errors; a client that left is none."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which records. Empty fields do not filter."""

    since: float | None = None
    """Unix seconds; arrival at or after."""
    model: str = ""
    """Part of the model asked for, or of the `provider,model` that was chosen or answered; in any case."""
    scenario: str = ""
    namespace: str = ""
    session: str = ""
    """How the id begins."""
    purpose: str = Purpose.CLIENT.value
    """Only what was asked for this; empty: all."""
    outcome: str = ""
    errors: bool = False
    id: str = ""
    """How the id begins, with or without `req_`."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the requests that share a day, model, scenario or namespace. Percentiles are None without a value."""

    key: str
    requests: int = 0
    errors: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0
    """Requests with usage whose price is not known: they are missing in `cost_usd`."""
    first_event_p50_ms: float | None = None
    first_event_p95_ms: float | None = None
    total_p50_ms: float | None = None
    total_p95_ms: float | None = None


class Found(msgspec.Struct, frozen=True):
    """One request as it was recorded."""

    record: Record
    row: Row
    attempts: tuple[Row, ...]
    judged: Judged = Judged()


def rows(database: Database, wanted: Filter, limit: int) -> list[Row]:
    """The newest `limit` requests, oldest of them first."""
    newest = sa.select(REQUESTS).where(*_conditions(wanted)).order_by(REQUESTS.c.at.desc(), REQUESTS.c.id).limit(limit)
    return database.select(newest)[::-1]


def written_since(database: Database, wanted: Filter, written_at: float) -> list[Row]:
    """Rows in the order of their writing: a long request is written after shorter ones that arrived later."""
    late = sa.select(REQUESTS).where(REQUESTS.c.written_at >= written_at, *_conditions(wanted))
    return database.select(late.order_by(REQUESTS.c.written_at, REQUESTS.c.at))


def ids(database: Database, prefix: str, limit: int = 6) -> list[str]:
    """Ids that begin so (`last`: the newest one's)."""
    statement = sa.select(REQUESTS.c.id).order_by(REQUESTS.c.at.desc())
    if prefix == "last":
        return [row["id"] for row in database.select(statement.where(*_conditions(Filter())).limit(1))]
    return [
        row["id"] for row in database.select(statement.where(*_conditions(Filter(id=prefix, purpose=""))).limit(limit))
    ]


def by_id(database: Database, id: str) -> Found | None:
    found = database.select(sa.select(REQUESTS).where(REQUESTS.c.id == id))
    if not found:
        return None
    attempts = database.select(sa.select(ATTEMPTS).where(ATTEMPTS.c.request_id == id).order_by(ATTEMPTS.c.seq))
    bodies = database.select(sa.select(BODIES).where(BODIES.c.request_id == id))
    record = unflatten(found[0], attempts, bodies[0] if bodies else None)
    return Found(record, found[0], tuple(attempts), judged(database, id))


def stats(database: Database, wanted: Filter, by: By) -> tuple[list[Group], Group]:
    """The groups in order of their key (days) or of their requests, and the sum of all.

    Summed here and not in SQL: percentiles and the days of the local calendar are said differently by every database.
    """
    sums: dict[str, _Sum] = {}
    everything = _Sum()
    columns = [_KEYS[by], *(REQUESTS.c[name] for name in _SUMMED)]
    for found, *values in database.tuples(sa.select(*columns).where(*_conditions(wanted))):
        key = _day(found) if by == "day" else found or ""
        if key not in sums:
            sums[key] = _Sum()
        sums[key].add(values)
        everything.add(values)
    groups = [one.group(key) for key, one in sums.items()]
    groups.sort(key=(lambda group: group.key) if by == "day" else (lambda group: (-group.requests, group.key)))
    return groups, everything.group("all")


_ANSWERED_BY = REQUESTS.c.provider + "," + REQUESTS.c.model
_KEYS: dict[By, sa.ColumnElement[Any]] = {
    "day": REQUESTS.c.at,
    "model": sa.func.coalesce(_ANSWERED_BY, REQUESTS.c.target),
    "scenario": REQUESTS.c.scenario,
    "namespace": REQUESTS.c.namespace,
}
_SUMMED = (
    "outcome", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens",
    "cost_usd", "first_event_ms", "total_ms",
)  # fmt: skip


def _day(at: float) -> str:
    """The owner's own calendar day."""
    return datetime.fromtimestamp(at).astimezone().date().isoformat()


class _Sum:
    def __init__(self) -> None:
        self._requests = self._errors = self._unpriced = 0
        self._tokens = [0, 0, 0, 0]
        self._cost = 0.0
        self._first: list[float] = []
        self._total: list[float] = []

    def add(self, values: Sequence[Any]) -> None:
        outcome, *tokens, cost, first, total = values
        self._requests += 1
        self._errors += outcome in ERRORS
        if tokens[0] is not None:
            self._tokens = [have + more for have, more in zip(self._tokens, tokens, strict=True)]
            self._unpriced += cost is None
        self._cost += cost or 0.0
        if first is not None:
            self._first.append(first)
        if total is not None:
            self._total.append(total)

    def group(self, key: str) -> Group:
        self._first.sort()
        self._total.sort()
        uncached, read, written, output = self._tokens
        return Group(
            key=key,
            requests=self._requests,
            errors=self._errors,
            input_tokens=uncached,
            cache_read_tokens=read,
            cache_write_tokens=written,
            output_tokens=output,
            cost_usd=self._cost,
            unpriced=self._unpriced,
            first_event_p50_ms=percentile(self._first, 0.5),
            first_event_p95_ms=percentile(self._first, 0.95),
            total_p50_ms=percentile(self._total, 0.5),
            total_p95_ms=percentile(self._total, 0.95),
        )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest rank: always a value that was measured. `ordered` ascending; None when empty."""
    if not ordered:
        return None
    return ordered[math.ceil(share * len(ordered)) - 1]


def _conditions(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    c = REQUESTS.c
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.since is not None:
        conditions.append(c.at >= wanted.since)
    if wanted.model:
        named = (c.asked_model, c.target, _ANSWERED_BY)
        conditions.append(
            sa.or_(*(sa.func.lower(name).contains(wanted.model.lower(), autoescape=True) for name in named))
        )
    for column, value in (
        (c.scenario, wanted.scenario),
        (c.namespace, wanted.namespace),
        (c.outcome, wanted.outcome),
        (c.purpose, wanted.purpose),
    ):
        if value:
            conditions.append(column == value)
    if wanted.session:
        conditions.append(c.session.startswith(wanted.session, autoescape=True))
    if wanted.errors:
        conditions.append(c.outcome.in_(ERRORS))
    if wanted.id:
        prefix = wanted.id if wanted.id.startswith("req_") else f"req_{wanted.id}"
        conditions.append(c.id.startswith(prefix, autoescape=True))
    return conditions
