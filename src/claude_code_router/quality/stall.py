"""Is a turn going round in circles: the same tool with the same error, again and again? Pure."""

from __future__ import annotations

import re

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.escalation import Stall
from claude_code_router.quality.last_turn import last_turn

_COMPARED_CHARACTERS = 400
_VARIES = re.compile(r"0x[0-9a-f]+|\d+|\s+")
"""Line numbers, process ids, times, addresses: they differ though the error is the same."""


def stall_of(chat: ChatRequest) -> Stall | None:
    """How often the turn's latest error has been met in it; None when its last step did not fail."""
    steps = last_turn(chat).steps
    if not steps or not steps[-1].is_error:
        return None
    latest = steps[-1]
    words = _words(latest.result)
    errors = sum(1 for step in steps if step.is_error and step.name == latest.name and _words(step.result) == words)
    return Stall(latest.name, errors)


def _words(error: str) -> str:
    return _VARIES.sub(" ", error[:_COMPARED_CHARACTERS].lower())
