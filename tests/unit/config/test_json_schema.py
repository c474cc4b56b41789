"""What is generated from the schema is current, and what the page shows works."""

from __future__ import annotations

import json
import re

import pytest

from claude_code_router.config import schema
from claude_code_router.config.json_schema import DOCS_FILE, SCHEMA_FILE, docs_text, schema_text
from claude_code_router.config.load import load_text
from claude_code_router.routing.table import SCENARIOS

REGENERATE = "run: python -m claude_code_router.config.json_schema"
SCHEMA = json.loads(schema_text())


def test_shipped_schema_is_current() -> None:
    """Editors are told what the code reads."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), REGENERATE


def test_docs_are_current() -> None:
    """So are people."""
    page = DOCS_FILE.read_text(encoding="utf-8")
    assert docs_text(page) == page, REGENERATE


def test_every_key_is_described() -> None:
    """No key without a sentence that says what it means, in the schema and on the page."""
    sections = [SCHEMA, *SCHEMA["$defs"].values()]
    assert all(value["description"] for section in sections for value in section["properties"].values())
    page = DOCS_FILE.read_text(encoding="utf-8")
    assert all(f"| `{key}` |" in page for key in schema.File.__struct_fields__)


def test_every_reference_is_defined() -> None:
    """No editor stumbles over the schema itself."""
    assert set(re.findall(r'"#/\$defs/(\w+)"', schema_text())) == set(SCHEMA["$defs"])


def test_every_scenario_has_a_key() -> None:
    """What routing knows as a task type can be given a target and fallbacks."""
    for section in (schema.RouterSection, schema.FallbackSection):
        assert set(SCENARIOS) <= set(section.__struct_fields__)


@pytest.mark.parametrize(
    ("section", "key", "accepts"),
    [
        ("", "PORT", ["integer", "string"]),
        ("", "LOG", ["boolean", "string"]),
        ("", "API_TIMEOUT_MS", ["integer", "string"]),
        ("FallbackSection", "default", ["array", "string"]),
        ("ProviderSection", "models", ["array", "string"]),
    ],
)
def test_schema_is_as_lenient_as_the_reader(section: str, key: str, accepts: list[str]) -> None:
    """An editor does not underline what the router takes."""
    properties = (SCHEMA["$defs"][section] if section else SCHEMA)["properties"]
    assert [kind["type"] for kind in properties[key]["anyOf"]] == accepts


def test_both_spellings_are_in_the_schema() -> None:
    """`providers` and `Plugins` are the same keys."""
    assert SCHEMA["properties"]["providers"] == SCHEMA["properties"]["Providers"]
    assert SCHEMA["properties"]["Plugins"] == SCHEMA["properties"]["plugins"]


def test_example_on_the_page_loads() -> None:
    """The first example is a working config without a warning."""
    example = re.search(r"```json5\n(.*?)```", DOCS_FILE.read_text(encoding="utf-8"), re.S)
    assert example is not None
    assert load_text(example[1], "configuration.md", {"OPENROUTER_API_KEY": "k"}).warnings == ()


def test_key_that_editors_write() -> None:
    """`$schema` tells an editor which schema to use; it is no unknown key and no environment."""
    config = load_text('{"$schema": "https://example.com/s.json"}', "config.json", {})
    assert [problem.path for problem in config.warnings] == ["Providers"]
    assert config.settings.environment == {}
