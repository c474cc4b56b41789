"""JSON Schemas, as the servers take them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from claude_code_router.dialects.unreadable import UNREADABLE

_NAME_MAPS = frozenset({"properties", "$defs", "definitions", "patternProperties", "dependentSchemas"})
"""Keywords whose members' keys are names of the author's, not keywords."""

_VALUES = frozenset({"enum", "const", "default", "examples", "required"})
"""Keywords whose values are data, not schemas."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def wire_schema(schema: msgspec.Raw, drop: frozenset[str]) -> object:
    """The schema without the keywords in `drop`, and an object schema in any case."""
    try:
        top = _members.decode(schema)
        if drop <= {"$schema"}:  # stands at the top only, so the rest need not be read
            kept: dict[str, object] = {key: value for key, value in top.items() if key not in drop}
        else:
            kept = _without(msgspec.json.decode(schema), drop)
    except UNREADABLE:
        # Not an object (or bottomless): a tool that takes anything still works, a refused request does not.
        kept = {}
    kept.setdefault("type", "object")
    if "properties" not in kept and not kept.keys() & {"anyOf", "oneOf", "allOf", "$ref"}:
        kept["properties"] = {}
    return kept


def _without(schema: Mapping[str, object], drop: frozenset[str]) -> dict[str, object]:
    return {key: _value(key, value, drop) for key, value in schema.items() if key not in drop}


def _value(key: str, value: object, drop: frozenset[str]) -> object:
    if key in _VALUES:
        return value
    if isinstance(value, dict):
        if key in _NAME_MAPS:
            return {name: _value("", inner, drop) for name, inner in value.items()}
        return _without(value, drop)
    if isinstance(value, list):
        return [_value("", inner, drop) for inner in value]
    return value


def is_strict(schema: object) -> bool:
    """OpenAI's `strict` demands of every object: no additional properties, and all of them required. Anthropic does not
    demand the second, so it is asked for only where it holds already."""
    if isinstance(schema, list):
        return all(is_strict(inner) for inner in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        names = properties if isinstance(properties, dict) else {}
        required = schema.get("required")
        if schema.get("additionalProperties") is not False or set(names) != set(required or ()):
            return False
    inner = [value for key, value in schema.items() if key not in _VALUES and key not in _NAME_MAPS]
    named = [value for key in _NAME_MAPS & schema.keys() for value in dict(schema[key] or {}).values()]
    return is_strict(inner) and is_strict(named)
