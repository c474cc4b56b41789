"""Plain JSON with comments and trailing commas, which most configs are: read without json-five (100 ms and 7 MB)."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from claude_code_router.config.places import Place

STRING_OR_COMMENT = re.compile(
    r"""//[^\r\n\u2028\u2029]*|/\*[\s\S]*?\*/|"(?:[^"\\\r\n]|\\(?:\r\n|[\s\S]))*"|'(?:[^'\\\r\n]|\\(?:\r\n|[\s\S]))*'"""
)
_STRING_OR_LAST_COMMA = re.compile(r'"(?:[^"\\\r\n]|\\.)*"|(?P<nothing>[\[{,:]\s*)?,(?=\s*[}\]])')
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_SPACES = re.compile(r"[^\r\n]")


class Span(NamedTuple):
    """Where one value stands in the text: characters `start` (first) to `end` (one past the last)."""

    start: int
    end: int
    opened: int
    """Where its key begins, or itself when it has none (items of lists, the root)."""


def blanked(text: str) -> str:
    """The same text, as long as before, with spaces for the byte order mark, the comments and the trailing commas."""
    text = " " + text[1:] if text.startswith("\ufeff") else text
    if "/" in text:
        text = STRING_OR_COMMENT.sub(lambda found: _SPACES.sub(" ", found[0]) if found[0][0] == "/" else found[0], text)
    return _STRING_OR_LAST_COMMA.sub(_last_comma, text)


def _last_comma(found: re.Match[str]) -> str:
    return " " if found[0] == "," else found[0]  # a comma behind nothing, as in `[,]`, is a mistake: it stays one


class _Open:
    """An object or list that is not closed yet."""

    def __init__(self, place: Place, start: int, opened: int, *, keyed: bool) -> None:
        self.place = place
        self.start = start
        self.opened = opened
        self.keyed = keyed
        self.key: tuple[str, int] | None = None
        self.items = 0
        self.keys: set[str] = set()


def spans_of(json: str) -> dict[Place, Span]:
    """Every value's place in a text that is JSON; nothing is checked here."""
    spans: dict[Place, Span] = {}
    stack: list[_Open] = []
    for token in _TOKEN.finditer(json):
        text, start = token[0], token.start()
        around = stack[-1] if stack else None
        if text in "}]":
            closed = stack.pop()
            spans[closed.place] = Span(closed.start, token.end(), closed.opened)
        elif text == ",":
            assert around is not None
            around.items += 1
        elif around is not None and around.keyed and around.key is None:
            around.key = (msgspec.json.decode(text), start)
        elif text != ":":
            place, opened = _next(around, start, spans)
            if text in "{[":
                stack.append(_Open(place, start, opened, keyed=text == "{"))
            else:
                spans[place] = Span(start, token.end(), opened)
    return spans


def _next(around: _Open | None, start: int, spans: dict[Place, Span]) -> tuple[Place, int]:
    """The place of the value that begins here, and where its key began."""
    if around is None:
        return (), start
    if not around.keyed:
        return (*around.place, around.items), start
    assert around.key is not None
    (name, opened), around.key = around.key, None
    place = (*around.place, name)
    if name in around.keys:
        forget(spans, place)
    around.keys.add(name)
    return place, opened


def forget(spans: dict[Place, Span], place: Place) -> None:
    """Of equal keys the last one counts, so the places of the earlier one are gone."""
    for known in [known for known in spans if known[: len(place)] == place]:
        del spans[known]
