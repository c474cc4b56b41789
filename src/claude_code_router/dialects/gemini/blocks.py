"""The blocks of a Gemini reply in the making. Parts come in order and calls come whole, so one block is open at a time."""

from __future__ import annotations

from claude_code_router.core.reply import (
    BlockEnded,
    BlockStarted,
    ReplyEvent,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    ToolInputDelta,
)
from claude_code_router.dialects.gemini.signatures import mint_signature, mint_text


class Blocks:
    def __init__(self, model: str) -> None:
        self.model = model
        """Signatures are minted for it."""
        self.spoke = False
        """Something was said or called."""
        self._open = ""
        self._held = ""
        """Thoughts behind the text: as the reply's last block they would hide the answer in `claude -p` (2.1.330)."""
        self._blank = ""
        """Blank space alone opens no block: Claude refuses such a block when it comes back to it."""
        self._said = False

    def think(self, text: str, signature: str, out: list[ReplyEvent]) -> None:
        # Its own signature is not needed (Gemini demands those of calls): the thought is not sent back either.
        del signature
        if not text:
            return
        if self._said and self._open != "thinking":
            self._held += text
            return
        if self._open != "thinking":
            if not text.strip():
                return
            self._start("thinking", out)
        out.append(ThinkingDelta(text))

    def say(self, text: str, signature: str, out: list[ReplyEvent]) -> None:
        """A signature in an empty part at the end of the text is left out: the text has left already, and a block behind it
        would hide it. Gemini advises to return it and does not demand it."""
        if self._open != "text" or self._held.strip():
            text = self._blank + text
            self._blank = ""
            if not text.strip():
                self._blank = text
                return
            self._release_thoughts(out)
            if signature:
                self._sign(mint_signature(self.model, signature, "text"), out)
            self._close(out)
            self._start("text", out)
            self._said = self.spoke = True
        if text:
            out.append(TextDelta(text))

    def call(self, call_id: str, name: str, json: str, signature: str, out: list[ReplyEvent]) -> None:
        self._blank = ""
        self._release_thoughts(out)
        if signature:
            self._sign(mint_signature(self.model, signature, "call"), out)
        self._close(out)
        out += [BlockStarted("tool_call", id=call_id, name=name), ToolInputDelta(json), BlockEnded()]
        self.spoke = True

    def end(self, out: list[ReplyEvent]) -> None:
        self._held = self._blank = ""
        self._close(out)

    def _release_thoughts(self, out: list[ReplyEvent]) -> None:
        if self._held.strip():
            self._close(out)
            self._start("thinking", out)
            out.append(ThinkingDelta(self._held))
        self._held = ""

    def _sign(self, minted: str, out: list[ReplyEvent]) -> None:
        """On the open thinking block, or on an empty one of its own."""
        if self._open != "thinking":
            self._close(out)
            self._start("thinking", out)
        out += [SignatureDelta(minted), BlockEnded()]
        self._open = ""

    def _start(self, kind: str, out: list[ReplyEvent]) -> None:
        self._open = kind
        out.append(BlockStarted("thinking" if kind == "thinking" else "text"))

    def _close(self, out: list[ReplyEvent]) -> None:
        if self._open == "thinking":
            out += [SignatureDelta(mint_text()), BlockEnded()]
        elif self._open:
            out.append(BlockEnded())
        self._open = ""
