"""One knock on one target."""

from __future__ import annotations

import msgspec

from claude_code_router.core.failure import Failure
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Times are milliseconds since the request arrived."""

    target: Target
    started_ms: float
    first_event_ms: float | None = None
    """When the first content arrived from upstream."""
    ended_ms: float
    status: int | None = None
    failure: Failure | None = None
    usage: Usage | None = None
    stop_reason: str = ""
    upstream_model: str = ""
    """The model that the upstream says it used."""
    credential: str = ""
    """Which of the provider's keys was used, by its name or fingerprint; empty when it has only one."""
    moved_from: str = ""
    """The key that the session had to leave for this one, because it rests."""
    upward: bool = False
    """A step to a dearer target than the planned one; it counts against the owner's caps."""
