"""Replies that are held back whole until somebody has looked at them. Who looks is not delivery's business: an `Inspector`
is handed to it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from claude_code_router.core.escalation import Escalation
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.score import Score
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One reply, before anybody has got it."""

    inbound: Inbound
    signals: Signals
    plan: Escalation
    target: Target
    body: bytes
    """In the client's dialect, streamed or whole."""


class Inspection(msgspec.Struct, frozen=True):
    good: bool
    """Also when nobody could tell."""
    because: str
    """One sentence, with the numbers."""
    scores: tuple[Score, ...] = ()
    """As they stand on the records; the judge's last."""
    short: bytes = b""
    """The reply itself, when it fell short: the one that comes instead is compared with it."""


class Inspector(Protocol):
    async def inspect(self, held: Held) -> Inspection:
        """Within `held.plan.check.wait_s`. Never raises but when it is cancelled."""


class Hold:
    """One reply on its way into memory: whether there is still time and room for it."""

    def __init__(self, plan: Escalation) -> None:
        self._plan = plan
        self._size = 0

    def goes_on(self, part: bytes, elapsed_ms: float) -> bool:
        self._size += len(part)
        return self._size <= self._plan.hold_bytes and elapsed_ms <= self._plan.hold_s * 1000
