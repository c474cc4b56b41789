"""The only door of `json-five`: a file's text becomes plain data, and each value's place in the text.

JSON with comments and trailing commas, which most of these files are, is read by msgspec (`config.json_text`): json-five takes
80 ms and 7 MB to import and 25 ms for 200 lines. It is asked for everything else, and for what is wrong with a broken text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import msgspec

from claude_code_router.config.json_text import STRING_OR_COMMENT, Span, blanked, forget, spans_of
from claude_code_router.config.places import Place, read_place
from claude_code_router.core.errors import ConfigError, Misuse, Problem

_OFFSET = re.compile(r"\(char (\d+)\)|at index (\d+)|at: line \d+ column \d+ \(char (\d+)\)")
_EXPECTING = re.compile(r"[Ww]as expecting (?P<what>[A-Za-z_ ]+?)(?: in or near token| at:|\.|$)")
_WORDS = {
    "COMMA": "`,`",
    "RBRACE": "`}`",
    "LBRACE": "`{`",
    "RBRACKET": "`]`",
    "LBRACKET": "`[`",
    "COLON": "`:`",
    "key": "a key",
    "value": "a value",
    "NAME": "a word without quotes",
    "TRUE": "`true`",
    "FALSE": "`false`",
    "NULL": "`null`",
    "DOUBLE_QUOTE_STRING": "a string",
    "SINGLE_QUOTE_STRING": "a string",
    "UNTERMINATED_DOUBLE_QUOTE_STRING": "a string without its closing quote",
    "UNTERMINATED_SINGLE_QUOTE_STRING": "a string without its closing quote",
    "INTEGER": "a number",
    "FLOAT": "a number",
    "OCTAL": "a number with a leading zero",
}


_ESCAPE = re.compile(
    r"\\(?:u(?P<unicode>[0-9a-fA-F]{4})|x(?P<latin>[0-9a-fA-F]{2})|(?P<line>\r\n|[\r\n\u2028\u2029])|(?P<other>[\s\S]))"
)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}


class Document:
    """One file's text and its meaning. `data` is plain Python; positions are worked out when first asked for."""

    def __init__(self, text: str, data: object, spans: Callable[[], dict[Place, Span]]) -> None:
        self.text = text
        self.data = data
        self._locate = spans

    @functools.cached_property
    def spans(self) -> dict[Place, Span]:
        return self._locate()

    def line(self, place: Place) -> int:
        """1-based line of the place, or of the nearest thing around it that the file has."""
        while place and place not in self.spans:
            place = place[:-1]
        span = self.spans.get(place)
        return self.text.count("\n", 0, span.opened) + 1 if span else 0

    def line_of(self, spelled: str) -> int:
        """The same for a place as messages spell it, also without the brackets around keys that are no plain words
        (`transformer.gpt-4.1.use[0]`), as the layers below spell it."""
        place = self._loosely.get(spelled)
        if place is None:
            try:
                place = read_place(spelled)
            except Misuse:
                cut = max(spelled.rfind("."), spelled.rfind("["))
                return self.line_of(spelled[:cut]) if cut > 0 else self.line(())
        return self.line(place)

    @functools.cached_property
    def _loosely(self) -> dict[str, Place]:
        steps = {
            place: (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place) for place in self.spans
        }
        return {"".join(spelled).removeprefix("."): place for place, spelled in steps.items()}


def parse(text: str, file: str) -> Document:
    """Raises ConfigError with the line and what was expected there. A byte order mark counts as space."""
    plain = blanked(text)
    try:
        return Document(text, msgspec.json.decode(plain), lambda: spans_of(plain))
    except (msgspec.DecodeError, RecursionError):
        data, spans = _read(text, file)
        return Document(text, data, lambda: spans)


def _read(text: str, file: str) -> tuple[object, dict[Place, Span]]:
    from json5.loader import ModelLoader, loads  # here: see the module's docstring
    from json5.utils import JSON5DecodeError

    blank = " " + text[1:] if text.startswith("\ufeff") else text
    if not blank.strip():
        raise ConfigError(file, [Problem(path="the file", line=1, found="an empty file", expected="an object: {…}")])
    reader = _Reader(text)
    try:
        return reader.plain(loads(STRING_OR_COMMENT.sub(_masked, blank), loader=ModelLoader()).value, ()), reader.spans
    except JSON5DecodeError as error:
        raise ConfigError(file, [_syntax_problem(blank, error)]) from None
    except RecursionError:
        found, expected = "values nested too deeply", "a file that people can read"
        raise ConfigError(file, [Problem(path="the file", line=1, found=found, expected=expected)]) from None


def _masked(literal: re.Match[str]) -> str:
    """Strings go to json-five without their contents, which are read by `_string`: json-five 1.1.2 takes `\\\\u` and `\\\\x`
    (as in Windows paths) for escapes, and U+2028 for the end of the line, which JSON5 allows in strings."""
    text = literal[0]
    return text if text.startswith("/") else text[0] + "x" * (len(text) - 2) + text[0]


class _Reader:
    """Not json-five's own loader: that one logs every value at debug level, keys included, and knows no places."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans: dict[Place, Span] = {}

    def plain(self, node: Any, place: Place, key: Any = None) -> object:
        kind = type(node).__name__
        start: int = node._tok.index
        opened: int = start if key is None else key._tok.index
        self.spans[place] = Span(start, node._end_tok.end, opened)
        if kind == "JSONObject":
            return self._object(node, place)
        if kind == "JSONArray":
            return [self.plain(value, (*place, index)) for index, value in enumerate(node.values)]
        if kind == "UnaryOp":
            number = node.value.value
            signed = type(node.value).__name__ == "Infinity"  # that one knows its sign
            return -number if node.op == "-" and not signed else number
        if hasattr(node, "characters"):
            return self._string(node)
        plain: object = node.value
        return plain

    def _object(self, node: Any, place: Place) -> dict[str, object]:
        found: dict[str, object] = {}
        for pair in node.key_value_pairs:
            name = self._string(pair.key) if hasattr(pair.key, "characters") else str(pair.key.name)
            if name in found:
                forget(self.spans, (*place, name))
            found[name] = self.plain(pair.value, (*place, name), pair.key)
        return found

    def _string(self, node: Any) -> str:
        characters = _ESCAPE.sub(_unescaped, self.text[node._tok.index + 1 : node._end_tok.end - 1])
        if any(
            "\ud800" <= character <= "\udfff" for character in characters
        ):  # halves of a pair; a lone one is nobody's
            return characters.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return characters


def _unescaped(escape: re.Match[str]) -> str:
    if digits := escape["unicode"] or escape["latin"]:
        return chr(int(digits, 16))
    return "" if escape["line"] else _ESCAPED.get(escape["other"], escape["other"])


def _syntax_problem(text: str, error: Exception) -> Problem:
    """Never quotes the text itself: what stands beside a missing comma is often a key."""
    first = str(error).split("Additionally,")[0]
    offset_found = _OFFSET.search(first)
    offset = next((int(group) for group in offset_found.groups() if group), len(text)) if offset_found else len(text)
    token = getattr(error, "token", None)
    at_end = "EOF" in first or offset >= len(text)
    if at_end:
        found = "the end of the file"
        offset = len(text.rstrip())
    elif token is not None:
        found = _WORDS.get(token.type, token.type.lower().replace("_", " "))
    else:
        found = f"the character {text[offset]!r}"
    expecting = _EXPECTING.search(first)
    if "line terminator" in first:
        found, expected = "a string that runs over the end of its line", "its closing quote on the same line"
    elif "trailing commas" in first:
        found, expected = "two commas in a row", "one"
    elif "without its closing quote" in found:
        expected = "its closing quote on the same line"
    elif expecting:
        expected = " or ".join(sorted(_WORDS.get(word, word) for word in expecting["what"].strip().split(" or ")))
    else:
        expected = "JSON (comments, trailing commas, single quotes and unquoted keys are fine)"
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return Problem(path=f"column {column}", line=line, found=found, expected=expected)
