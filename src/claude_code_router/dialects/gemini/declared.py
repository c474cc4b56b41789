"""The tools of a generateContent request, read into ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from claude_code_router.core.chat import Tool, ToolChoice
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.gemini.wire_names import camel
from claude_code_router.dialects.openai_chat.wording import WEB_SEARCH, entries, members

_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_NOT_JSON_SCHEMA = frozenset({"nullable", "propertyOrdering", "example"})


def tools(found: Any) -> Iterator[Tool]:
    """Raises BadRequest for what only Google's servers run."""
    for i, entry in enumerate(entries(found)):
        tool = camel(members(entry))
        for j, declaration in enumerate(entries(tool.pop("functionDeclarations", None))):
            yield _declared(camel(members(declaration)), f"tools[{i}].functionDeclarations[{j}]")
        for name, value in tool.items():
            if name in ("googleSearch", "googleSearchRetrieval"):
                yield WEB_SEARCH
            elif value is not None:
                raise BadRequest(f"tools[{i}].{name}: only Google's own servers run it; this route leads to others.")


def _declared(declaration: Mapping[str, Any], path: str) -> Tool:
    name = declaration.get("name")
    if not isinstance(name, str) or not name:
        raise BadRequest(f"{path}.name: found nothing, expected a string.")
    tool = Tool(name=name, description=str(declaration.get("description") or ""))
    schema = declaration.get("parametersJsonSchema")
    if not isinstance(schema, dict):
        schema = json_schema(declaration.get("parameters"))
    return msgspec.structs.replace(tool, schema=msgspec.Raw(msgspec.json.encode(schema))) if schema else tool


def json_schema(found: Any) -> dict[str, Any]:
    """Google's subset of OpenAPI's schemas as JSON Schema: types in capitals, `nullable`, counts as strings."""
    schema: dict[str, Any] = {}
    for name, value in members(found).items():
        if name == "type" and isinstance(value, str):
            schema[name] = value.lower()
        elif name == "properties":
            schema[name] = {key: json_schema(one) for key, one in members(value).items()}
        elif name in ("items", "additionalProperties") and isinstance(value, dict):
            schema[name] = json_schema(value)
        elif name in ("anyOf", "any_of"):
            schema["anyOf"] = [json_schema(one) for one in entries(value)]
        elif name in _COUNTS and isinstance(value, str) and value.isdecimal():
            schema[name] = int(value)
        elif name not in _NOT_JSON_SCHEMA:
            schema[name] = value
    if members(found).get("nullable") is True and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if schema.get("type") == "type_unspecified":
        del schema["type"]
    return schema


def choice(found: Any) -> tuple[ToolChoice | None, frozenset[str]]:
    """And the only functions that may be called; empty: all."""
    config = camel(members(camel(members(found)).get("functionCallingConfig")))
    names = [name for name in entries(config.get("allowedFunctionNames")) if isinstance(name, str)]
    match str(config.get("mode") or "").upper():
        case "ANY" if len(names) == 1:
            return ToolChoice(mode="tool", name=names[0]), frozenset()
        case "ANY":
            return ToolChoice(mode="any"), frozenset(names)
        case "NONE":
            return ToolChoice(mode="none"), frozenset()
        case "AUTO" | "VALIDATED":
            return ToolChoice(mode="auto"), frozenset(names)
    return None, frozenset()
