"""What reports and alerts are made of: the rows of a span of time, read as they come, or summed by the database.

The first columns of `traffic`, `KEY`, are texts that repeat, and what its rows are summed by. They are few: a text is what a
million rows take longest to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from claude_code_router.core.record import Outcome, Purpose
from claude_code_router.core.score import Pair
from claude_code_router.store.db import BODIES, PAIRS, REQUESTS, SCORES, Database, sa
from claude_code_router.store.queries import ERRORS
from claude_code_router.store.row import Row
from claude_code_router.store.schema import TABLES

c = REQUESTS.c
_MAIN_CONVERSATION = sa.and_(c.kind.in_(("user", "tool_result")), sa.func.coalesce(c.subagent, 0) == 0)
_USUAL = {"purpose": Purpose.CLIENT.value, "outcome": Outcome.DELIVERED.value}
"""What most rows say comes as None: a text that is not made a million times is a tenth of a second that is not waited."""
_LAST_TRIED = c.provider + "," + c.model
_NOBODY, _ANOTHER = c.provider.is_(None), c.target.is_distinct_from(_LAST_TRIED)

KEY: dict[str, sa.ColumnElement[Any]] = {
    "tier": c.tier,
    "target": c.target,
    "answered": sa.case((_NOBODY, ""), (_ANOTHER, _LAST_TRIED)),
    **{name: sa.func.nullif(c[name], usual) for name, usual in _USUAL.items()},
}
"""`target`: the first choice. `answered`: who was tried last; None: the first choice, empty: nobody."""
USED = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens")
"""In the order of `core.usage.Usage`."""
TRAFFIC: dict[str, sa.ColumnElement[Any]] = {
    **KEY,
    "session": sa.case((_MAIN_CONVERSATION, c.session)),
    "at": c.at,
    "first_event_ms": c.first_event_ms,
    "total_ms": c.total_ms,
    "cost_usd": c.cost_usd,
    **{name: c[name] for name in USED},
}
"""`session` is None outside of a main conversation."""
_KEPT = ("tier", "purpose", "outcome", "at", "first_event_ms", "total_ms", "cost_usd", "input_tokens")
BRIEFLY: dict[str, sa.ColumnElement[Any]] = {
    **{name: column if name in _KEPT else sa.null() for name, column in TRAFFIC.items()},
    "answered": sa.case((_NOBODY, ""), (_ANOTHER, "another")),
    **{name: sa.literal_column("0") for name in USED[1:]},
}
"""The same for a period that is only compared with: its speed, cost and trouble. Fewer texts, and no sessions to follow."""

_AT_ONCE = 500


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Unix seconds; `since` is in it, `until` is not."""

    since: float
    until: float
    namespace: str | None = None
    """None: all of them; empty: the requests that are in none."""

    @property
    def seconds(self) -> float:
        return self.until - self.since

    @property
    def before(self) -> Span:
        """As long, and just before."""
        return msgspec.structs.replace(self, since=self.since - self.seconds, until=self.since)


def traffic(database: Database, span: Span, *, briefly: bool = False) -> Iterator[Sequence[Any]]:
    """Values in the order of TRAFFIC, oldest first; every purpose but tests."""
    columns = BRIEFLY if briefly else TRAFFIC
    statement = sa.select(*(column.label(name) for name, column in columns.items())).where(
        *_within(REQUESTS, span), c.purpose != Purpose.TEST.value
    )
    return database.raw(statement.order_by(c.at))


def how_many(database: Database, span: Span) -> int:
    """Requests of any purpose and namespace: the index alone tells it."""
    [(count,)] = database.tuples(sa.select(sa.func.count()).select_from(REQUESTS).where(*_between(REQUESTS, span)))
    return int(count)


def arrival(database: Database, span: Span, number: int) -> float:
    """Of the request that has so many before it in the span, whatever its purpose and namespace; else the span's end."""
    statement = sa.select(c.at).where(*_between(REQUESTS, span)).order_by(c.at).limit(1).offset(number)
    return next((float(at) for [at] in database.tuples(statement)), span.until)


def pairs_in(database: Database, span: Span) -> list[Pair]:
    """Of clients' requests, oldest first; those of tests are left out."""
    whose = sa.select(c.id).where(c.id == PAIRS.c.request_id, c.purpose != Purpose.CLIENT.value).exists()
    columns = [sa.func.coalesce(one, "") if one.name in _TEXTS else one for one in PAIRS.c]
    found = database.raw(sa.select(*columns).where(*_within(PAIRS, span), sa.not_(whose)).order_by(PAIRS.c.at))
    return [_pair(row) for row in found]


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """Models' scores of one epoch, tier and category, each weighed by how many replies it stands for."""

    epoch: str
    tier: str
    category: str
    newest: float
    """When the newest of the requests arrived, Unix seconds."""
    n: int
    weighted: tuple[float, ...]
    """Σw, Σwx, Σw², Σw²x, Σw²x², with w = 1/probability: what `quality.intervals.WeightedSums` is made of."""


def scored(database: Database, span: Span) -> list[Scored]:
    """Of the replies that clients got. A reply that was not left to chance has the weight 1."""
    at, value, probability = c.at + 0.0, SCORES.c.value, SCORES.c.probability  # (*)
    weight = sa.case((probability > 0, 1.0 / probability), else_=1.0)
    terms = (weight, weight * value, weight * weight, weight * weight * value, weight * weight * value * value)
    key = [sa.func.coalesce(column, "") for column in (SCORES.c.epoch, c.tier, c.category)]
    statement = (
        sa.select(*key, sa.func.max(c.at), sa.func.count(), *(sa.func.sum(term) for term in terms))
        .join(REQUESTS, c.id == SCORES.c.request_id)
        .where(SCORES.c.at >= span.since, at >= span.since, at < span.until, *_of(REQUESTS, span))
        .where(c.purpose == Purpose.CLIENT.value, SCORES.c.judged_by == "model")
        .group_by(*key)
    )
    # (*) A reply is judged after its request arrived. SQLite shall look up the requests of few scores, and not, by the index
    # of arrivals, the scores of many requests.
    found = [
        Scored(epoch=epoch, tier=tier, category=category, newest=newest, n=n, weighted=tuple(sums))
        for epoch, tier, category, newest, n, *sums in database.raw(statement)
    ]
    return [*found, *_failed(database, span, max(found, key=lambda one: one.newest).epoch)] if found else []


def _failed(database: Database, span: Span, epoch: str) -> list[Scored]:
    """Replies that a check has failed: 0, as a judge is not asked about them then. They count among those of the newest judge's
    epoch, who would have been."""
    judged = SCORES.alias("judged")
    failed = (
        sa.select(SCORES.c.request_id, sa.func.max(SCORES.c.probability).label("probability"))
        .where(SCORES.c.judged_by == "check", SCORES.c.at >= span.since)
        .where(~sa.exists().where(judged.c.request_id == SCORES.c.request_id, judged.c.judged_by == "model"))
        .group_by(SCORES.c.request_id)
        .subquery()
    )
    at, weight = c.at + 0.0, sa.case((failed.c.probability > 0, 1.0 / failed.c.probability), else_=1.0)
    key = [sa.func.coalesce(column, "") for column in (c.tier, c.category)]
    sums = [sa.func.sum(weight), sa.func.sum(weight * weight)]
    statement = (
        sa.select(*key, sa.func.max(c.at), sa.func.count(), *sums)
        .join(failed, c.id == failed.c.request_id)
        .where(at >= span.since, at < span.until, c.purpose == Purpose.CLIENT.value, *_of(REQUESTS, span))
        .group_by(*key)
    )
    return [
        Scored(epoch=epoch, tier=tier, category=category, newest=at, n=n, weighted=(weights, 0.0, squares, 0.0, 0.0))
        for tier, category, at, n, weights, squares in database.raw(statement)
    ]


def judged_twice(database: Database, until: float) -> list[tuple[str, float, float]]:
    """(the model's epoch, a person's value, the model's value) of replies that both have judged, whenever that was. Of several
    judgements of one kind the newest counts.

    Not those that were released only because the judge had let them pass: where requests are escalated, the lighter tier's
    served answers are what is left after the judge has taken out what it finds, and it looks blinder there than it is.
    """
    person, model = SCORES.alias("person"), SCORES.alias("model")
    statement = (
        sa.select(model.c.request_id, model.c.epoch, person.c.value, model.c.value, c.namespace, c.tier, c.purpose)
        .join(person, person.c.request_id == model.c.request_id)
        .join(REQUESTS, c.id == model.c.request_id)
        .where(model.c.judged_by == "model", person.c.judged_by == "person", model.c.at < until)
        .order_by(model.c.at, person.c.at)
    )
    sifted = {
        tuple(row)
        for row in database.tuples(
            sa.select(sa.func.coalesce(PAIRS.c.namespace, ""), PAIRS.c.other_tier)
            .where(PAIRS.c.escalated == 1)
            .distinct()
        )
    }
    found: dict[tuple[str, str], tuple[float, float]] = {}
    for request, epoch, by_person, by_model, namespace, tier, purpose in database.tuples(statement):
        if purpose != Purpose.CLIENT.value or (namespace or "", tier) not in sifted:
            found[request, epoch or ""] = (by_person, by_model)
    return [(epoch, *values) for (_, epoch), values in found.items()]


def explained(database: Database, ids: Sequence[str]) -> dict[str, Row]:
    """By id: why it was routed so, how its replies were judged, and what was kept of its text."""
    rows: dict[str, Row] = {}
    for some in _slices(ids):
        statement = (
            sa.select(c.id, c.because, c.asked_model, c.kind, c.prompt_tokens, c.total_ms, BODIES.c.request)
            .join(BODIES, BODIES.c.request_id == c.id, isouter=True)
            .where(c.id.in_(some))
        )
        rows |= {row["id"]: {**row, "reason": ""} for row in database.select(statement)}
        reasons = sa.select(SCORES.c.request_id, SCORES.c.reason).where(
            SCORES.c.request_id.in_(some), SCORES.c.judged_by.in_(("model", "check"))
        )
        for id, reason in database.tuples(reasons.order_by(SCORES.c.at)):
            if reason:
                rows.setdefault(id, {"id": id, "reason": ""})["reason"] = reason
    return rows


def _slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]


def _within(table: sa.Table, span: Span) -> list[sa.ColumnElement[bool]]:
    return [*_between(table, span), *_of(table, span)]


def _between(table: sa.Table, span: Span) -> list[sa.ColumnElement[bool]]:
    return [table.c.at >= span.since, table.c.at < span.until]


def _of(table: sa.Table, span: Span) -> list[sa.ColumnElement[bool]]:
    return [] if span.namespace is None else [sa.func.coalesce(table.c.namespace, "") == span.namespace]


def _pair(row: Sequence[Any]) -> Pair:
    values = dict(zip(_NAMES, row, strict=True))
    values["escalated"] = bool(values["escalated"])
    return Pair(**values)


_NAMES = tuple(field.name for field in TABLES["pairs"])
_TEXTS = frozenset(field.name for field in TABLES["pairs"] if field.type == "text")


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Of one tier's requests; what alerts about the last hour, day and week are made of."""

    tier: str
    requests: int
    failed: int
    fallbacks: int
    """Answered by another target than the first choice."""
    started: int
    """With content."""
    slow: int
    cost_usd: float


def counted(database: Database, span: Span, slow_ms: float) -> list[Counted]:
    """Summed by the database, which leaves the interpreter to the requests meanwhile."""
    failed = c.outcome.in_(ERRORS)
    fallback = sa.and_(c.provider.is_not(None), c.target != c.provider + "," + c.model, sa.not_(failed))

    def times(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    statement = (
        sa.select(
            sa.func.coalesce(c.tier, ""),
            sa.func.count(),
            times(failed),
            times(fallback),
            sa.func.count(c.first_event_ms),
            times(c.first_event_ms > slow_ms),
            sa.func.coalesce(sa.func.sum(c.cost_usd), 0.0),
        )
        .where(*_within(REQUESTS, span), c.purpose == Purpose.CLIENT.value)
        .group_by(sa.func.coalesce(c.tier, ""))
    )
    names = [field.name for field in msgspec.structs.fields(Counted)]
    return [Counted(**dict(zip(names, row, strict=True))) for row in database.tuples(statement)]
