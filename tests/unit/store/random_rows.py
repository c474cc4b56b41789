"""Rows of every sort, by chance: what a database sums up is held against plain Python."""

from __future__ import annotations

import random
from typing import Any

from claude_code_router.store.row import Row, Rows
from claude_code_router.store.schema import TABLES

TARGETS = ("p,light-1", "p,mid-1", "q,mid-1", "p,heavy-1")
USED = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens")


def entries(seed: int, count: int, until: float) -> list[Rows]:
    """`count` requests before `until`, about a minute between two; scores and pairs of some."""
    dice = random.Random(seed)
    found: list[Rows] = []
    for number in range(count):
        id, at = f"req_{number}", until - 60.0 * (count - number) + dice.randrange(30)
        request = _filled("requests", _request(dice, id, at))
        found.append(Rows(id=id, tables={"requests": (request,)}))
        for judge in range(dice.choice((0, 0, 0, 1, 2))):
            found.append(_one("scores", _score(dice, f"{id}_{judge}", id, at)))
        if dice.random() < 0.3:
            found.append(_one("pairs", _pair(dice, request)))
    return found


def table(some: list[Rows], name: str) -> list[Row]:
    return [row for one in some for row in one.tables.get(name, ())]


def _one(name: str, row: dict[str, Any]) -> Rows:
    return Rows(id=str(row.get("id")), tables={name: (_filled(name, row),)})


def _filled(name: str, row: dict[str, Any]) -> Row:
    return {**{field.name: None for field in TABLES[name]}, **row}


def _request(dice: random.Random, id: str, at: float) -> dict[str, Any]:
    first, last = dice.choice(TARGETS), dice.choice(TARGETS)
    answered = dice.choice((first, first, first, last, None))
    provider, model = answered.split(",") if answered else (None, None)
    usage = (
        dict.fromkeys(USED) if answered is None or dice.random() < 0.1 else {name: dice.randrange(90) for name in USED}
    )
    return {
        "id": id,
        "at": at,
        "written_at": at + 1,
        "status": 200,
        "purpose": dice.choice(("client",) * 6 + ("shadow", "test")),
        "outcome": dice.choice(("delivered",) * 6 + ("exhausted", "client_gone", "refused")),
        "namespace": dice.choice((None, "", "team")),
        "kind": dice.choice(("user", "tool_result", "title")),
        "subagent": dice.choice((None, 0, 1)),
        "session": dice.choice(("a", "b", "", None)),
        "category": dice.choice((None, "", "edit")),
        "target": first,
        "provider": provider,
        "model": model,
        "tier": dice.choice((None, "", "light", "heavy")),
        **usage,
        "cost_usd": None if dice.random() < 0.1 else dice.random(),
        "first_event_ms": None if dice.random() < 0.1 else 1000 * dice.random(),
        "total_ms": 9000 * dice.random(),
    }


def _score(dice: random.Random, id: str, request: str, at: float) -> dict[str, Any]:
    return {
        "id": id,
        "request_id": request,
        "at": at + dice.randrange(5),
        "judged_by": dice.choice(("model", "model", "check", "person")),
        "epoch": dice.choice(("e1", "e2", None)),
        "value": dice.random(),
        "probability": dice.choice((None, 0.1, 0.5, 1.0)),
    }


def _pair(dice: random.Random, request: Row) -> dict[str, Any]:
    sides = {f"{side}_{name}": None for side in ("served", "other") for name in ("tier", "target", "value", "cost_usd")}
    return {
        "request_id": request["id"],
        "other_id": f"{request['id']}_other",
        "at": request["at"],
        "probability": dice.choice((0.1, 1.0)),
        "namespace": request["namespace"],
        **sides,
        "served_tier": request["tier"],
        "other_tier": "heavy",
        "served_value": dice.choice((None, dice.random())),
        "escalated": dice.randrange(2),
    }
