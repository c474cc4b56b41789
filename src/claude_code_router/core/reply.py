"""One step of the answer, whatever the upstream's dialect.

Grammar: `ReplyStarted (BlockStarted delta* BlockEnded)* UsageKnown* (ReplyEnded | ReplyFailed)`. Blocks never overlap: a
decoder serialises what its upstream interleaves. `UsageKnown` may come at any point after `ReplyStarted`; the last one counts.
`ReplyFailed` may come at any point, also first and also inside a block, which then has no BlockEnded: to say that it
ended would make the client keep half an answer as a whole one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from claude_code_router.core.usage import Usage

StopReason = Literal[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
]


class ReplyStarted(msgspec.Struct, frozen=True):
    id: str = ""
    model: str = ""


class BlockStarted(msgspec.Struct, frozen=True):
    kind: Literal["text", "thinking", "tool_call", "opaque"]
    id: str = ""
    """Tool calls only."""
    name: str = ""
    """Tool calls only."""
    json: str = ""
    """Opaque blocks only: the whole block."""


class TextDelta(msgspec.Struct, frozen=True):
    text: str


class ThinkingDelta(msgspec.Struct, frozen=True):
    text: str


class SignatureDelta(msgspec.Struct, frozen=True):
    """Closes a thinking block with the token that lets its maker take it back."""

    signature: str


class ToolInputDelta(msgspec.Struct, frozen=True):
    json: str
    """A fragment of the arguments' JSON text."""


class BlockEnded(msgspec.Struct, frozen=True):
    pass


class UsageKnown(msgspec.Struct, frozen=True):
    usage: Usage


class ReplyEnded(msgspec.Struct, frozen=True):
    stop_reason: StopReason
    stop_sequence: str | None = None


class ReplyFailed(msgspec.Struct, frozen=True):
    """The upstream said so, or its stream broke. Ends the reply; never followed by ReplyEnded."""

    error_type: str
    """Anthropic's error type that fits: `overloaded_error`, `api_error`, …"""
    message: str
    cut: bool = False
    """The stream ended without an end: nobody said why."""


ReplyEvent = (
    ReplyStarted
    | BlockStarted
    | TextDelta
    | ThinkingDelta
    | SignatureDelta
    | ToolInputDelta
    | BlockEnded
    | UsageKnown
    | ReplyEnded
    | ReplyFailed
)


class ToolCall(msgspec.Struct, frozen=True):
    id: str
    name: str
    json: str
    """The arguments' JSON text, as it came."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer, for who judges it: what the person or the agent gets to see."""

    text: str = ""
    """All text blocks, one after the other."""
    calls: tuple[ToolCall, ...] = ()
    thought: bool = False
    """It holds a thinking block."""
    searched: bool = False
    """The provider has searched the web for it."""
    stop_reason: str = ""
    usage: Usage | None = None
    failed: str = ""
    """Why it is not whole; empty when it is."""


def whole_reply(events: Iterable[ReplyEvent]) -> Reply:
    """Never raises: events that break off make a reply that says so."""
    texts: list[str] = []
    calls: list[ToolCall] = []
    thought, searched, stop_reason, failed = False, False, "", "The reply has no end."
    usage: Usage | None = None
    for event in events:
        match event:
            case TextDelta(text):
                texts.append(text)
            case BlockStarted("tool_call", id, name):
                calls.append(ToolCall(id, name, ""))
            case BlockStarted("thinking"):
                thought = True
            case BlockStarted("opaque", json=block):
                searched = searched or '"server_tool_use"' in block
            case ToolInputDelta(json) if calls:
                calls[-1] = msgspec.structs.replace(calls[-1], json=calls[-1].json + json)
            case UsageKnown(known):
                usage = known
                searched = searched or known.web_searches > 0
            case ReplyEnded(reason):
                stop_reason, failed = reason, ""
            case ReplyFailed(_, message):
                failed = message
            case _:
                pass
    return Reply(
        text="".join(texts),
        calls=tuple(calls),
        thought=thought,
        searched=searched,
        stop_reason=stop_reason,
        usage=usage,
        failed=failed,
    )
