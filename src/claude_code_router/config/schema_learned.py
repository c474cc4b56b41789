"""`Learned`: what `ccr learn` has learnt, as a rule."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from claude_code_router.config.section import Section

Part = Annotated[float, msgspec.Meta(ge=0, le=1)]


class LearnedSection(Section, frozen=True, kw_only=True):
    """Two tiers, and a score from outcomes that chooses between them where no other rule does."""

    mode: Literal["shadow", "live"] = "shadow"
    """`shadow`: what it would choose is recorded, and changes nothing. `live`: it decides."""
    file: str = ""
    """What `ccr learn` wrote; `learned.json` beside the config when not said. An edit is in force within seconds."""
    share: Part | None = None
    """About this part of the turns to the stronger tier. When not said: so many that 95 % of its quality is kept, as
    `ccr learn` found."""
    light: str = ""
    """The weaker tier. When not said: the one of the model file's name, else the weakest of `Tiers`."""
    heavy: str = ""
    """The stronger tier. When not said: the one of the model file's name, else the strongest of `Tiers`."""
