"""What a judge gets to see: bounded, without secrets, and inside a fence that nothing in it can close.

Never a system prompt, never a whole transcript. Texts of the conversation are data; the prompts around them say so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import msgspec

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.reply import Reply
from claude_code_router.core.secrets import NO_SECRETS, Secrets
from claude_code_router.quality.last_turn import Step, last_turn
from claude_code_router.store.redact import redact_text

SAID_CHARACTERS = 6_000
REPLY_CHARACTERS = 12_000
_STEPS = 8
_STEP_INPUT_CHARACTERS = 300
_STEP_RESULT_CHARACTERS = 500
_CALLS = 10
_CALL_CHARACTERS = 1_500
_SEARCHED_AT_LEAST = 20_000
"""Characters of each end of a text that are searched for secrets before it is cut: one that the cut would halve is whole
here, and found. Private keys have up to 10,000."""

_INVISIBLE = re.compile(
    "[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f\x00-\x08\x0b-\x1f\x7f]"
)
"""What people do not see and models read: a way to smuggle instructions."""


class Section(msgspec.Struct, frozen=True):
    title: str
    text: str


def asked_sections(chat: ChatRequest, secrets: Secrets = NO_SECRETS) -> tuple[Section, ...]:
    """What was asked, and what was done since."""
    turn = last_turn(chat)
    sections = [
        Section("what the person asked", shown(turn.said, SAID_CHARACTERS, secrets) or "(nothing that is text)")
    ]
    if turn.steps:
        left_out = len(turn.steps) - _STEPS
        digest = [_step(step, secrets) for step in turn.steps[-_STEPS:]]
        first = [f"({left_out} earlier steps are not shown)"] if left_out > 0 else []
        sections.append(Section("steps taken since, earlier ones first", "\n".join([*first, *digest])))
    if chat.json_schema is not None:
        schema = shown(bytes(chat.json_schema).decode("utf-8", "replace"), _CALL_CHARACTERS, secrets)
        sections.append(Section("the JSON schema that the reply has to follow", schema))
    return tuple(sections)


def reply_section(title: str, reply: Reply, secrets: Secrets = NO_SECRETS) -> Section:
    parts = [shown(reply.text, REPLY_CHARACTERS, secrets)] if reply.text.strip() else []
    parts += [
        f"(it calls the tool {shown(call.name, 80, secrets)} with {shown(call.json, _CALL_CHARACTERS, secrets)})"
        for call in reply.calls[:_CALLS]
    ]
    if len(reply.calls) > _CALLS:
        parts.append(f"(and {len(reply.calls) - _CALLS} more tool calls)")
    return Section(title, "\n".join(parts) or "(nothing)")


def fenced(sections: Sequence[Section]) -> tuple[str, str]:
    """(the mark, the sections between lines that begin with it). The mark is a digest of all that stands between, so that
    nothing in there can hold it."""
    everything = "\0".join(f"{one.title}\0{one.text}" for one in sections)
    mark, salt = _mark(everything), 0
    while mark in everything:
        salt += 1
        mark = _mark(f"{salt}{everything}")
    lines = [f"{mark} begins: {one.title}\n{one.text}\n{mark} ends" for one in sections]
    return mark, "\n".join(lines)


def _mark(text: str) -> str:
    return f"DATA-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"


def shown(text: str, characters: int, secrets: Secrets = NO_SECRETS) -> str:
    """Without secrets and invisible characters, and no longer than this but for a word about what is missing."""
    end = max(_SEARCHED_AT_LEAST, 4 * characters)
    if len(text) <= 2 * end:
        text = _clean(text, secrets)
        if len(text) <= characters:
            return text
        head, tail, left_out = text, text, len(text) - characters
    else:
        head, tail, left_out = _clean(text[:end], secrets), _clean(text[-end:], secrets), len(text) - characters
    first = characters * 2 // 3
    return f"{head[:first]}\n(… {left_out} characters are not shown …)\n{tail[first - characters :]}"


def _clean(text: str, secrets: Secrets) -> str:
    return redact_text(_INVISIBLE.sub("", text), secrets)


def _step(step: Step, secrets: Secrets) -> str:
    outcome = "failed" if step.is_error else "gave"
    given = shown(step.input, _STEP_INPUT_CHARACTERS, secrets)
    return (
        f"- {shown(step.name, 80, secrets)} {given} {outcome}: {shown(step.result, _STEP_RESULT_CHARACTERS, secrets)}"
    )
