"""The named questions that are asked of the records."""

from __future__ import annotations

import math
from array import array
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
    sums: dict[Any, _Sum] = {}
    columns = [_KEYS[by], *(REQUESTS.c[name] for name in _SUMMED)]
    for found, *values in database.raw(sa.select(*columns).where(*_conditions(wanted))):
        # Days are told by the quarter of an hour: no time zone changes in between, and a million dates are slow to make.
        key = found // _QUARTER_S if by == "day" else found
        summed = sums.get(key)
        if summed is None:
            summed = sums[key] = _Sum()
        summed.add(values)
    named: dict[str, _Sum] = {}
    for key, summed in sums.items():
        name = _day(key * _QUARTER_S) if by == "day" else key or ""
        named.setdefault(name, _Sum()).merge(summed)
    everything = _Sum()
    for summed in named.values():
        everything.merge(summed)
    groups = [one.group(key) for key, one in named.items()]
    groups.sort(key=(lambda group: group.key) if by == "day" else (lambda group: (-group.requests, group.key)))
    return groups, everything.group("all")


_QUARTER_S = 900
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
        self._uncached = self._read = self._written = self._output = 0
        self._cost = 0.0
        self._first = array("d")
        self._total = array("d")

    def add(self, values: Sequence[Any]) -> None:
        outcome, uncached, read, written, output, cost, first, total = values
        self._requests += 1
        if outcome in ERRORS:
            self._errors += 1
        if uncached is not None:
            self._uncached += uncached
            self._read += read
            self._written += written
            self._output += output
            if cost is None:
                self._unpriced += 1
        if cost is not None:
            self._cost += cost
        if first is not None:
            self._first.append(first)
        if total is not None:
            self._total.append(total)

    def merge(self, other: _Sum) -> None:
        self._requests += other._requests
        self._errors += other._errors
        self._unpriced += other._unpriced
        self._uncached += other._uncached
        self._read += other._read
        self._written += other._written
        self._output += other._output
        self._cost += other._cost
        self._first.extend(other._first)
        self._total.extend(other._total)

    def group(self, key: str) -> Group:
        first, total = sorted(self._first), sorted(self._total)
        return Group(
            key=key,
            requests=self._requests,
            errors=self._errors,
            input_tokens=self._uncached,
            cache_read_tokens=self._read,
            cache_write_tokens=self._written,
            output_tokens=self._output,
            cost_usd=self._cost,
            unpriced=self._unpriced,
            first_event_p50_ms=percentile(first, 0.5),
            first_event_p95_ms=percentile(first, 0.95),
            total_p50_ms=percentile(total, 0.5),
            total_p95_ms=percentile(total, 0.95),
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
