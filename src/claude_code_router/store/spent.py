"""What was spent since a moment, by provider: where budgets begin to count after a start."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TypeVar

from claude_code_router.core.failure import FailureKind
from claude_code_router.core.record import Purpose
from claude_code_router.routing.escalation import RULE

Named = TypeVar("Named", bound=str)


def spent_since(url: str, starts: Mapping[Named, float]) -> dict[Named, dict[str, float]]:
    """`starts`: name -> Unix seconds. Blocks; raises StoreFailed. Loads SQLAlchemy, hence not at the module's top."""
    from claude_code_router.store.db import ATTEMPTS, REQUESTS, Database, sa

    found: dict[Named, dict[str, float]] = {}
    with closing(Database(url)) as database:
        for name, start in starts.items():
            statement = (
                sa.select(ATTEMPTS.c.provider, sa.func.sum(ATTEMPTS.c.cost_usd))
                .join(REQUESTS, REQUESTS.c.id == ATTEMPTS.c.request_id)
                .where(REQUESTS.c.at >= start, ATTEMPTS.c.cost_usd.is_not(None))
                .group_by(ATTEMPTS.c.provider)
            )
            found[name] = {provider: float(usd) for provider, usd in database.tuples(statement)}
    return found


def spent_by_namespace(url: str, starts: Mapping[Named, float]) -> dict[Named, dict[str, float]]:
    """As `spent_since`, by namespace; requests in none are left out."""
    from claude_code_router.store.db import REQUESTS, Database, sa

    found: dict[Named, dict[str, float]] = {}
    c = REQUESTS.c
    with closing(Database(url)) as database:
        for name, start in starts.items():
            statement = (
                sa.select(c.namespace, sa.func.sum(c.cost_usd))
                .where(c.at >= start, c.cost_usd.is_not(None), c.namespace != "")
                .group_by(c.namespace)
            )
            found[name] = {namespace: float(usd) for namespace, usd in database.tuples(statement)}
    return found


def upward_steps(url: str, since: float) -> list[tuple[str, float, float]]:
    """Steps to a dearer target than the planned one, the oldest first: (namespace, Unix seconds, US dollars; 0 when it was
    for nothing). Blocks; raises StoreFailed."""
    from claude_code_router.store.db import ATTEMPTS, REQUESTS, Database, sa

    at = REQUESTS.c.at + ATTEMPTS.c.started_ms / 1000
    statement = (
        sa.select(REQUESTS.c.namespace, at, ATTEMPTS.c.cost_usd)
        .join(REQUESTS, REQUESTS.c.id == ATTEMPTS.c.request_id)
        .where(REQUESTS.c.at >= since, ATTEMPTS.c.upward == 1)
        .order_by(at)
    )
    with closing(Database(url)) as database:
        return [
            (namespace or "", float(when), float(usd or 0.0)) for namespace, when, usd in database.tuples(statement)
        ]


def spent_on_escalation(url: str, start: float) -> dict[str, float]:
    """By namespace, since `start` (Unix seconds): looks at replies, and the answers that were asked for because one fell short.
    Blocks; raises StoreFailed."""
    from claude_code_router.store.db import ATTEMPTS, REQUESTS, Database, sa

    c, short = REQUESTS.c, ATTEMPTS.alias()
    looks = (
        sa.select(c.namespace, sa.func.sum(c.cost_usd))
        .where(c.at >= start, c.cost_usd.is_not(None), c.purpose == Purpose.SCORE.value, c.rule == RULE)
        .group_by(c.namespace)
    )
    after = sa.exists().where(
        short.c.request_id == ATTEMPTS.c.request_id,
        short.c.seq < ATTEMPTS.c.seq,
        short.c.failure_kind == FailureKind.FELL_SHORT.value,
    )
    answers = (
        sa.select(c.namespace, sa.func.sum(ATTEMPTS.c.cost_usd))
        .join(ATTEMPTS, ATTEMPTS.c.request_id == c.id)
        .where(c.at >= start, c.attempt_count > 1, ATTEMPTS.c.cost_usd.is_not(None), after)
        .group_by(c.namespace)
    )
    found: dict[str, float] = {}
    with closing(Database(url)) as database:
        for namespace, usd in (*database.tuples(looks), *database.tuples(answers)):
            found[namespace or ""] = found.get(namespace or "", 0.0) + float(usd)
    return found


def spent_on_purposes(url: str, start: float) -> dict[tuple[Purpose, str], float]:
    """What the router spent of its own accord since `start` (Unix seconds), by purpose and namespace. Blocks; raises
    StoreFailed."""
    from claude_code_router.store.db import REQUESTS, Database, sa

    own = [purpose.value for purpose in Purpose if purpose not in (Purpose.CLIENT, Purpose.TEST)]
    c = REQUESTS.c
    statement = (
        sa.select(c.purpose, c.namespace, sa.func.sum(c.cost_usd))
        .where(c.at >= start, c.cost_usd.is_not(None), c.purpose.in_(own))
        .group_by(c.purpose, c.namespace)
    )
    with closing(Database(url)) as database:
        return {
            (Purpose(purpose), namespace or ""): float(usd) for purpose, namespace, usd in database.tuples(statement)
        }
