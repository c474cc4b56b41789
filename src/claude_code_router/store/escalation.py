"""What the records say about escalation: what the judge costs, how large the requests of a tier are."""

from __future__ import annotations

from typing import Any

import msgspec

from claude_code_router.core.record import ANSWERED, Purpose
from claude_code_router.core.usage import Usage
from claude_code_router.store.db import REQUESTS, SCORES, Database, sa
from claude_code_router.store.period import Period


def judge_usd(database: Database, period: Period, judge: str) -> float | None:
    """Of one judgement by it (`provider,model`; empty: by any), in the mean; None when no price was ever known."""
    where = [SCORES.c.judged_by == "model"]
    where += [SCORES.c.at >= period.since] if period.since is not None else []
    where += [SCORES.c.judge == judge] if judge else []
    [row] = database.select(sa.select(sa.func.avg(SCORES.c.cost_usd).label("usd")).where(*where))
    return None if row["usd"] is None else float(row["usd"])


def usual_request(database: Database, period: Period, tier: str) -> tuple[Usage, int]:
    """The mean of the tier's replies to clients, and how many there were."""
    names = [field.name for field in msgspec.structs.fields(Usage)]
    c = REQUESTS.c
    limits: list[sa.ColumnElement[bool]] = []
    if period.since is not None:
        limits.append(c.at >= period.since)
    if period.namespace:
        limits.append(c.namespace == period.namespace)
    statement = sa.select(sa.func.count().label("n"), *(sa.func.avg(c[name]).label(name) for name in names)).where(
        c.purpose == Purpose.CLIENT.value,
        c.tier == tier,
        c.outcome.in_([outcome.value for outcome in ANSWERED]),
        c.output_tokens.is_not(None),
        *limits,
    )
    [row] = database.select(statement)
    means: dict[str, Any] = {name: round(float(row[name] or 0)) for name in names}
    return Usage(**means), int(row["n"])
