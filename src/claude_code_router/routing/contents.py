"""One pass over a conversation: where in it the few things stand that routing asks about. Long loops of tool calls have
hundreds of messages, of which hardly any holds one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from claude_code_router.routing import wire
from claude_code_router.routing.wire import ABSENT, is_array

_MEDIA = frozenset({"image", "document"})


class Contents(msgspec.Struct, frozen=True, gc=False):
    spoken: list[wire.Message]
    """Those with text that is not the model's: a person's, or the client's own."""
    media: list[tuple[int, wire.Block]]
    """Images and documents, and the tool results that may hold some; each with the place of its message."""
    settings: list[wire.Message]
    """Those that bring settings of their own."""
    signature_bytes: int
    """Of signed reasoning."""
    system_turns: bool


def look_through(messages: Sequence[wire.Message]) -> Contents:
    spoken: list[wire.Message] = []
    media: list[tuple[int, wire.Block]] = []
    settings: list[wire.Message] = []
    signature_bytes, system_turns = 0, False
    for place, message in enumerate(messages):
        content, speaks = message.content, False
        if isinstance(content, str):
            content, speaks = [], True
        for block in content:
            kind = block.type
            if kind == "text":
                speaks = True
            elif kind in _MEDIA or (kind == "tool_result" and is_array(block.content)):
                media.append((place, block))
            if block.signature is not ABSENT:
                signature_bytes += len(memoryview(block.signature))
        if message.output_config is not ABSENT:
            settings.append(message)
        system_turns = system_turns or message.role == "system"
        if speaks and message.role != "assistant":
            spoken.append(message)
    return Contents(spoken, media, settings, signature_bytes, system_turns)
