"""generateContent requests as they are read, and the small readers beside them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.core.chat import (
    ChatRequest,
    Document,
    Image,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.gemini.declared import json_schema
from claude_code_router.dialects.gemini.door import asked, unwrapped, with_url, without_url
from claude_code_router.dialects.gemini.inbound import decode_request, shows_thoughts

USER = {"role": "user", "parts": [{"text": "hi"}]}


def read(*contents: Any, **fields: Any) -> ChatRequest:
    return decode_request(json.dumps({"contents": list(contents) or [USER], "model": "m", **fields}).encode())


def call(name: str, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {"a": 1}, **more}}


def result(name: str, response: Any, **more: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": response, **more}}


def test_a_tool_loop_without_ids() -> None:
    """Results are their calls' by name and order; what a user says in several contents is one turn."""
    chat = read(
        USER,
        {"role": "model", "parts": [{"text": "So."}, call("f"), call("g"), call("f")]},
        {"role": "function", "parts": [result("g", {"result": "G"}), result("f", {"output": "F1"})]},
        {"role": "user", "parts": [result("f", {"error": "F2"}), {"text": "go on"}]},
    )
    assert [turn.role for turn in chat.turns] == ["user", "assistant", "user"]
    ids = [part.id for part in chat.turns[1].parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 3
    assert chat.turns[2].parts == (
        ToolResult(ids[1], (Text("G"),)),
        ToolResult(ids[0], (Text("F1"),)),
        ToolResult(ids[2], (Text("F2"),), is_error=True),
        Text("go on"),
    )


def test_a_tool_loop_with_ids() -> None:
    """The id says whose result it is, whatever the order; a result with pictures keeps them."""
    picture = {"inlineData": {"mimeType": "image/png", "data": "-_8="}}
    chat = read(
        USER,
        {"role": "model", "parts": [call("f", id="one"), call("f", id="two")]},
        {"role": "user", "parts": [result("f", {"x": 1}, id="two", parts=[picture]), result("f", {}, id="one")]},
    )
    assert chat.turns[2].parts == (
        ToolResult("two", (Text('{"x": 1}'), Image(media_type="image/png", data="+/8="))),
        ToolResult("one", (Text("{}"),)),
    )


def test_both_spellings() -> None:
    """Google's own examples write either; what stands in the user's data is left alone."""
    chat = read(
        {"parts": {"inline_data": {"mime_type": "application/pdf", "data": "AA=="}}},
        {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"mime_type": 1}}}]},
        {"parts": [{"function_response": {"name": "f", "response": {"output": {"file_data": 2}}}}]},
        system_instruction={"parts": {"text": "Be kind."}},
        generation_config={"max_output_tokens": 9, "top_p": 0.5, "stop_sequences": ["x"],
                           "thinking_config": {"thinking_budget": 77}},
        tools=[{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
        tool_config={"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
    )  # fmt: skip
    assert chat.turns[0].parts == (Document(media_type="application/pdf", data="AA=="),)
    assert [part.input for part in chat.turns[1].parts if isinstance(part, ToolCall)] == ['{"mime_type": 1}']
    assert [part.parts for part in chat.turns[2].parts if isinstance(part, ToolResult)] == [(Text('{"file_data": 2}'),)]
    assert (chat.system, chat.max_tokens, chat.top_p, chat.stop) == ((Text("Be kind."),), 9, 0.5, ("x",))
    assert (chat.thinking, chat.thinking_budget) == ("enabled", 77)
    assert [tool.name for tool in chat.tools] == ["f"]
    assert chat.tool_choice == ToolChoice(mode="tool", name="f")
    assert chat.unknown == ()


THINKING: list[tuple[dict[str, Any], str, int | None, str]] = [
    ({}, "", None, ""),
    ({"includeThoughts": True}, "adaptive", None, ""),
    ({"thinkingBudget": 0}, "disabled", None, ""),
    ({"thinkingBudget": -1}, "adaptive", None, ""),
    ({"thinkingBudget": 4000, "includeThoughts": True}, "enabled", 4000, ""),
    ({"thinkingLevel": "minimal"}, "adaptive", None, "low"),
    ({"thinkingLevel": "HIGH"}, "adaptive", None, "high"),
    ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, "", None, ""),
]


@pytest.mark.parametrize(("config", "kind", "budget", "effort"), THINKING)
def test_thinking(config: dict[str, Any], kind: str, budget: int | None, effort: str) -> None:
    """Levels are efforts, budgets are budgets; thoughts are shown to who asked for them."""
    body = {"thinkingConfig": config}
    chat = read(generationConfig=body)
    assert (chat.thinking, chat.thinking_budget, chat.effort) == (kind, budget, effort)
    assert shows_thoughts(json.dumps({"generationConfig": body}).encode()) == config.get("includeThoughts", False)


CHOICES: list[tuple[dict[str, Any], ToolChoice | None, list[str]]] = [
    ({}, None, ["f", "g"]),
    ({"mode": "AUTO"}, ToolChoice(mode="auto"), ["f", "g"]),
    ({"mode": "NONE"}, ToolChoice(mode="none"), ["f", "g"]),
    ({"mode": "ANY"}, ToolChoice(mode="any"), ["f", "g"]),
    ({"mode": "ANY", "allowedFunctionNames": ["g"]}, ToolChoice(mode="tool", name="g"), ["f", "g"]),
    ({"mode": "VALIDATED", "allowedFunctionNames": ["g"]}, ToolChoice(mode="auto"), ["g"]),
]


@pytest.mark.parametrize(("config", "choice", "names"), CHOICES)
def test_tool_choice(config: dict[str, Any], choice: ToolChoice | None, names: list[str]) -> None:
    """Of several allowed functions the others are not offered: no other dialect can say it."""
    declared = [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]
    chat = read(tools=declared, toolConfig={"functionCallingConfig": config})
    assert chat.tool_choice == choice
    assert [tool.name for tool in chat.tools] == names


def test_schemas_become_json_schema() -> None:
    """Capitals, `nullable` and counts in strings are Google's; names of the user's fields stay."""
    assert json_schema(
        {
            "type": "OBJECT",
            "properties": {
                "nullable": {"type": "STRING", "nullable": True, "minLength": "3"},
                "list": {"type": "ARRAY", "items": {"type": "INTEGER"}, "maxItems": 4},
                "either": {"any_of": [{"type": "NUMBER"}, {"type": "BOOLEAN"}]},
            },
            "propertyOrdering": ["list"],
            "required": ["list"],
        }
    ) == {
        "type": "object",
        "properties": {
            "nullable": {"type": ["string", "null"], "minLength": 3},
            "list": {"type": "array", "items": {"type": "integer"}, "maxItems": 4},
            "either": {"anyOf": [{"type": "number"}, {"type": "boolean"}]},
        },
        "required": ["list"],
    }


def test_json_replies() -> None:
    """A schema is asked for as one; JSON without a schema is asked for in words."""
    chat = read(generationConfig={"responseMimeType": "application/json", "responseSchema": {"type": "STRING"}})
    assert chat.json_schema is not None
    assert json.loads(bytes(chat.json_schema)) == {"type": "string"}
    assert "JSON" in read(generationConfig={"responseMimeType": "application/json"}).system[0].text


def test_what_nobody_signed() -> None:
    """Thoughts without a signature of ours are text alone; Google's own signatures mean nothing elsewhere."""
    said = {"role": "model", "parts": [{"text": "Hm.", "thought": True, "thoughtSignature": "R29vZ2xl"}, {"text": "A"}]}
    assert read(USER, said).turns[1].parts == (Thinking(text="Hm."), Text("A"))


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"contents": "hi"}, "contents|array"),
    ({"contents": [{"role": "system", "parts": []}]}, r'contents\[0\].role: found "system"'),
    ({"contents": [{"role": "model", "parts": [{"functionCall": {}}]}]}, "functionCall.name: found nothing"),
    ({"contents": [{"parts": [call("f")]}]}, "in a user's turn"),
    (
        {"contents": [{"parts": [{"inlineData": {"mimeType": "audio/wav", "data": "A"}}]}]},
        "audio/wav cannot be carried",
    ),
    ({"contents": [{"parts": [{"inlineData": {"mimeType": "text/csv", "data": "A"}}]}]}, "no base64"),
    ({"generationConfig": {"candidateCount": 2}}, "candidateCount: found 2"),
    ({"cachedContent": "c"}, "cachedContent: only Google"),
    ({"tools": [{"urlContext": {}}]}, r"tools\[0\].urlContext: only Google"),
    ({"tools": [{"functionDeclarations": [{}]}]}, r"functionDeclarations\[0\].name: found nothing"),
]


@pytest.mark.parametrize(("fields", "why"), REFUSED, ids=[case[1][:24] for case in REFUSED])
def test_what_cannot_be_carried(fields: dict[str, Any], why: str) -> None:
    """Is refused in a sentence, with its place."""
    with pytest.raises(BadRequest, match=why):
        read(**fields) if "contents" not in fields else decode_request(json.dumps({"model": "m", **fields}).encode())


PATHS: list[tuple[str, tuple[str, str] | None]] = [
    ("/v1beta/models/gemini-3.1-pro:generateContent", ("gemini-3.1-pro", "generateContent")),
    ("/v1/models/models/a:streamGenerateContent", ("a", "streamGenerateContent")),
    ("/v1beta/models/openrouter,qwen/qwen3:8b:countTokens", ("openrouter,qwen/qwen3:8b", "countTokens")),
    ("/v1beta1/projects/p/locations/l/publishers/google/models/g:generateContent", ("g", "generateContent")),
    ("/ns/team/v1beta/models/g:generateContent", ("g", "generateContent")),
    ("/v1beta/models", None),
    ("/v1/messages", None),
    ("/models/x:generateContent", None),
]


@pytest.mark.parametrize(("path", "wanted"), PATHS)
def test_paths(path: str, wanted: tuple[str, str] | None) -> None:
    """The model is all between `models/` and the last colon."""
    assert asked(path) == wanted


@pytest.mark.parametrize(
    "body", [b"{}", b'{"a":1}', b'{ "a" : [1, 2] }', b'{"a":{"model":"x"}}', b"{\n}", b' {"a":1 } \n']
)
def test_the_urls_words_come_and_go(body: bytes) -> None:
    """In the body while the request is here, and out of it again without a trace."""
    inside = with_url(body, 'm"x', stream=True)
    assert json.loads(inside) == {**json.loads(body), "model": 'm"x', "stream": True}
    assert without_url(inside) == body
    assert without_url(body) is body


def test_rewritten_on_the_way() -> None:
    """A custom router may have put the members anywhere."""
    assert without_url(b'{"model":"m","contents":[1],"stream":true}') == b'{"contents":[1]}'


def test_a_wrapped_request_is_unwrapped() -> None:
    """As countTokens may have it."""
    assert unwrapped(b'{"generateContentRequest":{"contents":[]}}') == b'{"contents":[]}'
    assert unwrapped(b'{"contents":[]}') == b'{"contents":[]}'
