"""What was spent since a moment, by provider: where budgets begin to count after a start."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TypeVar

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
