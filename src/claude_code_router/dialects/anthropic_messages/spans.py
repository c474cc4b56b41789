"""Where the values of a JSON text stand, as (start, end) offsets, so that one can be changed and every other byte stays.

msgspec measures the values (`Raw` keeps the exact bytes), so this walks over keys and commas only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

_SPACE = re.compile(rb"[ \t\n\r]*")
_KEY = re.compile(rb'[ \t\n\r]*("(?:[^"\\]|\\.)*+")[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
_COMMA = re.compile(rb"[ \t\n\r]*,")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[^,\]}\s]+")
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]|"(?:[^"\\]|\\.)*+")*+', re.DOTALL)

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements = msgspec.json.Decoder(list[msgspec.Raw])
_string = msgspec.json.Decoder(str)


class Member(NamedTuple):
    key: str
    start: int
    end: int


def members(body: bytes, start: int = 0, end: int | None = None) -> list[Member]:
    """The members of the object in `body[start:end]`, in order, equal names included. The text must be valid JSON."""
    text = body if start == 0 and end is None else body[start:end]
    lengths = {key: len(bytes(raw)) for key, raw in _members.decode(text).items()}
    found = list(_walk_members(text, lengths))
    at_end = not found or text[found[-1].end :].strip() == b"}"
    if len(found) != len(lengths) or not at_end:  # equal names: the lengths are those of the last one only
        found = list(_walk_members(text, {}))
    return [Member(key, first + start, last + start) for key, first, last in found]


def elements(body: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """The elements of the array in `body[start:end]`, in order. The text must be valid JSON."""
    values = _elements.decode(body[start:end])
    at = body.index(b"[", start) + 1
    found: list[tuple[int, int]] = []
    for raw in values:
        at = _after(_SPACE, body, at)
        found.append((at, at + len(bytes(raw))))
        comma = _COMMA.match(body, found[-1][1])
        if comma is None:
            break
        at = comma.end()
    return found


def _walk_members(text: bytes, lengths: dict[str, int]) -> Iterator[Member]:
    at = text.index(b"{") + 1
    while (head := _KEY.match(text, at)) is not None:
        key = _string.decode(head[1])
        end = head.end() + lengths[key] if key in lengths else _value_end(text, head.end())
        yield Member(key, head.end(), end)
        comma = _COMMA.match(text, end)
        if comma is None:
            return
        at = comma.end()


def _value_end(text: bytes, at: int) -> int:
    """Where the value that starts at `at` ends; a loop, not a recursion, so that no nesting is too deep for it."""
    if text[at : at + 1] == b'"':
        return _after(_STRING, text, at)
    if text[at : at + 1] not in (b"{", b"["):
        return _after(_SCALAR, text, at)
    depth = 0
    while True:
        at = _after(_TO_BRACKET, text, at)
        depth += 1 if text[at] in b"{[" else -1
        at += 1
        if depth == 0:
            return at


def _after(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()
