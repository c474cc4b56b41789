"""Code that a reply shows between fences: does it parse, where that can be told?"""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Mapping

import msgspec

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([^\s`{]*)[^`\n]*$")
_LONGEST_TOGETHER = 100_000
_MOST_BLOCKS = 50


class Block(msgspec.Struct, frozen=True):
    language: str
    """As declared, in small letters; may be empty."""
    text: str
    closed: bool


def blocks(text: str) -> tuple[Block, ...]:
    """In their order; a block that is never closed reaches to the end."""
    return tuple(_blocks(text))


def _blocks(text: str) -> Iterator[Block]:
    fence, language, lines = "", "", list[str]()
    for line in text.splitlines():
        found = _FENCE.match(line)
        if not fence:
            if found:
                fence, language, lines = found[1], found[2].lower(), []
        elif found and not found[2] and found[1][0] == fence[0] and len(found[1]) >= len(fence):
            yield Block(language, "\n".join(lines), closed=True)
            fence = ""
        else:
            lines.append(line)
    if fence:
        yield Block(language, "\n".join(lines), closed=False)


def broken_block(text: str) -> tuple[bool | None, str]:
    """(do all blocks parse that can be told?, what is wrong). None: nothing can be told."""
    told, left = None, _LONGEST_TOGETHER
    for place, block in enumerate(blocks(text)[:_MOST_BLOCKS], start=1):
        parses = PARSERS.get(block.language)
        left -= len(block.text)
        if parses is None or not block.closed or left < 0 or not block.text.strip():
            continue
        fine, why = parses(block.text)
        if fine is False:
            return False, f"code block {place} is no {block.language}: {why}"
        told = fine or told
    return told, "every code block whose language we know parses" if told else ""


_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

Answer = tuple[bool | None, str]

_OMITTED = re.compile(r"\.\.\.|…|<[\w -]+>|\{\{|\{%|^[ \t]*[$%!>]|^[-+] ?\S", re.MULTILINE)
"""Signs of an excerpt, a template, a transcript or a diff: then a failure to parse says nothing."""
_MIDDLES = ("else", "elif", "except", "finally", "case", " ", ")", "]", "}", ".")
"""What begins so, or ends in a colon or comma, is a piece of something."""
_OTHER_PYTHON = re.compile(
    r"^[ \t]*(print|exec) \S|^[ \t]*type \w+|\b(def|class) \w+\[|except \w+[ \t]*,|\b[ft][\"']", re.MULTILINE
)
"""Python 2, or newer than the one that runs here."""


def _python(text: str) -> Answer:
    text = textwrap.dedent(text.expandtabs(8) if "\t" in text else text).strip("\n")
    try:
        # Python warns of unknown escapes, and its way to silence that is not safe beside other threads.
        ast.parse(_ESCAPE.sub(lambda found: found[0] if found[1] in "\\'\"\n" else found[1], text))
    except SyntaxError as error:
        piece = text.startswith(_MIDDLES) or text.rstrip().endswith((":", ","))
        if piece or _OMITTED.search(text) or _OTHER_PYTHON.search(text):
            return None, ""
        return False, f"{error.msg} in its line {error.lineno}"
    except (ValueError, RecursionError, MemoryError):
        return None, ""
    return True, ""


def _json(text: str) -> Answer:
    try:
        msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError) as error:
        if (
            isinstance(error, RecursionError)
            or _OMITTED.search(text)
            or "//" in text
            or "/*" in text
            or _lines_of_json(text)
        ):
            return None, ""
        return False, str(error)
    return True, ""


def _lines_of_json(text: str) -> bool:
    """Several documents, or the inside of an object: shown so often that they are no fault."""
    lines = [line for line in text.splitlines() if line.strip()]
    if text.lstrip()[:1] not in ("{", "["):
        return True
    try:
        for line in lines:
            msgspec.json.decode(line.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _toml(text: str) -> Answer:
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        if isinstance(error, RecursionError) or _OMITTED.search(text):
            return None, ""
        return False, str(error)
    return True, ""


PARSERS: Mapping[str, Callable[[str], Answer]] = {
    "python": _python, "py": _python, "python3": _python, "json": _json, "toml": _toml,
}  # fmt: skip
"""By the language that the fence declares; what is not here passes."""
