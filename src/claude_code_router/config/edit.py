"""Sets values in the owner's file and leaves every other byte as it is: comments, order, unknown keys, `$NAME`s, quotes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from claude_code_router.config import json5_file
from claude_code_router.config.check import problem
from claude_code_router.config.json5_file import Document
from claude_code_router.config.json_text import Span
from claude_code_router.config.load import load_text, spelled_as_written
from claude_code_router.config.places import Place, Renamed, read_place, spell, value_at
from claude_code_router.core.errors import ConfigError, Misuse

_KEY = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s:"'/]+""")
_BACKUPS_KEPT = 3  # as in the npm tool
_BETWEEN = re.compile(
    r"(?P<comment>//[^\r\n]*|/\*.*?\*/)|(?P<comma>,)|(?P<newline>\r?\n)|(?P<space>[^\S\r\n]+|\r)", re.S
)


def edit(path: Path, changes: Mapping[str, object], *, env: Mapping[str, str] | None = None) -> Path:
    """Sets each place (`Router.default`, `Providers[0].models`, `Providers[2]` for one more) to its value, all or none; a
    `Renamed` gives the key there another name.

    The result is checked as a start would check it (with `env`, by default this process's) and refused with ConfigError when
    it is wrong; nothing is written then. Otherwise it is written beside the file, synced and renamed over it, readable for
    its owner only. A link stays one: its target is written. Returns the backup, or `path` when there was nothing to back up
    or nothing to change.
    """
    try:
        old = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        old = None
    except UnicodeDecodeError:
        raise ConfigError(str(path), [problem((), "bytes that are not UTF-8", "a text file in UTF-8")]) from None
    text = edited("{}\n" if old is None else old, changes, str(path))
    if text == old:
        return path
    load_text(text, str(path), os.environ if env is None else env)
    backup = path if old is None else _back_up(path, old)
    _replace(path.resolve(), text)
    return backup


def edited(text: str, changes: Mapping[str, object], file: str = "the config") -> str:
    """The text with the values set. Raises ConfigError when the text cannot be read, Misuse for a place that cannot be."""
    for spelled, value in changes.items():
        document = json5_file.parse(text, file)
        text = _set(document, read_place(spelled_as_written(spelled, document.data)), value)
    return text


def _set(document: Document, place: Place, value: object) -> str:
    text, spans = document.text, document.spans
    if not place:
        raise Misuse("a whole config is not set by an edit")
    if isinstance(value, Renamed):
        return _renamed(text, spans.get(place), place, value.key)
    parent = place[:-1]
    while (
        parent and value_at(document.data, parent) is None
    ):  # made on the way: a list for an index, an object for a key
        value = _wrapped(place, value)
        place, parent = parent, parent[:-1]
    span = spans.get(place)
    if span is not None:
        if _same(value_at(document.data, place), value):
            return text
        return text[: span.start] + _encode(value, _indent_of(text, span.opened), text) + text[span.end :]
    container = value_at(document.data, parent)
    step = place[-1]
    if isinstance(step, int) and (not isinstance(container, list) or step != len(container)):
        raise Misuse(f"{spell(place)} is not the next place of a list")
    if isinstance(step, str) and not isinstance(container, dict):
        raise Misuse(f"{spell(parent)} is not an object")
    siblings = [inner for known, inner in spans.items() if len(known) == len(place) and known[:-1] == parent]
    return _insert(text, spans[parent], max(siblings, key=lambda inner: inner.end, default=None), step, value)


def _renamed(text: str, span: Span | None, place: Place, key: str) -> str:
    written = _KEY.match(text, span.opened) if span is not None and isinstance(place[-1], str) else None
    if written is None:
        raise Misuse(f"there is no key {spell(place)}")
    return text[: written.start()] + _json(key, None) + text[written.end() :]


def _wrapped(place: Place, value: object) -> object:
    step = place[-1]
    if isinstance(step, str):
        return {step: value}
    if step != 0:
        raise Misuse(f"{spell(place)} is not the next place of a list")
    return [value]


def _insert(text: str, around: Span, last: Span | None, step: str | int, value: object) -> str:
    """One more entry behind the last one, in the manner of the last one: a line of its own, or on the same line."""
    newline = "\r\n" if "\r\n" in text else "\n"
    key = "" if isinstance(step, int) else _json(step, None) + ": "
    outer = _indent_of(text, around.opened)
    if last is None:
        inside = text[around.start + 1 : around.end - 1]
        if "\n" not in inside and around.start > 0 and "\n" not in text[: around.start].strip():
            entry = key + _encode(value, None, text)
            return text[: around.start + 1] + entry + text[around.start + 1 :]
        indent = outer + _unit(text)
        entry = newline + indent + key + _encode(value, indent, text)
        closing = "" if "\n" in inside else newline + outer
        return text[: around.start + 1] + entry + inside + closing + text[around.end - 1 :]
    comma, line_end = _after(text, last.end, around.end - 1)
    if line_end is None:
        entry = " " + key + _encode(value, None, text)
        if comma is None:
            return text[: last.end] + "," + entry + text[last.end :]
        return text[: comma + 1] + entry + "," + text[comma + 1 :]
    own_line = not text[text.rfind("\n", 0, last.opened) + 1 : last.opened].strip()
    indent = _indent_of(text, last.opened) if own_line else outer + _unit(text)
    entry = newline + indent + key + _encode(value, indent, text)
    if comma is None:
        return text[: last.end] + "," + text[last.end : line_end] + entry + text[line_end:]
    return text[:line_end] + entry + "," + text[line_end:]


def _after(text: str, start: int, end: int) -> tuple[int | None, int | None]:
    """Behind the last value, up to the closing bracket: where its comma stands, and where the line ends on which it (or its
    comma, with the comments behind it) stands; each None when there is none."""
    comma: int | None = None
    line_end: int | None = None
    at = start
    while at < end and (token := _BETWEEN.match(text, at)):
        if token["comma"]:
            comma, line_end = at, None
        elif line_end is None and (token["newline"] or (token["comment"] and "\n" in token["comment"])):
            line_end = at
        at = token.end()
    return comma, line_end


def _indent_of(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    """One step of indentation, as the file's first indented line has it."""
    first = re.search(r"\n([ \t]+)\S", text)
    return first[1] if first else "  "


def _encode(value: object, indent: str | None, text: str) -> str:
    """JSON; on one line when `indent` is None, otherwise its later lines are indented for a value that starts there."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if indent is None or not any(isinstance(item, dict | list) for item in items):
        return _json(value, None)
    lines = _json(value, _unit(text)).split("\n")
    return ("\r\n" if "\r\n" in text else "\n").join([lines[0], *(indent + line for line in lines[1:])])


def _json(value: object, unit: str | None) -> str:
    """U+2028 and U+2029 are escaped: JSON allows them in strings, json-five takes them for the end of the line."""
    text = json.dumps(value, ensure_ascii=False, indent=unit, allow_nan=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _same(one: object, other: object) -> bool:
    """Equal in JSON's sense: 1 is not true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _back_up(path: Path, text: str) -> Path:
    """`config.json.2026-01-04T10-11-12-345Z.bak`, the npm tool's name; the newest three are kept."""
    now = datetime.now(UTC)
    while True:
        stamp = now.strftime("%Y-%m-%dT%H-%M-%S-") + f"{now.microsecond // 1000:03}Z"
        backup = path.with_name(f"{path.name}.{stamp}.bak")
        try:
            _write(backup, text, 0o600)
            break
        except FileExistsError:
            now += timedelta(milliseconds=1)
    for old in sorted(path.parent.glob(f"{path.name}.*.bak"))[:-_BACKUPS_KEPT]:
        old.unlink(missing_ok=True)
    return backup


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mode = path.stat().st_mode & 0o600 if path.exists() else 0o600
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    fresh.unlink(missing_ok=True)
    try:
        _write(fresh, text, mode)
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # the rename itself is then on the disk
    finally:
        os.close(directory)


def _write(path: Path, text: str, mode: int) -> None:
    """A new file, on the disk when this returns; raises FileExistsError when there is one."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(text.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())
