"""What a custom router is asked, and what it said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

ANSWER_CHARACTERS = 300
"""A longer answer names no target."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One request, as a script may see it."""

    id: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    tokens: int
    session: str
    config: bytes
    """The owner's whole file as JSON."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    target: str = ""
    """Verbatim; empty when the script leaves the choice to the rules."""
    body: bytes | None = None
    """The body with the script's edits; None when it made none, so that the client's own bytes go on."""


class ScriptFailed(Exception):
    """The script, or what runs it, could not answer. Never reaches a client: the rules decide instead."""


class Script(Protocol):
    """A loaded custom router."""

    @property
    def alive(self) -> bool:
        """False: it must be loaded anew before it can answer."""

    async def ask(self, question: Question) -> Answer:
        """Raises ScriptFailed. The caller limits the time by cancelling."""

    def retire(self, after_s: float) -> None:
        """A newer one answers from now on; let what is under way finish for so long."""

    async def close(self) -> None:
        """At once, and nothing of it is left when this returns."""


def target_of(said: object) -> str:
    """A script's return value as a target's name. Raises ScriptFailed when it can be none."""
    if not said:
        return ""
    if not isinstance(said, str):
        raise ScriptFailed(f'it returned {type(said).__name__}, not "provider,model" or nothing')
    if len(said) > ANSWER_CHARACTERS:
        raise ScriptFailed(f"it returned {len(said):,} characters, which name no target")
    return said.strip()
