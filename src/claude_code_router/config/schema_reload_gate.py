"""`ReloadGate`: what an edit must not do to recent requests, or it is not taken in."""
# ruff: noqa: N815 (the names are the file's)

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from claude_code_router.config.section import Section


class ReloadGateSection(Section, frozen=True, kw_only=True):
    """An edit that changes decisions is first replayed over recent records, beside the requests. The section of the config in
    force counts, not the one of the edit."""

    failOn: list[str] = []
    """The edit is refused when one of these is true, such as `heavy_share>0.4` or `cost_change>10%`: figures and form as of
    `ccr replay --fail-on`."""
    since: str = "2d"
    """Which records: `12h`, `2d`, `1w` up to now, or `all`."""
    minimum: Annotated[int, msgspec.Meta(ge=1)] = 30
    """With fewer requests whose decisions the records tell, the gate cannot tell."""
    timeoutMs: Annotated[int, msgspec.Meta(ge=1, le=3_600_000)] = 60_000
    """How long the replay may take; then the gate cannot tell."""
    notKnown: Literal["accept", "refuse"] = "accept"
    """What becomes of an edit of which the gate cannot tell: too few requests, records that do not say, a replay that fails or
    takes too long."""
