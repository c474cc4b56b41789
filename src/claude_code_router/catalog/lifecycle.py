"""Which models are gone, will go, or have a successor: for `ccr models --check`, never for routing.

From the makers' deprecation and model pages as known 2026-11. A line that is missing costs a hint, nothing else.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

import msgspec

from claude_code_router.catalog.cards import canonical


class Lifecycle(msgspec.Struct, frozen=True, kw_only=True):
    retires: date | None = None
    """The day from which the maker refuses it; None when no day is known."""
    successor: str = ""

    def state(self, today: date) -> Literal["active", "superseded", "retiring", "retired"]:
        if self.retires is not None:
            return "retired" if today >= self.retires else "retiring"
        return "superseded" if self.successor else "active"


def _gone(year: int, month: int, day: int, successor: str) -> Lifecycle:
    return Lifecycle(retires=date(year, month, day), successor=successor)


ACTIVE = Lifecycle()

# Searched in the canonical name, first fit wins.
_TABLE: tuple[tuple[str, Lifecycle], ...] = (
    (r"^claude-(2|instant)", _gone(2025, 7, 21, "claude-sonnet-5-5")),
    (r"^claude-3-sonnet", _gone(2025, 7, 21, "claude-sonnet-5-5")),
    (r"^claude-3-5-sonnet", _gone(2025, 10, 28, "claude-sonnet-5-5")),
    (r"^claude-3-opus", _gone(2026, 1, 5, "claude-opus-5-5")),
    (r"^claude-3-7-sonnet", _gone(2026, 2, 19, "claude-sonnet-5-5")),
    (r"^claude-3-5-haiku", _gone(2026, 2, 19, "claude-haiku-5-5")),
    (r"^claude-sonnet-4-5", _gone(2026, 11, 30, "claude-sonnet-5-5")),
    (r"^claude-opus-(4|5$)", Lifecycle(successor="claude-opus-5-5")),
    (r"^claude-sonnet-(4|5$)", Lifecycle(successor="claude-sonnet-5-5")),
    (r"^claude-haiku-4", Lifecycle(successor="claude-haiku-5-5")),
    (r"^claude-3-haiku", Lifecycle(successor="claude-haiku-5-5")),
    (r"^claude-fable-5(-1)?$", Lifecycle(successor="claude-fable-5-2")),
    (r"^claude-mythos-5(-1)?$", Lifecycle(successor="claude-mythos-5-2")),
    (r"^gpt-(3\.5|4)", Lifecycle(successor="gpt-6-luna")),
    (r"^(gpt-5(\.[0-5])?|o[134])([^.\d]|$)", Lifecycle(successor="gpt-6.1-sol")),
    (r"^gemini-(1|2\.0)", Lifecycle(successor="gemini-3.8-flash")),
    (r"^gemini-2\.5", Lifecycle(successor="gemini-3.8-flash")),
    (r"^deepseek-(chat|reasoner|v3|r1)", Lifecycle(successor="deepseek-v4-pro")),
)


def lifecycle(model: str) -> Lifecycle:
    name = canonical(model)
    return next((known for pattern, known in _TABLE if re.search(pattern, name)), ACTIVE)
