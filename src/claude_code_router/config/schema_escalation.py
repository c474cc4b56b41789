"""`Escalation`: going up a tier because of quality."""
# ruff: noqa: N815 (the names are the file's)

from __future__ import annotations

from typing import Annotated

import msgspec

from claude_code_router.config.section import Section

Score = Annotated[float, msgspec.Meta(ge=0, le=1)]


class LookSection(Section, frozen=True, kw_only=True):
    """Which replies are looked at, and by whom."""

    rules: list[str] = []
    """Only requests that these rules decided."""
    tiers: list[str] = []
    """Only replies of these tiers."""
    scenarios: list[str] = []
    """Only these task types (the keys of `Router`)."""
    categories: list[str] = []
    """Only these kinds of task."""
    judge: str = ""
    """Who scores a reply in which the checks find no fault: `provider,model`, or a tier. When not said: only the checks."""
    acceptFrom: Score = 0.6
    """The judge's score, from 0 to 1, from which on a reply is good enough."""


class HoldSection(LookSection, frozen=True, kw_only=True):
    """Replies that are kept back until they were looked at. Of `rules`, `tiers`, `scenarios` and `categories` all that are
    said must hold."""

    timeoutMs: Annotated[int, msgspec.Meta(ge=1, le=300_000)] = 20_000
    """How long the look at a reply may take; then it is released."""
    holdMs: Annotated[int, msgspec.Meta(ge=1, le=600_000)] = 120_000
    """A stream that is not whole after so long, since the request came, is released unchecked."""


class NextTurnSection(LookSection, frozen=True, kw_only=True):
    """Replies that are looked at after they have left; should one fall short, the session's next turn goes up a tier. Of
    `rules`, `tiers`, `scenarios` and `categories` all that are said must hold."""

    timeoutMs: Annotated[int, msgspec.Meta(ge=1, le=600_000)] = 60_000
    """How long the judge may take."""


class StallSection(Section, frozen=True, kw_only=True):
    """A tool that fails in the same way again and again."""

    errors: Annotated[int, msgspec.Meta(ge=2)] = 3
    """The same error of the same tool so often in one turn is a stall."""
    insideLoop: bool = False
    """The turn that stalls goes up itself, though it leaves a warm cache behind; else the next one does."""


class EscalationSection(Section, frozen=True, kw_only=True):
    """When a reply falls short, the next tier up answers: at once (`hold`), or from the session's next turn on (`nextTurn`,
    `stall`)."""

    hold: HoldSection | None = None
    """Keep replies back until they were looked at, and have those that fall short answered again."""
    nextTurn: NextTurnSection | None = None
    """Look at replies after they have left, and go up with the session's next turn."""
    stall: StallSection | None = None
    """Go up when a tool fails in the same way again and again."""
    goodTurns: Annotated[int, msgspec.Meta(ge=1)] = 2
    """So many good turns in a row, and the session is back where the rules want it."""
    dailyBudgetUsd: Annotated[float, msgspec.Meta(ge=0)] = 5.0
    """What the judging and the second answers may cost in a day, for each namespace, as far as prices are known. Counted
    since the router started."""
