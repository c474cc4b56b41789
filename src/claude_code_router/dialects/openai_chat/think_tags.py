"""`<think>…</think>` at the start of the content, for servers that leave the reasoning in it."""

from __future__ import annotations

_OPEN = "<think>"
_CLOSE = "</think>"


class ThinkTags:
    """Text pieces in, (is it reasoning, text) out. Only the very beginning counts: later, the tag is the model's own text."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"  # then "inside", "behind" (blank space after the end tag), "text"

    def feed(self, text: str) -> list[tuple[bool, str]]:
        if self._state == "text":
            return [(False, text)]
        self._held += text
        out: list[tuple[bool, str]] = []
        if self._state == "start":
            begun = self._held.lstrip()
            if begun.startswith(_OPEN):
                self._state, self._held = "inside", begun[len(_OPEN) :]
            elif not _OPEN.startswith(begun):
                self._state = "behind"
        if self._state == "inside":
            self._inside(out)
        if self._state == "behind" and self._held.lstrip():
            # The end tag's blank lines go with it; text without a tag keeps its own.
            out.append((False, self._held.lstrip() if out or self._ended else self._held))
            self._state, self._held = "text", ""
        return out

    _ended = False

    def _inside(self, out: list[tuple[bool, str]]) -> None:
        said, tag, rest = self._held.partition(_CLOSE)
        if tag:
            self._state, self._held, self._ended = "behind", rest, True
        else:
            keep = next((n for n in range(len(_CLOSE) - 1, 0, -1) if said.endswith(_CLOSE[:n])), 0)
            said, self._held = said[: len(said) - keep], said[len(said) - keep :]
        if said:
            out.append((True, said))

    def close(self) -> list[tuple[bool, str]]:
        """What was held back because it might have been a tag."""
        held, self._held = self._held, ""
        return [(self._state == "inside", held)] if held and self._state != "text" else []
