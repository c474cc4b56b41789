"""Requests whose bodies the owner keeps, as they would arrive again."""

from __future__ import annotations

from collections.abc import Callable

from claude_code_router.core.errors import BadRequest
from claude_code_router.core.inbound import ClientDialect, Inbound
from claude_code_router.dialects.gemini.door import asked
from claude_code_router.routing.signals import read_signals
from claude_code_router.store.db import Database
from claude_code_router.store.period import bodies

_HEADERS = {"content-type": "application/json", "anthropic-version": "2023-06-01"}


def inbound_of(body: bytes, path: str = "/v1/messages", *, id: str = "", at: float = 0.0) -> Inbound:
    """`at`: Unix seconds."""
    dialect: ClientDialect = "anthropic"
    if path.endswith("/chat/completions"):
        dialect = "openai_chat"
    elif path.endswith("/responses"):
        dialect = "openai_responses"
    elif asked(path) is not None:
        dialect = "gemini"
    return Inbound(
        id=id,
        path=path,
        query="",
        headers=tuple((name.encode(), value.encode()) for name, value in _HEADERS.items()),
        header=_HEADERS,
        body=body,
        received_at=at,
        dialect=dialect,
    )


def said_by(database: Database) -> Callable[[str], str | None]:
    """What the person last said in a recorded request, by its id; None where the body was not kept or cannot be read."""

    def said(id: str) -> str | None:
        found = bodies(database, [id]).get(id)
        if found is None:
            return None
        path, body = found
        try:
            return read_signals(inbound_of(body, path)).signals.last_user_text
        except BadRequest:
            return None

    return said
