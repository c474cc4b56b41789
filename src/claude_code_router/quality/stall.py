"""Is a turn going round in circles: the same tool with the same error, again and again? Pure."""

from __future__ import annotations

import re

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.escalation import Stall
from claude_code_router.quality.last_turn import Step, last_turn

_COMPARED_CHARACTERS = 400
_VARIES = re.compile(r"0x[0-9a-f]+|\d+|\s+")
"""Line numbers, process ids, times, addresses: they differ though the error is the same."""
_STATUS = re.compile(r'(?:\bExit code:|\bProcess exited with code|"exit_code":)\s*(-?\d+)')
_RUNNING = "Process running with session ID"
"""Both as OpenAI's Codex reports on commands (codex-rs, 2026-11): at the beginning of a text, or behind the output in JSON."""
_ENDS_CHARACTERS = 300


def stall_of(chat: ChatRequest, *, errors_are_marked: bool) -> Stall | None:
    """How often the turn's latest error has been met in it; None when its last step did not fail. Where the dialect does not
    mark errors: how often the very same call had the same result, unless that says that it went well."""
    steps = last_turn(chat).steps
    if not steps:
        return None
    latest = steps[-1]
    if latest.is_error:
        return Stall(latest.name, sum(1 for step in steps if _same_error(step, latest)))
    if errors_are_marked or _went_well(latest.result):
        return None
    return Stall(latest.name, sum(1 for step in steps if _same_call(step, latest)), marked=False)


def _same_error(step: Step, latest: Step) -> bool:
    return step.is_error and step.name == latest.name and _words(step.result) == _words(latest.result)


def _same_call(step: Step, latest: Step) -> bool:
    if (step.name, step.input) != (latest.name, latest.input) or step.is_error:
        return False
    # What does not say how it ended may be a poll: there a number is news.
    told = _status(latest.result) is not None
    return _words(step.result) == _words(latest.result) if told else step.result == latest.result


def _went_well(result: str) -> bool:
    return _status(result) == 0 or _RUNNING in result[:_ENDS_CHARACTERS]


def _status(result: str) -> int | None:
    """A command's exit status, where the result tells it."""
    ends = result[:_ENDS_CHARACTERS], result[-_ENDS_CHARACTERS:] if result.startswith("{") else ""
    found = [status for end in ends for status in _STATUS.findall(end)]
    return int(found[-1]) if found else None


def _words(error: str) -> str:
    return _VARIES.sub(" ", error[:_COMPARED_CHARACTERS].lower())
