"""The blocks of a reply in the making. Upstreams interleave what Anthropic puts in sequence: the first block of the line is
streamed, the ones behind it collect what comes for them meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from claude_code_router.core.reply import (
    BlockEnded,
    BlockStarted,
    ReplyEvent,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    ToolInputDelta,
)
from claude_code_router.dialects.openai_chat.arguments import Arguments

NAMELESS = "unknown_tool"
"""For a call whose name never came: the client answers the model with an error about it, which silence would not."""


class OpenBlock(Protocol):
    opened: bool

    @property
    def blank(self) -> bool:
        """It has nothing to show, and can go when something else comes."""

    @property
    def ready(self) -> bool:
        """It can be opened by itself, so what stands before it may end."""

    @property
    def may_end(self) -> bool:
        """Nothing more is expected for it once something else has come."""

    def open(self) -> BlockStarted: ...

    def take(self) -> list[ReplyEvent]: ...

    def finish(self, *, truncated: bool) -> list[ReplyEvent]: ...


class TextBlock:
    """Blank space alone opens no block: Claude refuses such a block when it comes back to it."""

    may_end = True

    def __init__(self) -> None:
        self.opened = False
        self._pending = ""

    def add(self, text: str) -> None:
        self._pending += text

    @property
    def blank(self) -> bool:
        return not (self.opened or self._pending.strip())

    @property
    def ready(self) -> bool:
        return not self.blank

    def open(self) -> BlockStarted:
        self.opened = True
        return BlockStarted("text")

    def take(self) -> list[ReplyEvent]:
        text, self._pending = self._pending, ""
        return [TextDelta(text)] if text else []

    def finish(self, *, truncated: bool) -> list[ReplyEvent]:
        del truncated
        return [BlockEnded()]


class ThinkingBlock:
    """`held`: opened only when something follows. Behind the text it might be the last block of the reply, and then
    `claude -p` prints nothing (2.1.330)."""

    may_end = True

    def __init__(self, sign: Callable[[list[dict[str, Any]]], str], *, held: bool) -> None:
        self.opened = False
        self.held = held
        self.details: list[dict[str, Any]] = []
        """The upstream's own form of this reasoning, to be given back to it."""
        self._pending = ""
        self._sign = sign

    def add(self, text: str) -> None:
        self._pending += text

    @property
    def blank(self) -> bool:
        return not (self.opened or self._pending.strip() or self.details)

    @property
    def ready(self) -> bool:
        return self.opened or not (self.held or self.blank)

    def open(self) -> BlockStarted:
        self.opened = True
        return BlockStarted("thinking")

    def take(self) -> list[ReplyEvent]:
        text, self._pending = self._pending, ""
        return [ThinkingDelta(text)] if text else []

    def finish(self, *, truncated: bool) -> list[ReplyEvent]:
        del truncated
        return [SignatureDelta(self._sign(self.details)), BlockEnded()]


class CallBlock:
    blank = False

    def __init__(
        self, upstream_id: str, mint_id: Callable[[str], str], names: Mapping[str, str], *, mend: bool
    ) -> None:
        self.opened = False
        self.upstream_id = upstream_id
        self.name = ""
        self.arguments = Arguments()
        self.ended = False
        self._mint_id = mint_id
        self._names = names
        self._mend = mend

    @property
    def ready(self) -> bool:
        # A name may come in pieces, so it is whole only when the arguments have begun.
        return self.opened or (bool(self.name) and self.arguments.begun)

    @property
    def may_end(self) -> bool:
        return self.arguments.complete

    def open(self) -> BlockStarted:
        self.opened = True
        return BlockStarted(
            "tool_call", id=self._mint_id(self.upstream_id), name=self._names.get(self.name, self.name) or NAMELESS
        )

    def take(self) -> list[ReplyEvent]:
        text = self.arguments.take()
        return [ToolInputDelta(text)] if text else []

    def finish(self, *, truncated: bool) -> list[ReplyEvent]:
        self.ended = True
        rest = self.arguments.finish(mend=self._mend, truncated=truncated)
        return [*([ToolInputDelta(rest)] if rest else []), BlockEnded()]


class Line:
    """The blocks in their order; the first is the one being streamed."""

    def __init__(self) -> None:
        self.blocks: list[OpenBlock] = []

    @property
    def last(self) -> OpenBlock | None:
        return self.blocks[-1] if self.blocks else None

    def advance(self, out: list[ReplyEvent]) -> None:
        """Sends what can be sent."""
        while self.blocks:
            head = self.blocks[0]
            followed = any(block.ready for block in self.blocks[1:])
            if not head.ready:
                if isinstance(head, CallBlock) or not followed:
                    return
                if head.blank:
                    del self.blocks[0]
                    continue
            if not head.opened:
                out.append(head.open())
            out.extend(head.take())
            if not (followed and head.may_end):
                return
            out.extend(head.finish(truncated=False))
            del self.blocks[0]

    def end(self, out: list[ReplyEvent], *, truncated: bool, keep_held: bool) -> None:
        """Sends everything. `truncated`: the last block was cut off by a limit. `keep_held`: reasoning at the very end too;
        where it is not kept, it is dropped on purpose, since it would hide the text."""
        self.advance(out)
        self.blocks = [block for block in self.blocks if not block.blank]
        if not keep_held and isinstance(self.last, ThinkingBlock) and not self.last.ready:
            self.blocks.pop()
        while self.blocks:
            head = self.blocks.pop(0)
            if not head.opened:
                out.append(head.open())
            out.extend(head.take())
            out.extend(head.finish(truncated=truncated and not self.blocks))
