"""The owner's judged turns, read from the records for `ccr learn`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec

from claude_code_router.cli.records import opened
from claude_code_router.config.home import Home
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.signals import Signals
from claude_code_router.improve.recorded import Gathered, JudgedTurn, gathered
from claude_code_router.routing.signals import read_signals
from claude_code_router.store.outcomes import judged_turns as selected

_MOST = 50_000
"""Of the newest judgements; a fit on so many takes minutes."""


def judged_turns(home: Home, namespace: str | None, since: float | None) -> Gathered:
    """Raises NoRecordsYet."""
    with contextlib.closing(opened(home)) as database:
        rows = selected(database, namespace, since, _MOST)
    return gathered(turn for row in rows if (turn := _turn(row)) is not None)


def _turn(row: Mapping[str, Any]) -> JudgedTurn | None:
    """None for rows of another version, whose signals we do not understand."""
    try:
        signals = msgspec.json.decode(row["signals"] or "", type=Signals)
    except msgspec.DecodeError:
        return None
    return JudgedTurn(
        request_id=row["request_id"],
        at=row["at"],
        tier=row["tier"],
        target=row["target"] or "",
        quality=min(1.0, max(0.0, row["value"])),
        judged_by=row["judged_by"],
        epoch=row["epoch"] or "",
        cost_usd=row["cost_usd"],
        signals=signals,
        text=_said(row),
    )


def _said(row: Mapping[str, Any]) -> str | None:
    if not row["request"]:
        return None
    path, body = row["path"] or "", row["request"].encode()
    inbound = Inbound(id="", path=path, query="", headers=(), header={}, body=body, received_at=row["at"])
    try:
        return read_signals(inbound).signals.last_user_text or None
    except BadRequest:
        return None
