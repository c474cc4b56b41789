"""What became of recorded turns, as far as somebody judged them: what there is to learn from."""

from __future__ import annotations

from collections.abc import Sequence

from claude_code_router.core.record import ANSWERED, Outcome, Purpose
from claude_code_router.store.db import BODIES, PAIRS, REQUESTS, SCORES, Database, sa
from claude_code_router.store.period import Period, between
from claude_code_router.store.row import Row

_PINNED = ("explicit", "subagentTag", "custom")
"""Who named the target had reasons that no record holds: such turns would blame the stronger tier for being hard."""
_JUDGES = ("person", "caller", "model")
"""Not the checks: that nothing is wrong with a reply's form does not make it good."""


def judged_turns(database: Database, namespace: str | None, since: float | None, limit: int) -> list[Row]:
    """One row for each judgement of a turn that a person began, the newest `limit`: `request_id`, `at`, `path`, `tier`,
    `target`, `value`, `judged_by`, `epoch`, `cost_usd`, `signals` (JSON), `request` (the body, or None). Pairs give two."""
    c = REQUESTS.c
    about = (c.id.label("request_id"), c.at, c.path, c.signals, BODIES.c.request)
    target = (c.provider + "," + c.model).label("target")
    own = sa.select(*about, c.tier, target, c.cost_usd, SCORES.c.value, SCORES.c.judged_by, SCORES.c.epoch)
    own = own.join(SCORES, SCORES.c.request_id == c.id).where(SCORES.c.judged_by.in_(_JUDGES), c.tier != "")
    own = own.where(c.outcome == Outcome.DELIVERED.value)
    found = database.select(_narrowed(own, namespace, since).order_by(c.at.desc(), SCORES.c.at).limit(limit))
    for side in ("served", "other"):
        columns = [
            PAIRS.c[f"{side}_{name}"].label(name) for name in ("tier", "target", "cost_usd", "value")
        ]  # fmt: skip
        pairs = sa.select(*about, *columns, sa.literal("model").label("judged_by"), PAIRS.c.epoch)
        pairs = pairs.join(PAIRS, PAIRS.c.request_id == c.id).where(PAIRS.c[f"{side}_value"].is_not(None))
        # Of an escalated request the reply that fell short counts: without it the lighter tier would be known by those of its
        # replies alone that were let pass. The one that came instead does not: it was asked where the other had failed.
        kept = (Outcome.DELIVERED, Outcome.ESCALATED) if side == "other" else (Outcome.DELIVERED,)
        pairs = pairs.where(c.outcome.in_([outcome.value for outcome in kept]))
        found += database.select(_narrowed(pairs, namespace, since).order_by(c.at.desc()).limit(limit))
    return found


def served_scores(database: Database, period: Period, limit: int) -> list[Row]:
    """By the newest `limit` judgements: what clients were given, with its decision and what came of the judging (`id`,
    `category`, `session`, `prompt_hash`, `target`, `rule`, `verdicts`, `value`, `probability`). Of the newest judge's epoch;
    what failed a check has 0, as the judge is not asked about it then."""
    c, scores = REQUESTS.c, SCORES.c
    about = [c[name] for name in ("id", "category", "session", "prompt_hash", "target", "rule", "verdicts")]
    statement = (
        sa.select(*about, scores.judged_by, scores.epoch, scores.value, scores.probability)
        .join(SCORES, scores.request_id == c.id)
        .where(
            c.purpose == Purpose.CLIENT.value,
            c.outcome.in_([outcome.value for outcome in ANSWERED]),
            scores.judged_by.in_(("model", "check")),
            *between(period, REQUESTS),
        )
        .order_by(scores.at.desc())
        .limit(limit)
    )
    rows = database.select(statement)
    epoch = next((row["epoch"] for row in rows if row["judged_by"] == "model"), "")
    found: dict[str, Row] = {}
    for row in reversed(rows):
        failed = row["judged_by"] == "check"
        if failed or (row["epoch"] == epoch and found.get(row["id"], row)["judged_by"] == "model"):
            found[row["id"]] = {**row, "value": 0.0} if failed else row
    return list(found.values())


def _narrowed(
    statement: sa.Select[tuple[object, ...]], namespace: str | None, since: float | None
) -> sa.Select[tuple[object, ...]]:
    c = REQUESTS.c
    conditions: Sequence[sa.ColumnElement[bool]] = [
        c.purpose == Purpose.CLIENT.value,
        c.kind == "user",
        c.rule.not_in(_PINNED),
        *([] if namespace is None else [c.namespace == namespace]),
        *([] if since is None else [c.at >= since]),
    ]
    return statement.outerjoin(BODIES, BODIES.c.request_id == c.id).where(*conditions)
