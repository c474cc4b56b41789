"""The tools that a Responses client offers, as tools that any model can be offered: freeform ("custom") tools take their text
as the one argument `input`, and the tools of a namespace carry its name before their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from claude_code_router.core.chat import Tool
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.openai_chat.wording import WEB_SEARCH, entries

INPUT = "input"
_FREEFORM = msgspec.json.encode(
    {"type": "object", "properties": {INPUT: {"type": "string"}}, "required": [INPUT], "additionalProperties": False}
)


class Offered(msgspec.Struct, frozen=True):
    """How the client knows a tool."""

    name: str
    namespace: str = ""
    custom: bool = False


def read_tools(tools: object) -> Iterator[tuple[Tool, Offered]]:
    """Tools that OpenAI's servers run themselves are left out, but for the web search, which others have as well."""
    for i, tool in enumerate(tools if isinstance(tools, list) else ()):
        if not isinstance(tool, dict):
            raise BadRequest(f"tools[{i}]: found {type(tool).__name__}, expected an object.")
        kind = str(tool.get("type") or "")
        if kind == "namespace":
            inside = [inner for inner in entries(tool.get("tools")) if isinstance(inner, dict)]
            for inner in inside:
                yield from _own(inner, str(tool.get("name") or ""), f"tools[{i}]")
        elif kind.startswith("web_search"):
            yield WEB_SEARCH, Offered(WEB_SEARCH.name)
        else:
            yield from _own(tool, "", f"tools[{i}]")


def joined(name: str, namespace: str) -> str:
    return f"{namespace}__{name}" if namespace else name


def _own(tool: Mapping[str, Any], namespace: str, path: str) -> Iterator[tuple[Tool, Offered]]:
    kind, name = tool.get("type"), tool.get("name")
    if kind not in ("function", "custom"):
        return
    if not isinstance(name, str) or not name:
        raise BadRequest(f"{path}.name: found nothing, expected a string.")
    description = str(tool.get("description") or "")
    offered = Offered(name, namespace, custom=kind == "custom")
    if kind == "custom":
        form = tool.get("format")
        definition = form.get("definition") if isinstance(form, dict) else None
        if definition:
            description = f"{description}\n\nThe text of `{INPUT}` must follow this grammar:\n{definition}"
        yield Tool(name=joined(name, namespace), description=description, schema=msgspec.Raw(_FREEFORM)), offered
        return
    parameters = tool.get("parameters")
    read = Tool(name=joined(name, namespace), description=description)
    if isinstance(parameters, dict):
        read = msgspec.structs.replace(read, schema=msgspec.Raw(msgspec.json.encode(parameters)))
    yield read, offered
