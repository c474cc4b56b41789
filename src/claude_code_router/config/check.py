"""Plain data against the sections of `config.schema`: every problem at once, each with its place."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from claude_code_router.config.places import Place, spell, value_at
from claude_code_router.config.redaction import shown
from claude_code_router.config.section import Section
from claude_code_router.core.errors import Problem

SectionType = TypeVar("SectionType", bound=Section)
_INVALID: Any = object()


class Checked(msgspec.Struct):
    """What was found on the way through one file: `errors` make it unusable, `unknown` keys are only kept."""

    raw: object = None
    """The data before interpolation: messages show `$NAME`, never what the variable holds."""
    errors: list[Problem] = []
    unknown: list[Place] = []

    def shown(self, place: Place, value: object) -> str:
        written = value_at(self.raw, place)
        return shown(place, value if written is None else written)

    def error(self, place: Place, found: str, expected: str) -> None:
        self.errors.append(problem(place, found, expected))


def problem(place: Place, found: str, expected: str) -> Problem:
    """Without its line: that is looked up once, for those that are said."""
    return Problem(path=spell(place) or "the file", line=0, found=found, expected=expected)


def check_section(kind: type[SectionType], data: object, place: Place, checked: Checked) -> SectionType | None:
    """The section, or None when something in it is wrong. Numbers and booleans may stand in strings (npm tool)."""
    if not isinstance(data, dict):
        checked.error(place, checked.shown(place, data), "an object: {…}")
        return None
    said = {key: value for key, value in data.items() if value is not None and value != ""}
    before = len(checked.errors)
    fields = msgspec.structs.fields(kind)
    values: dict[str, Any] = {}
    for field in fields:
        if field.name in said:
            values[field.name] = _value(field.type, said[field.name], (*place, field.name), checked)
        elif field.required:
            checked.error((*place, field.name), "nothing", _missing(field.name, said))
    known = {field.name for field in fields}
    for key in said.keys() - known:
        if kind.other_keys is None:
            checked.unknown.append((*place, key))
        else:
            _value(kind.other_keys, said[key], (*place, key), checked)
    return kind(**values) if len(checked.errors) == before else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known word that this one was probably meant to be; empty when none is close."""
    by_lower = {candidate.lower().replace("_", ""): candidate for candidate in known}
    close = difflib.get_close_matches(word.lower().replace("_", ""), by_lower, n=1, cutoff=0.75)
    return by_lower[close[0]] if close else ""


_ALIASES = {"api_base_url": ("baseUrl", "base_url", "baseURL", "url", "api_base", "HOST"), "name": ("NAME", "id")}


def _missing(name: str, said: dict[str, object]) -> str:
    """The npm tool 2.x documents keys that its code never read; who followed that learns the right one."""
    for alias in _ALIASES.get(name, ()):
        if alias in said:
            return f"`{name}` (what stands under `{alias}` belongs there)"
    return f"`{name}`"


def _value(kind: Any, value: object, place: Place, checked: Checked) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType) and type(None) in arguments and len(arguments) == 2:
        return _value(next(a for a in arguments if a is not type(None)), value, place, checked)
    if isinstance(kind, type) and issubclass(kind, Section):
        return check_section(kind, value, place, checked)
    if origin is list:
        if isinstance(value, str):  # one target, one trigger, one model without the list around it
            value = [value]
        if isinstance(value, list):
            return [_value(arguments[0], item, (*place, index), checked) for index, item in enumerate(value)]
    elif origin is dict:
        if isinstance(value, dict):
            return {key: _value(arguments[1], item, (*place, key), checked) for key, item in value.items()}
    else:
        try:
            return msgspec.convert(value, kind, strict=False)
        except msgspec.ValidationError:
            pass
    checked.error(place, checked.shown(place, value), expected(kind))
    return _INVALID


def expected(kind: Any) -> str:
    """A type in the words of somebody who writes the file."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(word for word in arguments if word)
    if origin is Annotated:
        meta = arguments[1]
        above = f" from {meta.ge}" if meta.ge is not None else ""
        return expected(arguments[0]) + above + (f" to {meta.le}" if meta.le is not None else "")
    if origin in (Union, types.UnionType):
        return " or ".join(expected(argument) for argument in arguments)
    names = {str: "a string", int: "a whole number", bool: "true or false", float: "a number", list: "a list: […]"}
    return names.get(origin or kind, "an object: {…}")
