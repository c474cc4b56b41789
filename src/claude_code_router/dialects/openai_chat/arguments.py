"""A tool call's arguments as they stream in: passed on at once where they are an object, mended at the end where they are not
one yet."""

from __future__ import annotations

import re

import msgspec

from claude_code_router.dialects.unreadable import UNREADABLE

_CONTROL = re.compile(r"[\x00-\x1f]")
_QUOTE = re.compile(r'\\.|"|[\[\]{}]|\\$', re.DOTALL)


class Arguments:
    """Fragments in; `take` gives what may be sent, `finish` the rest, so that all of it joined is one JSON object wherever
    that is possible without making up what the model did not say."""

    def __init__(self) -> None:
        self._text = ""
        self._sent = 0
        self._scanned = 0
        self._in_string = False
        self._escaped = False  # the scanned part ends in a lone backslash
        self._depth: list[str] = []
        self._complete_at = -1

    @property
    def begun(self) -> bool:
        return bool(self._text.strip())

    @property
    def complete(self) -> bool:
        """They are a whole JSON object already."""
        if self._complete_at != len(self._text):
            if not self._text.rstrip().endswith("}") or not _is_object(self._text):
                return False
            self._complete_at = len(self._text)
        return True

    def repeats(self, fragment: str) -> bool:
        """A second delivery of everything, as some proxies send with the end of the reply."""
        return self.complete and fragment.strip() == self._text.strip()

    def add(self, fragment: str) -> None:
        if self.is_stub and fragment.lstrip().startswith("{"):
            self._reset()  # `{}` was a stand-in: the arguments themselves come now
        if _CONTROL.search(fragment) and self._text.lstrip().startswith("{"):
            fragment = self._escape_controls(fragment)
        self._text += fragment

    def take(self) -> str:
        """What can be sent now: nothing while it may still turn out to be no object."""
        if not self._text.lstrip().startswith("{") or self.is_stub:
            return ""
        return self._rest()

    def finish(self, *, mend: bool, truncated: bool) -> str:
        """What is still to be sent. `truncated`: the model was cut off inside; then nothing is made up."""
        text = self._text.strip()
        if not text:
            return "{}"
        if not text.startswith("{"):
            return _as_object(text) if mend else text
        rest = self._rest()
        if mend and not truncated and not self.complete:
            rest += self._closing()
        return rest

    @property
    def is_stub(self) -> bool:
        """`{}`, and nothing of it sent: arguments of a call that takes none, or a stand-in for those that follow."""
        return len(self._text) <= 8 and self._text.strip() == "{}" and self._sent == 0

    def _reset(self) -> None:
        self._text = ""
        self._scanned = 0
        self._in_string = self._escaped = False
        self._depth = []

    def _rest(self) -> str:
        rest = self._text[self._sent :]
        self._sent = len(self._text)
        return rest

    def _closing(self) -> str:
        """The brackets that are missing, if they are all that is missing. A string that was not closed stays so: it is a
        command or a file cut short, and the client's complaint is better than running half of it."""
        self._scan()
        if self._in_string:
            return ""
        tail = "".join("}" if bracket == "{" else "]" for bracket in reversed(self._depth))
        return tail if _is_object(self._text + tail) else ""

    def _scan(self) -> None:
        start = self._scanned
        if self._escaped and start < len(self._text):
            start += 1
            self._escaped = False
        for match in _QUOTE.finditer(self._text, start):
            self._step(match[0])
        self._scanned = len(self._text)

    def _step(self, token: str) -> None:
        if token == '"':
            self._in_string = not self._in_string
        elif token == "\\":
            self._escaped = self._in_string
        elif not self._in_string and token in "[{":
            self._depth.append(token)
        elif not self._in_string and token in "]}" and self._depth:
            self._depth.pop()

    def _escape_controls(self, fragment: str) -> str:
        """Weak models write line ends into strings as they are, which JSON forbids; between the members they are fine."""
        pieces: list[str] = []
        kept = self._text
        for piece in re.split(r"([\x00-\x1f])", fragment):
            if _CONTROL.fullmatch(piece):
                self._text = kept + "".join(pieces)
                self._scan()
                if self._in_string:
                    piece = msgspec.json.encode(piece).decode()[1:-1]
            pieces.append(piece)
        self._text = kept  # the scan is ahead of it now, over what the caller appends next
        return "".join(pieces)


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except UNREADABLE:
        return False


def _as_object(text: str) -> str:
    """Arguments that are no object: null, an object written as a string (twice encoded), or plain words."""
    try:
        value = msgspec.json.decode(text)
    except UNREADABLE:
        value = text
    if isinstance(value, str) and _is_object(value):
        return value.strip()
    if value is None or value == "":
        return "{}"
    return msgspec.json.encode({"input": value}).decode()
