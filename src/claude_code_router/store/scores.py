"""What was judged of the recorded requests: reading scores and pairs, and finding what a person has not looked at yet."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from claude_code_router.core.record import Outcome, Purpose
from claude_code_router.store.db import BODIES, PAIRS, REQUESTS, SCORES, Database, sa
from claude_code_router.store.row import Row


class Judged(msgspec.Struct, frozen=True):
    """Rows of `scores` and `pairs` about one request, in the order of time."""

    scores: tuple[Row, ...] = ()
    pairs: tuple[Row, ...] = ()


def judged(database: Database, id: str) -> Judged:
    scores = sa.select(SCORES).where(SCORES.c.request_id == id).order_by(SCORES.c.at)
    pairs = sa.select(PAIRS).where(sa.or_(PAIRS.c.request_id == id, PAIRS.c.other_id == id)).order_by(PAIRS.c.at)
    return Judged(tuple(database.select(scores)), tuple(database.select(pairs)))


_AT_ONCE = 500
"""Ids in one question: SQLite takes 999 values before 3.32."""


def scores_by_request(database: Database, ids: Sequence[str]) -> dict[str, list[Row]]:
    """Of those that have any."""
    found: dict[str, list[Row]] = {}
    for start in range(0, len(ids), _AT_ONCE):
        wanted = SCORES.c.request_id.in_(ids[start : start + _AT_ONCE])
        for row in database.select(sa.select(SCORES).where(wanted).order_by(SCORES.c.at)):
            found.setdefault(row["request_id"], []).append(row)
    return found


def namespace_of(database: Database, id: str) -> str | None:
    """None: there is no such request."""
    rows = database.select(sa.select(REQUESTS.c.namespace).where(REQUESTS.c.id == id))
    return (rows[0]["namespace"] or "") if rows else None


class Candidate(msgspec.Struct, frozen=True):
    """A request that nobody has reviewed, whose bodies are kept."""

    id: str
    other_id: str = ""
    """Its pair, whose body is kept too."""
    scored: bool = False


def unreviewed(database: Database, namespace: str | None, since: float | None, limit: int) -> list[Candidate]:
    """Pairs first, then what a judge has scored, then the rest; the newest `limit` of each. `namespace` None: all."""
    c = REQUESTS.c
    conditions = [
        c.outcome == Outcome.DELIVERED.value,
        c.purpose == Purpose.CLIENT.value,
        sa.exists().where(BODIES.c.request_id == c.id, BODIES.c.reply.is_not(None)),
        ~sa.exists().where(SCORES.c.request_id == c.id, SCORES.c.judged_by == "person"),
    ]
    conditions += [] if namespace is None else [c.namespace == namespace]
    conditions += [] if since is None else [c.at >= since]
    by_model = sa.exists().where(SCORES.c.request_id == c.id, SCORES.c.judged_by == "model")
    newest = sa.select(c.id).where(*conditions).order_by(c.at.desc()).limit(limit)
    other_kept = sa.exists().where(BODIES.c.request_id == PAIRS.c.other_id, BODIES.c.reply.is_not(None))
    paired = sa.select(c.id, PAIRS.c.other_id).join(PAIRS, PAIRS.c.request_id == c.id).where(*conditions, other_kept)
    pairs = database.select(paired.order_by(c.at.desc()).limit(limit))
    found = {row["id"]: Candidate(row["id"], row["other_id"], scored=True) for row in pairs}
    for statement, scored in ((newest.where(by_model), True), (newest.where(~by_model), False)):
        for row in database.select(statement):
            found.setdefault(row["id"], Candidate(row["id"], scored=scored))
    return list(found.values())


def reviewed(database: Database) -> int:
    """How many replies people have scored."""
    statement = sa.select(sa.func.count(sa.distinct(SCORES.c.request_id))).where(SCORES.c.judged_by == "person")
    return int(next(iter(database.tuples(statement)))[0])


def judges(database: Database) -> dict[str, str]:
    """Of the models that have scored what people have scored, the name by epoch."""
    person, model = SCORES.alias("person"), SCORES.alias("model")
    statement = (
        sa.select(model.c.epoch, model.c.judge)
        .join(person, person.c.request_id == model.c.request_id)
        .where(model.c.judged_by == "model", person.c.judged_by == "person")
        .distinct()
    )
    return {row["epoch"] or "": row["judge"] for row in database.select(statement)}


def compared_by_people(database: Database) -> list[Row]:
    """Pairs of which one person has scored both replies: `judge`, `epoch`, `preferred` (the judge's), and the persons' mean of
    the `served` and of the `other` one."""
    served, other = SCORES.alias("served"), SCORES.alias("other")
    p = PAIRS.c
    statement = (
        sa.select(
            p.judge,
            p.epoch,
            p.preferred,
            sa.func.avg(served.c.value).label("served"),
            sa.func.avg(other.c.value).label("other"),
        )
        .join(served, sa.and_(served.c.request_id == p.request_id, served.c.judged_by == "person"))
        .join(
            other,
            sa.and_(other.c.request_id == p.other_id, other.c.judged_by == "person", other.c.judge == served.c.judge),
        )
        .group_by(p.request_id, p.other_id, p.judge, p.epoch, p.preferred)
        .order_by(p.judge, p.epoch)
    )
    return database.select(statement)
