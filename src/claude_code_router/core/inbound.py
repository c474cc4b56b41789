"""What arrived at the door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

ClientDialect = Literal["anthropic", "openai_chat", "openai_responses", "gemini"]
"""The dialects that clients may speak to us."""


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it arrived. Not trusted."""

    id: str
    """Ours: `req_…`; on the record, in the log, and in the reply's `x-ccr-request-id`."""
    path: str
    query: str
    """Without the `?`; Claude Code sends `beta=true`, which upstream must see."""
    headers: tuple[tuple[bytes, bytes], ...]
    """In order; names in lower case."""
    header: Mapping[str, str]
    """The same by name, for reading; the last of equal names wins."""
    body: bytes
    received_at: float
    """Unix time, seconds."""
    dialect: ClientDialect = "anthropic"
