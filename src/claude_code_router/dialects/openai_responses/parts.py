"""The blocks of a Responses reply in the making: as in chat/completions, but each says itself when it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from claude_code_router.core.reply import BlockEnded, BlockStarted, ReplyEvent, SignatureDelta, ThinkingDelta
from claude_code_router.dialects.openai_chat.open_blocks import CallBlock, TextBlock

Place = tuple[int, int]
"""(output_index, content_index): the order in which the client sees the blocks."""


class TextPart(TextBlock):
    """One `output_text` or `refusal` part of a message."""

    def __init__(self) -> None:
        super().__init__()
        self.done = False
        self.heard = False
        """Some of it came in pieces, so the whole that follows adds nothing."""


class ReasoningPart:
    """One reasoning item. `held`: behind text, it is opened only when something follows (as the last block it would hide
    the text in `claude -p`, 2.1.330). Asked late: an item may begin before the text in front of it has said anything."""

    def __init__(self, sign: Callable[[bytes], str], held: Callable[[], bool]) -> None:
        self.opened = False
        self.done = False
        self._held = held
        self.item = b""
        """Its JSON, once it is done, when it can be given back."""
        self.source = ""
        """Which of summary and content is shown; they say the same."""
        self.parts = 0
        self._pending = ""
        self._sign = sign

    def add(self, text: str, source: str) -> None:
        self.source = self.source or source
        if source == self.source:
            self._pending += text

    def new_part(self) -> None:
        self.parts += 1
        if self.parts > 1:
            self._pending += "\n\n"

    @property
    def blank(self) -> bool:
        return not (self.opened or self._pending.strip() or self.item)

    @property
    def ready(self) -> bool:
        return self.opened or not (self._held() or self.blank)

    def open(self) -> BlockStarted:
        self.opened = True
        return BlockStarted("thinking")

    def take(self) -> list[ReplyEvent]:
        text, self._pending = self._pending, ""
        return [ThinkingDelta(text)] if text else []

    def finish(self, *, truncated: bool) -> list[ReplyEvent]:
        del truncated
        return [SignatureDelta(self._sign(self.item)), BlockEnded()]


class CallPart(CallBlock):
    def __init__(
        self, upstream_id: str, mint_id: Callable[[str], str], names: Mapping[str, str], *, mend: bool
    ) -> None:
        super().__init__(upstream_id, mint_id, names, mend=mend)
        self.done = False

    @property
    def ready(self) -> bool:
        return bool(self.name)  # it comes whole, with the item


Part = TextPart | ReasoningPart | CallPart


class Line:
    """The blocks in the order of their places, whatever the order in which they come. The first is streamed, the others
    collect what comes for them meanwhile."""

    def __init__(self) -> None:
        self.all: dict[Place, Part] = {}
        self.waiting: list[tuple[Place, Part]] = []

    def put(self, place: Place, part: Part) -> None:
        """Among those that have not been sent; what comes too late follows what has been."""
        at = len(self.waiting)
        while at > 0 and self.waiting[at - 1][0] > place and not self.waiting[at - 1][1].opened:
            at -= 1
        self.waiting.insert(at, (place, part))
        self.all[place] = part

    def of_item(self, index: int) -> list[Part]:
        return [part for place, part in self.all.items() if place[0] == index]

    def advance(self, out: list[ReplyEvent]) -> None:
        """Sends what can be sent."""
        while self.waiting:
            head = self.waiting[0][1]
            if not head.ready and not self._shows_now(head):
                return
            if head.blank:
                del self.waiting[0]
                continue
            if not head.opened:
                out.append(head.open())
            out.extend(head.take())
            if not head.done:
                return
            out.extend(head.finish(truncated=False))
            del self.waiting[0]

    def _shows_now(self, head: Part) -> bool:
        """One that is not ready by itself: blank and done, or held until something follows."""
        if head.blank:
            return head.done
        return any(part.ready for _, part in self.waiting[1:])

    def end(self, out: list[ReplyEvent], *, truncated: bool, keep_held: bool) -> None:
        """Sends everything. `truncated`: the last block was cut off by a limit. `keep_held`: reasoning at the very end too."""
        left = [part for _, part in self.waiting if not part.blank]
        while left and not (keep_held or left[-1].ready):
            left.pop()
        self.waiting.clear()
        while left:
            head = left.pop(0)
            if not head.opened:
                out.append(head.open())
            out.extend(head.take())
            out.extend(head.finish(truncated=truncated and not left))
