"""What is generated from `config.schema`: the JSON Schema for editors and the tables of docs/configuration.md.

`python -m claude_code_router.config.json_schema` writes both; a test proves that they are current.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from claude_code_router.config import check, schema
from claude_code_router.config.section import Section

SCHEMA_FILE = Path(__file__).with_name("config.schema.json")
DOCS_FILE = Path(__file__).parents[3] / "docs" / "configuration.md"
"""Only in a source tree."""

_TABLE = re.compile(r"(<!-- keys of (\w+) -->\n).*?(<!-- end of keys -->)", re.S)
_REFERENCE: dict[str, Any] = {"type": "string", "pattern": r"^$|\$"}
"""`""` (not said) or a reference to an environment variable, where the type is not a string."""


def schema_text() -> str:
    """The JSON Schema (2020-12) of the config file, as lenient as the reader: what it warns of is not forbidden."""
    definitions: dict[str, Any]
    _, definitions = msgspec.json.schema_components(
        [schema.File, schema.ModelTransformers], ref_template="#/$defs/{name}"
    )
    for name, definition in definitions.items():
        documented = _docstrings(_section(name))
        definition.pop("title")
        definition["description"] = _one_line(definition.get("description", ""))
        for key, value in definition["properties"].items():
            definition["properties"][key] = {"description": documented[key], **_lenient(value)}
        if not definition["required"]:
            del definition["required"]
    definitions["Transformers"]["additionalProperties"] = {"$ref": "#/$defs/ModelTransformers"}
    file = definitions.pop("File")
    for ours, theirs in (("Providers", "providers"), ("plugins", "Plugins")):
        file["properties"][theirs] = file["properties"][ours]
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Claude Code Router",
        **file,
        "$defs": definitions,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def docs_text(current: str) -> str:
    """The page with its tables made anew; everything outside them is written by hand."""

    def table(found: re.Match[str]) -> str:
        return found[1] + "\n".join(_rows(_section(found[2]))) + "\n" + found[3]

    return _TABLE.sub(table, current)


def _section(name: str) -> type[Section]:
    """Wherever its file is."""
    return next(section for section in _below(Section) if section.__name__ == name)


def _below(section: type[Section]) -> Iterator[type[Section]]:
    for one in section.__subclasses__():
        yield one
        yield from _below(one)


def _lenient(value: dict[str, Any]) -> dict[str, Any]:
    """Numbers and switches may stand in strings, a list of one string may be that string."""
    default = {"default": value.pop("default")} if value.get("default") not in (None, "", [], {}) else {}
    value.pop("default", None)
    kinds = [kind for kind in value.get("anyOf", [value]) if kind.get("type") != "null"]
    for kind in list(kinds):
        if kind.get("type") in ("integer", "number", "boolean"):
            kinds.append({"type": "string"})
        elif "enum" in kind:
            kinds.append(_REFERENCE)
        elif kind.get("type") == "array" and ("enum" in kind["items"] or kind["items"].get("type") == "string"):
            kinds.append(kind["items"])
    return {**(kinds[0] if len(kinds) == 1 else {"anyOf": kinds}), **default}


def _rows(section: type[Section]) -> Iterator[str]:
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    documented = _docstrings(section)
    for field in msgspec.structs.fields(section):
        required = field.required
        default = None if required or field.default is msgspec.NODEFAULT else field.default
        said = "required" if required else f"`{json.dumps(default)}`" if default not in (None, "", [], {}) else ""
        yield f"| `{field.name}` | {_kind(field.type)} | {said} | {documented[field.name]} |"


def _kind(kind: Any) -> str:
    words = check.expected(kind).replace(": […]", "").replace(": {…}", "").replace(" or an object", "")
    return words.replace("|", "\\|")


def _docstrings(section: type[Section]) -> dict[str, str]:
    """The string under each field, on one line; those of a base too."""
    found: dict[str, str] = {}
    for one in reversed(section.__mro__):
        if issubclass(one, Section):
            found.update(_own_docstrings(one))
    return found


def _own_docstrings(section: type[Section]) -> Iterator[tuple[str, str]]:
    (node,) = ast.parse(inspect.getsource(section)).body
    assert isinstance(node, ast.ClassDef)
    for field, text in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            yield field.target.id, _one_line(ast.literal_eval(text.value))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
    if DOCS_FILE.exists():
        DOCS_FILE.write_text(docs_text(DOCS_FILE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
