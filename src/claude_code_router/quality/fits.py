"""Does a value fit a JSON Schema? Only as far as can be told for sure: what is not understood fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UNTOLD = frozenset(
    {"$ref", "$dynamicRef", "anyOf", "oneOf", "allOf", "not", "if", "patternProperties", "dependentSchemas"}
)
"""Where one of these stands, the rest may mean something else than it says."""
_MAX_DEPTH = 32
_LONGEST_LIST = 1000


def misfit(value: Any, schema: Any) -> str:
    """What is wrong in one sentence; empty when nothing is for sure. The value is never quoted: it may be a secret."""
    return _misfit(value, schema, "", 0)


def _misfit(value: Any, schema: Any, path: str, depth: int) -> str:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH or not _UNTOLD.isdisjoint(schema):
        return ""
    allowed = schema.get("type")
    types = [allowed] if isinstance(allowed, str) else allowed if isinstance(allowed, list) else []
    if types and not any(_is(value, one) for one in types):
        return f"{path or 'the whole'} is {_kind(value)} where {' or '.join(map(str, types))} is asked for"
    choices = schema.get("enum")
    if isinstance(choices, list) and choices and value not in choices:
        return f"{path or 'the whole'} is none of the values that are allowed"
    if isinstance(value, dict):
        return _object(value, schema, path, depth)
    if isinstance(value, list):
        return _list(value, schema, path, depth)
    return ""


def _object(value: Mapping[str, Any], schema: Mapping[str, Any], path: str, depth: int) -> str:
    required = schema.get("required")
    for name in required if isinstance(required, list) else []:
        if isinstance(name, str) and name not in value:
            return f"{_at(path, name)} is missing"
    known = schema.get("properties")
    known = known if isinstance(known, dict) else {}
    if schema.get("additionalProperties") is False and known:
        for name in value:
            if name not in known:
                return f"{_at(path, name[:60])} is not among the properties that are allowed"
    for name, inner in value.items():
        if name in known and (wrong := _misfit(inner, known[name], _at(path, name), depth + 1)):
            return wrong
    return ""


def _list(value: list[Any], schema: Mapping[str, Any], path: str, depth: int) -> str:
    items = schema.get("items")
    for place, inner in enumerate(value[:_LONGEST_LIST]):
        if wrong := _misfit(inner, items, f"{path}[{place}]", depth + 1):
            return wrong
    return ""


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _is(value: Any, kind: object) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "number":
            return _number(value)
        case "integer":
            return _number(value) and (isinstance(value, str) or float(value).is_integer())
        case "boolean":
            # Clients mend these two; whether this one does cannot be told.
            return isinstance(value, bool) or value in ("true", "false")
        case "null":
            return value is None
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case _:
            return True


def _number(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lstrip("-").replace(".", "", 1).isdecimal()
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    names = {
        str: "a string",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "null")
