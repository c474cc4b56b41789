"""One lane whose figures are watched. Free of the database, which is loaded when there is something to read."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from claude_code_router.quality.bands import AlertSettings
from claude_code_router.routing.declared import Tier


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """One lane, and what its figures are read with."""

    namespace: str | None
    """None: all requests together."""
    settings: AlertSettings
    tiers: Mapping[str, Tier]
    threshold: float = 0.7
