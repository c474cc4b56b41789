"""The records of a period, oldest first, with the columns that a replay needs: read as they come, never held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from claude_code_router.core.record import Purpose
from claude_code_router.core.score import Pair
from claude_code_router.store.db import BODIES, PAIRS, REQUESTS, Database, sa
from claude_code_router.store.row import Row

COLUMNS = (
    "id", "at", "session", "namespace", "kind", "signals", "target", "rule", "config_hash", "outcome", "provider", "model",
    "tier", "input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens", "web_searches", "cost_usd",
)  # fmt: skip
"""In the order of a row's values."""

_BY_ID = 500


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the owner's requests. Unix seconds; None and empty do not limit."""

    since: float | None = None
    until: float | None = None
    namespace: str = ""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the requests; together they are all, and none of them parts a session."""

    number: int = 0
    of: int = 1


WHOLE = Share()


def decided(database: Database, period: Period, share: Share = WHOLE) -> Iterator[Sequence[Any]]:
    """Values in the order of COLUMNS. Only what a client asked for: never tests, judges or background answers."""
    columns = [REQUESTS.c[name] for name in COLUMNS]
    conditions = [*_in(period, REQUESTS), *_of(share)]
    return database.raw(sa.select(*columns).where(*conditions).order_by(REQUESTS.c.at))


def at_most(database: Database, period: Period) -> int:
    """How many requests are in the period, whosoever they are: counted in an instant."""
    [row] = database.select(
        sa.select(sa.func.count(REQUESTS.c.at).label("n")).where(
            *between(msgspec.structs.replace(period, namespace=""), REQUESTS)
        )
    )
    return int(row["n"])


def newest(database: Database, count: int) -> Period:
    """The period that holds the last `count` requests."""
    at = sa.select(REQUESTS.c.at).where(*_in(Period(), REQUESTS)).order_by(REQUESTS.c.at.desc())
    found = database.select(at.offset(max(0, count - 1)).limit(1))
    return Period(since=found[0]["at"] if found else None)


def count(database: Database, period: Period) -> int:
    [row] = database.select(sa.select(sa.func.count().label("n")).where(*_in(period, REQUESTS)))
    return int(row["n"])


def of_sessions(database: Database, period: Period, sessions: Sequence[str]) -> Iterator[Sequence[Any]]:
    """As `decided`, but one session after the other, each from its beginning."""
    columns = [REQUESTS.c[name] for name in COLUMNS]
    for start in range(0, len(sessions), _BY_ID):
        conditions = [*_in(period, REQUESTS), REQUESTS.c.session.in_(sessions[start : start + _BY_ID])]
        yield from database.raw(sa.select(*columns).where(*conditions).order_by(REQUESTS.c.session, REQUESTS.c.at))


def by_ids(database: Database, ids: Sequence[str]) -> Iterator[Sequence[Any]]:
    """As `decided`, of these requests, in no order."""
    columns = [REQUESTS.c[name] for name in COLUMNS]
    for start in range(0, len(ids), _BY_ID):
        yield from database.tuples(sa.select(*columns).where(REQUESTS.c.id.in_(ids[start : start + _BY_ID])))


def pairs(database: Database, period: Period) -> list[Pair]:
    """Of clients' requests, in the order of their arrival; those of tests are left out."""
    others = sa.exists().where(REQUESTS.c.id == PAIRS.c.request_id, REQUESTS.c.purpose != Purpose.CLIENT.value)
    statement = sa.select(PAIRS).where(*between(period, PAIRS), ~others).order_by(PAIRS.c.at)
    return [_pair(row) for row in database.select(statement)]


def any_bodies(database: Database) -> bool:
    return bool(database.select(sa.select(BODIES.c.request_id).limit(1)))


def bodies(database: Database, ids: Sequence[str]) -> dict[str, tuple[str, bytes]]:
    """By id, the path that was asked for and the body that was kept, redacted as it was written."""
    found: dict[str, tuple[str, bytes]] = {}
    for start in range(0, len(ids), _BY_ID):
        statement = (
            sa.select(BODIES.c.request_id, REQUESTS.c.path, BODIES.c.request)
            .join(REQUESTS, REQUESTS.c.id == BODIES.c.request_id)
            .where(BODIES.c.request_id.in_(ids[start : start + _BY_ID]), BODIES.c.request.is_not(None))
        )
        for row in database.select(statement):
            found[row["request_id"]] = (row["path"] or "", row["request"].encode())
    return found


def kept(database: Database, period: Period) -> list[Row]:
    """The delivered requests of the period whose body was kept, oldest first, without the bodies."""
    columns = [REQUESTS.c[name] for name in _OF_KEPT]
    statement = (
        sa.select(*columns)
        .join(BODIES, BODIES.c.request_id == REQUESTS.c.id)
        .where(*_in(period, REQUESTS), BODIES.c.request.is_not(None), REQUESTS.c.outcome == "delivered")
        .order_by(REQUESTS.c.at)
    )
    return database.select(statement)


_OF_KEPT = (
    "id", "at", "path", "session", "namespace", "category", "kind", "target", "provider", "model", "tier", "prompt_tokens",
    "output_tokens", "stop_reason", "first_event_ms", "total_ms", "cost_usd",
)  # fmt: skip


_LAST_CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _of(share: Share) -> list[sa.ColumnElement[bool]]:
    """By the last character of the session's id (of the request's, where it names none), which is as good as random in ids
    that are; in SQL that every database knows."""
    if share.of == 1:
        return []
    key = sa.func.coalesce(sa.func.nullif(REQUESTS.c.session, ""), REQUESTS.c.id)
    last = sa.func.substr(key, sa.func.length(key), 1)
    if share.number:
        return [last.in_([*_LAST_CHARACTERS[share.number :: share.of]])]
    return [last.not_in([one for n, one in enumerate(_LAST_CHARACTERS) if n % share.of])]


def _in(period: Period, table: sa.Table) -> list[sa.ColumnElement[bool]]:
    return [table.c.purpose == Purpose.CLIENT.value, *between(period, table)]


def between(period: Period, table: sa.Table) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if period.since is not None:
        conditions.append(table.c.at >= period.since)
    if period.until is not None:
        conditions.append(table.c.at < period.until)
    if period.namespace:
        conditions.append(table.c.namespace == period.namespace)
    return conditions


def _pair(row: Row) -> Pair:
    texts = {name: row[name] or "" for name in _TEXTS}
    return Pair(**{**row, **texts, "escalated": bool(row["escalated"])})


_TEXTS = (
    "namespace", "category", "rule", "preferred", "judge", "epoch", "served_tier", "other_tier", "served_target",
    "other_target",
)  # fmt: skip


def whole_bodies(database: Database, ids: Sequence[str]) -> list[tuple[str, str, bytes, bytes]]:
    """Id, path, request and reply of those whose both bodies were kept."""
    found: list[tuple[str, str, bytes, bytes]] = []
    for start in range(0, len(ids), _BY_ID):
        statement = (
            sa.select(BODIES.c.request_id, REQUESTS.c.path, BODIES.c.request, BODIES.c.reply)
            .join(REQUESTS, REQUESTS.c.id == BODIES.c.request_id)
            .where(BODIES.c.request_id.in_(ids[start : start + _BY_ID]))
            .where(BODIES.c.request.is_not(None), BODIES.c.reply.is_not(None))
        )
        for row in database.select(statement):
            found.append((row["request_id"], row["path"] or "", row["request"].encode(), row["reply"].encode()))
    return found
