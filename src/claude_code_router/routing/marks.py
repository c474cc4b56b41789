"""How Claude Code's own texts tell one kind of request from another.

All of it was seen in requests of the real client, 2.1.197 and 2.1.330, 2026-11. Hint headers are believed first
(`signals`); these marks serve clients that do not send them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from claude_code_router.core.signals import TurnKind
from claude_code_router.routing import wire

REMINDER_OPEN, REMINDER_CLOSE = "<system-reminder>", "</system-reminder>"
_BOILERPLATE = (
    (REMINDER_OPEN, REMINDER_CLOSE),
    ("<local-command-caveat>", "</local-command-caveat>"),
    ("<local-command-stdout>", "</local-command-stdout>"),
    ("<CCR-SUBAGENT-MODEL>", "</CCR-SUBAGENT-MODEL>"),
)

COMPACTION_START = "CRITICAL: Respond with TEXT ONLY"
SUGGESTION_START = "[SUGGESTION MODE:"
WEB_FETCH_START = "Web page content:\n---"
CLASSIFIER_SYSTEM = "You are a security monitor for autonomous AI coding agents"
CLASSIFIER_STOP = "</block>"

BILLING_LINE = b"x-anthropic-billing-header:"
SUBAGENT_IN_BILLING_LINE = b"cc_is_subagent=true"

SUBAGENT_TAG = "<CCR-SUBAGENT-MODEL>"
SUBAGENT_TAG_END = "</CCR-SUBAGENT-MODEL>"
SUBAGENT_TAG_NAME = b"CCR-SUBAGENT-MODEL"
SUBAGENT_PLACEHOLDERS = frozenset({"provider,model", "provider/model"})
"""What the npm tool's README shows as the tag's form; it reaches us when a prompt quotes that README."""

_PLAN_ON = ("Plan mode is active", "Plan mode still active", "## Re-entering Plan Mode")
_PLAN_OFF = "## Exited Plan Mode"
_PLAN_WORD = b"Plan "
"""All of them have it."""
_PLAN_IN_REMINDER = (b"system-reminder", _PLAN_WORD)


def without_boilerplate(text: str) -> str:
    """What a person wrote: the client's own insertions cut out. An opening tag without its end is the person's own."""
    if "<" in text:  # one character is found ten times as fast as two are
        for opening, closing in _BOILERPLATE:
            text = _cut(text, opening, closing) if opening in text else text
    return text.strip()


def reminders(text: str) -> str:
    """The opposite: only what stands inside `<system-reminder>`."""
    inside, position = [], 0
    while (start := text.find(REMINDER_OPEN, position)) >= 0:
        end = text.find(REMINDER_CLOSE, start)
        if end < 0:
            break
        inside.append(text[start + len(REMINDER_OPEN) : end])
        position = end + len(REMINDER_CLOSE)
    return "\n".join(inside)


def _cut(text: str, opening: str, closing: str) -> str:
    # A loop of finds, not a regex: a hostile body of a million openings must stay linear.
    kept, position = [], 0
    while (start := text.find(opening, position)) >= 0:
        end = text.find(closing, start)
        if end < 0:
            break
        kept.append(text[position:start])
        position = end + len(closing)
    kept.append(text[position:])
    return "".join(kept)


_DIRECTORY_MARK = b"orking directory: "  # "Working …" and "Primary working …"
_DIRECTORY_BYTES = 1_024


def working_directory(system: msgspec.Raw) -> str:
    """What the client says it works in; empty when its system prompt names no directory."""
    raw = bytes(system)
    start = raw.find(_DIRECTORY_MARK)
    if start < 0:
        return ""
    start += len(_DIRECTORY_MARK)
    line = raw[start : start + _DIRECTORY_BYTES].split(b"\\n", 1)[0].split(b'"', 1)[0]
    return line.decode(errors="replace").replace("\\\\", "\\").strip()


def plan_mode(spoken: Sequence[wire.Message], system: msgspec.Raw) -> bool:
    """Plan mode is a latch: the client says when it is entered and when it is left, and the last word counts.

    `spoken` are the messages with text that is not the model's. Only the client's own words count: `role: system`
    messages, reminders in user messages, the system prompt. A person may quote them.
    """
    for message in reversed(spoken):
        own = message.role == "system"
        marked = message.texts_with(_PLAN_WORD) if own else message.texts_with(*_PLAN_IN_REMINDER)
        for words in reversed(marked):
            state = _plan_state(words if own else reminders(words))
            if state is not None:
                return state
    if _PLAN_WORD not in bytes(system):
        return False
    return _plan_state("\n".join(wire.texts(system))) or False


def _plan_state(words: str) -> bool | None:
    on = max(words.rfind(mark) for mark in _PLAN_ON)
    off = words.rfind(_PLAN_OFF)
    return None if on == off == -1 else on > off


def subagent_model(texts: Iterable[str]) -> str:
    """The first real selector inside a subagent tag; empty when there is none."""
    for text in texts:
        position = 0
        while (start := text.find(SUBAGENT_TAG, position)) >= 0:
            end = text.find(SUBAGENT_TAG_END, start)
            if end < 0:
                break
            selector = text[start + len(SUBAGENT_TAG) : end].strip()
            if selector and selector.lower() not in SUBAGENT_PLACEHOLDERS:
                return selector
            position = end + len(SUBAGENT_TAG_END)
    return ""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What the kind of a request is told by."""

    tools: tuple[str, ...]
    server_tools: tuple[str, ...]
    stop_sequences: tuple[str, ...]
    schema_fields: frozenset[str]
    """Field names of the JSON schema that the reply must follow."""
    system: str
    """The first part of the system prompt."""
    last_words: str
    """The last user message's last text, boilerplate cut out."""
    tool_result: bool
    """The last user message answers a tool call."""


_CLASS_KINDS: dict[str, TurnKind] = {
    "compaction": "compaction",
    "summary-extraction": "title",
    "followup-generation": "suggestion",
}


def is_search(tool: str) -> bool:
    return tool.startswith("web_search")


def kind_of(shape: Shape, hints: Iterable[str]) -> TurnKind:
    """`hints` are the values of the client's request-class headers, the coarse one first."""
    for hint in hints:
        if hint in _CLASS_KINDS:
            return _CLASS_KINDS[hint]
    words = shape.last_words
    if words.startswith(COMPACTION_START):
        return "compaction"
    if words.startswith(SUGGESTION_START):
        return "suggestion"
    if CLASSIFIER_STOP in shape.stop_sequences or CLASSIFIER_SYSTEM in shape.system:
        return "classifier"
    if shape.server_tools and len(shape.tools) == len(shape.server_tools):
        return "web_search" if all(map(is_search, shape.server_tools)) else "user"
    if not shape.tools:
        if shape.schema_fields == {"title"}:
            return "title"
        if words.startswith(WEB_FETCH_START):
            return "web_fetch"
    return "tool_result" if shape.tool_result else "user"
