"""Tools, parameters and the form of the answer, as chat/completions wants them."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from tests.unit.dialects.openai_chat.turns import (
    Json,
    assistant,
    schema,
    sent,
    use,
    user,
)

from claude_code_router.core.errors import BadRequest


def test_tools() -> None:
    """Own tools in order, loaded ones last, the placeholder and the server's tools not at all."""
    tools = [
        {"name": "DeferredToolPlaceholder", "input_schema": schema(), "defer_loading": True},
        {"name": "Loaded", "input_schema": schema(), "defer_loading": True},
        {
            "name": "Bash",
            "description": "d",
            "input_schema": {"$schema": "x", "additionalProperties": False, **schema(a={"type": "string"})},
        },
        {"type": "web_search_20250305", "name": "web_search"},
        {"name": "Bare", "input_schema": {}},
        {"type": "bash_20250124", "name": "bash"},
    ]
    body = sent({"tools": tools})
    assert [t["function"]["name"] for t in body["tools"]] == ["Bash", "Bare", "bash", "Loaded"]
    assert body["tools"][0]["function"] == {
        "name": "Bash",
        "description": "d",
        "parameters": {"additionalProperties": False, **schema(a={"type": "string"})},
    }
    assert body["tools"][1]["function"]["parameters"] == schema()
    assert "command" in body["tools"][2]["function"]["parameters"]["properties"]
    assert "tool_choice" not in body


def test_schema_keywords_are_dropped_where_they_are_keywords() -> None:
    """A property that bears a keyword's name stays."""
    given = {
        "$schema": "x",
        **schema(strict={"type": "object", "strict": True, "properties": {}, "default": {"strict": 1}}),
    }
    body = sent({"tools": [{"name": "T", "input_schema": given}]}, drop_schema_keys=frozenset({"$schema", "strict"}))
    assert body["tools"][0]["function"]["parameters"] == schema(
        strict={"type": "object", "properties": {}, "default": {"strict": 1}}
    )


def test_only_server_tools_are_no_tools() -> None:
    """Neither tools nor a choice among them are sent; the server's own search only where there is one."""
    request = {"tools": [{"type": "web_search_20250305", "name": "web_search"}], "tool_choice": {"type": "auto"}}
    assert sent(request).keys() == {"model", "messages"}
    assert sent(request, web_search={"web_search_options": {}})["web_search_options"] == {}
    body = sent(request, web_search={"tools": ({"type": "own:search"},), "more": 1})
    assert (body["tools"], body["tool_choice"], body["more"]) == ([{"type": "own:search"}], "auto", 1)


LONG = "mcp__" + "x" * 70


def test_long_names_are_shortened_everywhere() -> None:
    """Tool, choice and earlier calls agree on the short name."""
    body = sent(
        {
            "tools": [{"name": LONG, "input_schema": {}}, {"name": "a.b c", "input_schema": {}}],
            "tool_choice": {"type": "tool", "name": LONG},
            "messages": [user("x"), assistant(use("a", LONG))],
        }
    )
    short = body["tools"][0]["function"]["name"]
    assert len(short) == 64
    assert body["tool_choice"] == {"type": "function", "function": {"name": short}}
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == short
    assert body["tools"][1]["function"]["name"].startswith("a_b_c_")


@pytest.mark.parametrize(
    ("choice", "quirks", "expected"),
    [
        ({"type": "auto"}, {}, "auto"),
        ({"type": "any"}, {}, "required"),
        ({"type": "any"}, {"tool_choice_any": "any"}, "any"),
        ({"type": "none"}, {}, "none"),
        ({"type": "tool", "name": "T"}, {}, {"type": "function", "function": {"name": "T"}}),
        ({"type": "tool", "name": "T"}, {"named_tool_choice": False}, "required"),
        ({"type": "tool", "name": "web_search"}, {}, "auto"),
    ],
)
def test_tool_choice(choice: Json, quirks: dict[str, Json], expected: Json) -> None:
    """Each mode has its word."""
    assert (
        sent({"tools": [{"name": "T", "input_schema": {}}], "tool_choice": choice}, **quirks)["tool_choice"] == expected
    )


def test_one_call_at_a_time() -> None:
    """Parallel calls are forbidden only where the client forbids them and the field is known."""
    request = {
        "tools": [{"name": "T", "input_schema": {}}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    }
    assert sent(request)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in sent(request, parallel_tool_calls_field=False)
    assert "parallel_tool_calls" not in sent({**request, "tool_choice": {"type": "auto"}})


@pytest.mark.parametrize(
    ("request_fields", "quirks", "expected"),
    [
        ({"max_tokens": 100}, {}, {"max_tokens": 100}),
        ({"max_tokens": 100}, {"max_tokens_field": "max_completion_tokens"}, {"max_completion_tokens": 100}),
        ({"max_tokens": 128000}, {"max_output_tokens": 8192}, {"max_tokens": 8192}),
        ({"max_tokens": 0}, {}, {"max_tokens": 1}),
        ({}, {"default_max_tokens": 7}, {"max_tokens": 7}),
        (
            {"max_tokens": 100},
            {"caps": {"max_tokens": 50}, "max_tokens_field": "max_completion_tokens"},
            {"max_completion_tokens": 50},
        ),
        ({"stop_sequences": ["a", "", "b", "c", "d", "e"]}, {}, {"stop": ["a", "b", "c", "d"]}),
        ({"stop_sequences": ["a"]}, {"stop_limit": 0}, {}),
        ({"temperature": 1, "top_p": 0.5, "top_k": 3}, {}, {"temperature": 1.0, "top_p": 0.5}),
        ({"temperature": 1, "top_k": 3}, {"sampling": "all"}, {"temperature": 1.0, "top_k": 3}),
        ({"temperature": 1, "top_k": 3}, {"sampling": "none"}, {}),
        ({"temperature": 0.9}, {"caps": {"temperature": 0.5}}, {"temperature": 0.5}),
        ({"stream": True}, {}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"stream": True}, {"stream_usage_option": False}, {"stream": True}),
        ({"metadata": {"user_id": "u"}}, {}, {}),
        ({"metadata": {"user_id": "u"}}, {"user_field": True}, {"user": hashlib.sha256(b"u").hexdigest()}),
        (
            {"thinking": {"type": "adaptive"}},
            {"reasoning_fields": lambda chat, model: {"r": [chat.thinking, model]}},
            {"r": ["adaptive", "m-1"]},
        ),
        ({}, {"extra_body": {"model": "no", "a": {"b": 1}}, "force_body": {"a": {"c": 2}}}, {"a": {"b": 1, "c": 2}}),
        ({"temperature": 1}, {"extra_body": {"temperature": 0}, "force_body": {}}, {"temperature": 1.0}),
        ({"temperature": 1}, {"force_body": {"temperature": 0}}, {"temperature": 0}),
        ({"context_management": {"edits": []}, "safeguards": [], "service_tier": "auto", "betas": 1}, {}, {}),
    ],
)
def test_parameters(request_fields: dict[str, Json], quirks: dict[str, Json], expected: dict[str, Json]) -> None:
    """Every parameter arrives under its name and within its limits, or is left out on purpose."""
    body = sent(request_fields, **quirks)
    assert (body.pop("model"), body.pop("messages")) == ("m-1", [user("hi")])
    assert body == expected


STRICT = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(("given", "strict"), [(STRICT, True), (schema(title={"type": "string"}), False)])
def test_structured_output(given: Json, strict: bool) -> None:
    """The schema goes as response_format, strict where it may be; or into the system prompt."""
    request = {"output_config": {"format": {"type": "json_schema", "schema": given}}}
    assert sent(request)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "reply", "schema": given, "strict": strict},
    }
    told = sent(request, json_schema_output=False)
    assert "response_format" not in told
    assert msgspec.json.encode(given).decode() in told["messages"][0]["content"]


@pytest.mark.parametrize(
    "field", [{"thread": {"type": "continue"}}, {"compaction": {"type": "summarize"}}, {"messages": []}]
)
def test_what_cannot_be_translated_is_refused(field: dict[str, Json]) -> None:
    """A request that would mean something else is refused in one sentence."""
    with pytest.raises(BadRequest):
        sent(field)
