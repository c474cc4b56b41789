"""What Gemini gets for an Anthropic request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.core.chat import ChatRequest, Tool, ToolCall, Turn
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.gemini.endpoint import endpoint
from claude_code_router.dialects.gemini.models import generation, thinking_config
from claude_code_router.dialects.gemini.names import original_names, wire_name
from claude_code_router.dialects.gemini.request import encode_request
from claude_code_router.dialects.gemini.signatures import PLACEHOLDER, mint_signature, mint_text
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks

PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aWNvbg=="}}
SHOWN: dict[str, Any] = {"includeThoughts": True}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}}


def chat_of(messages: list[dict[str, Any]], **top: Any) -> ChatRequest:
    return decode_request(json.dumps({"model": "claude-x", "max_tokens": 100, "messages": messages, **top}).encode())


def body_of(
    messages: list[dict[str, Any]], model: str = "gemini-3.1-pro", quirks: ChatQuirks | None = None, **top: Any
) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(encode_request(chat_of(messages, **top), model, quirks or ChatQuirks()))
    return body


def call(name: str, id: str = "toolu_1", **input: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": input}


def result(content: Any, id: str = "toolu_1", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": content, **more}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks) if not isinstance(blocks[0], str) else blocks[0]}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def thinking(signature: str, text: str = "hm") -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": signature}


def test_the_plain_parts_have_their_places() -> None:
    """System, words, limits and sampling stand where Gemini reads them."""
    body = body_of(
        [user("Hi")], system="Be brief.", temperature=0.5, top_k=7, stop_sequences=["a", "b", "c", "d", "e", "f"]
    )
    assert body == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {
            "maxOutputTokens": 100,
            "temperature": 0.5,
            "topK": 7,
            "stopSequences": ["a", "b", "c", "d", "e"],
        },
    }


def test_a_call_and_its_result_are_paired_by_name() -> None:
    """The response carries the name of the call that it answers, and comes before the words of the same turn."""
    body = body_of(
        [user("Go"), assistant(call("Read", path="a")), user({"type": "text", "text": "and?"}, result("text"))]
    )
    assert body["contents"][1:] == [
        {
            "role": "model",
            "parts": [
                {
                    "functionCall": {"name": "Read", "args": {"path": "a"}, "id": "toolu_1"},
                    "thoughtSignature": PLACEHOLDER,
                }
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "Read", "response": {"output": "text"}, "id": "toolu_1"}},
                {"text": "and?"},
            ],
        },
    ]


def test_results_follow_the_order_of_the_calls() -> None:
    """Results come in the order of completion; Gemini matches same names by order; none may be missing."""
    calls = [call("Read", f"t{i}", n=i) for i in range(3)]
    body = body_of([user("Go"), assistant(*calls), user(result("c", "t2"), result("a", "t0"))], model="gemini-2.5-pro")
    responses = [part["functionResponse"] for part in body["contents"][2]["parts"]]
    assert [one["response"]["output"] for one in responses] == ["a", "[no result]", "c"]
    assert all("id" not in one for one in responses)
    assert all("thoughtSignature" not in part for part in body["contents"][1]["parts"])


def test_an_error_says_so() -> None:
    """A failed tool's words stand under `error`."""
    body = body_of([user("Go"), assistant(call("Bash")), user(result("exit 1", is_error=True))])
    assert body["contents"][2]["parts"][0]["functionResponse"]["response"] == {"error": "exit 1"}


def test_tool_output_is_never_json() -> None:
    """A $ref in a tool's output stays text: Gemini would read it as a pointer to a part."""
    text = '{"$ref": "#/x"}'
    body = body_of([user("Go"), assistant(call("Bash")), user(result(text))])
    assert body["contents"][2]["parts"][0]["functionResponse"]["response"] == {"output": text}


@pytest.mark.parametrize("block", [PNG, PDF], ids=["image", "pdf"])
def test_what_a_tool_shows_is_shown(block: dict[str, Any]) -> None:
    """Since Gemini 3 inside the response; before, behind it."""
    media = {"inlineData": {"mimeType": block["source"]["media_type"], "data": block["source"]["data"]}}
    messages = [user("Go"), assistant(call("Read")), user(result([{"type": "text", "text": "see"}, block]))]
    assert body_of(messages)["contents"][2]["parts"][0]["functionResponse"]["parts"] == [media]
    old = body_of(messages, model="gemini-2.5-flash")["contents"][2]["parts"]
    assert "parts" not in old[0]["functionResponse"]
    assert old[1:] == [{"text": "[from the result of Read]"}, media]


def test_what_cannot_be_shown_is_said() -> None:
    """A text-only target, and a type that Gemini does not read, get an honest word for the image."""
    gif = {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lG"}}
    assert body_of([user(gif)])["contents"][0]["parts"] == [
        {"text": "[image omitted: this model cannot read image/gif]"}
    ]
    blind = body_of([user(PNG)], quirks=ChatQuirks(images=False))
    assert blind["contents"][0]["parts"] == [{"text": "[image omitted: this model cannot see images]"}]
    linked = {"type": "image", "source": {"type": "url", "url": "https://h/a.webp?x=1"}}
    assert body_of([user(linked)])["contents"][0]["parts"] == [
        {"fileData": {"mimeType": "image/webp", "fileUri": "https://h/a.webp?x=1"}}
    ]


def test_the_signature_goes_back_to_its_own_part() -> None:
    """A call gets the signature from the block before it, a text from its own; the thoughts themselves stay away."""
    model = "gemini-3.1-pro"
    body = body_of(
        [
            user("Go"),
            assistant(
                thinking(mint_signature(model, "T1", "text")),
                {"type": "text", "text": "I read."},
                thinking(mint_signature(model, "C1", "call"), ""),
                call("Read", "t0"),
                call("Read", "t1"),
            ),
            user(result("a", "t0"), result("b", "t1")),
        ]
    )
    assert [part.get("thoughtSignature") for part in body["contents"][1]["parts"]] == ["T1", "C1", None]
    assert "hm" not in json.dumps(body)


@pytest.mark.parametrize(
    "signature",
    ["", "EqQBCkYIAxgC", mint_text(), mint_signature("gemini-3.5-flash", "C1", "call")],
    ids=["none", "claude's", "text", "another gemini's"],
)
def test_foreign_calls_get_the_placeholder(signature: str) -> None:
    """Only the first call of a step, and only where Gemini demands it."""
    messages = [user("Go"), assistant(thinking(signature), call("A", "t0"), call("B", "t1")), user(result("a", "t0"))]
    parts = body_of(messages)["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [PLACEHOLDER, None]
    assert "thoughtSignature" not in json.dumps(body_of(messages, model="gemini-2.5-pro"))


def test_roles_alternate_and_the_user_begins() -> None:
    """Whatever the history: merged neighbours, a first turn of the user's, system messages as reminders."""
    body = body_of(
        [
            {"role": "user", "content": "a"},
            {"role": "system", "content": "env"},
            assistant({"type": "thinking", "thinking": "x", "signature": "s"}),
            {"role": "user", "content": "b"},
            {"role": "assistant", "content": "c"},
            {"role": "assistant", "content": "d"},
            {"role": "user", "content": "e"},
        ]
    )
    assert [content["role"] for content in body["contents"]] == ["user", "model", "user"]
    assert body["contents"][0]["parts"] == [
        {"text": "<system-reminder>\nenv\n</system-reminder>"},
        {"text": "a"},
        {"text": "b"},
    ]
    assert body_of([{"role": "assistant", "content": "x"}])["contents"][0] == {
        "role": "user",
        "parts": [{"text": "(no content)"}],
    }


def test_tools_keep_their_schema() -> None:
    """JSON Schema as it is, without `$schema`; loaded tools last; server tools and the placeholder left out."""
    schema = {
        "$schema": "x",
        "type": "object",
        "properties": {"a": {"type": ["string", "null"], "exclusiveMinimum": 1}},
        "additionalProperties": False,
    }
    body = body_of(
        [user("Go")],
        tools=[
            {"name": "Late", "input_schema": {"type": "object"}, "defer_loading": True},
            {"name": "Read", "description": "Reads.", "input_schema": schema},
            {"name": "DeferredToolPlaceholder", "input_schema": {}},
            {"type": "web_search_20250305", "name": "web_search"},
        ],
        tool_choice={"type": "tool", "name": "Read"},
    )
    del schema["$schema"]
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "Read", "description": "Reads.", "parametersJsonSchema": schema},
                {"name": "Late", "parametersJsonSchema": {"type": "object", "properties": {}}},
            ]
        }
    ]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["Read"]}}


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ({"type": "auto"}, None),
        ({"type": "none"}, {"mode": "NONE"}),
        ({"type": "any"}, {"mode": "ANY"}),
        ({"type": "tool", "name": "web_search"}, None),
    ],
)
def test_tool_choice(choice: dict[str, Any], config: dict[str, Any] | None) -> None:
    """Each of Anthropic's choices has its mode."""
    body = body_of([user("Go")], tools=[{"name": "A", "input_schema": {}}], tool_choice=choice)
    assert body.get("toolConfig", {}).get("functionCallingConfig") == config


def test_the_search_tool_is_googles() -> None:
    """A request with nothing but the web search tool is grounded by Google's."""
    body = body_of(
        [user("Go")], tools=[{"type": "web_search_20250305", "name": "web_search"}], tool_choice={"type": "auto"}
    )
    assert body["tools"] == [{"googleSearch": {}}]
    assert "toolConfig" not in body


def test_a_schema_for_the_reply() -> None:
    """As a schema; in words where a model takes no schema beside functions."""
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    format = {"format": {"type": "json_schema", "schema": schema}}
    config = body_of([user("Go")], output_config=format)["generationConfig"]
    assert config["responseMimeType"] == "application/json"
    assert config["responseJsonSchema"] == schema
    tools = [{"name": "A", "input_schema": {}}]
    old = body_of([user("Go")], model="gemini-2.5-pro", output_config=format, tools=tools)
    assert "responseJsonSchema" not in old["generationConfig"]
    assert '"title"' in old["systemInstruction"]["parts"][-1]["text"]


@pytest.mark.parametrize(
    ("model", "asked", "config"),
    [
        ("gemini-3.1-pro", {"thinking": "adaptive", "effort": "medium"}, SHOWN | {"thinkingLevel": "MEDIUM"}),
        ("gemini-3-pro-preview", {"thinking": "adaptive", "effort": "medium"}, SHOWN | {"thinkingLevel": "HIGH"}),
        ("gemini-3-flash", {"thinking": "disabled"}, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-pro", {"thinking": "disabled"}, {"thinkingLevel": "LOW"}),
        ("gemini-flash-latest", {"thinking": "adaptive"}, SHOWN),
        ("gemini-3.5-flash", {"thinking": "enabled", "thinking_budget": 900}, SHOWN | {"thinkingLevel": "LOW"}),
        ("gemini-3.5-flash", {"effort": "max"}, SHOWN | {"thinkingLevel": "HIGH"}),
        ("gemini-2.5-flash", {"thinking": "disabled"}, {"thinkingBudget": 0}),
        ("gemini-2.5-pro", {"thinking": "disabled"}, {"thinkingBudget": 128}),
        ("gemini-2.5-flash", {"thinking": "enabled", "thinking_budget": 99_999}, SHOWN | {"thinkingBudget": 24_576}),
        ("gemini-2.5-pro", {"thinking": "adaptive", "effort": "high"}, SHOWN | {"thinkingBudget": -1}),
        ("gemini-2.5-flash-lite", {"thinking": "adaptive", "effort": "low"}, SHOWN | {"thinkingBudget": 2048}),
        ("gemini-2.0-flash", {"thinking": "adaptive", "effort": "high"}, {}),
        ("gemma-3-27b-it", {"thinking": "adaptive"}, {}),
        ("gemini-3.1-pro", {}, {}),
    ],
)  # fmt: skip
def test_thinking_by_generation(model: str, asked: dict[str, Any], config: dict[str, Any]) -> None:
    """A level since Gemini 3, a budget for 2.5, nothing before: never both."""
    assert thinking_config(ChatRequest(model="x", **asked), model) == config


def test_the_owners_additions() -> None:
    """The npm tool's names land in generationConfig, caps hold, the rest is as it is."""
    quirks = ChatQuirks(
        extra_body={"safetySettings": [1], "max_tokens": 5, "generationConfig": {"seed": 4}},
        force_body={"temperature": 0.1, "repetition_penalty": 2},
        caps={"max_tokens": 50},
        max_output_tokens=80,
    )
    body = body_of([user("Go")], quirks=quirks)
    assert body["safetySettings"] == [1]
    assert body["generationConfig"] == {"maxOutputTokens": 50, "seed": 4, "temperature": 0.1}
    assert "repetition_penalty" not in body


@pytest.mark.parametrize(
    ("base", "stream", "url"),
    [
        ("https://h/v1beta/models/", True, "https://h/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse"),
        ("https://h/v1beta/models", False, "https://h/v1beta/models/gemini-3-pro:generateContent"),
        (
            "https://h/v1beta/models/?key=k",
            True,
            "https://h/v1beta/models/gemini-3-pro:streamGenerateContent?key=k&alt=sse",
        ),
    ],
)
def test_the_url(base: str, stream: bool, url: str) -> None:
    """The model and the method stand in the path, under the base that the config has."""
    assert endpoint(base, "gemini-3-pro", stream=stream) == url
    assert endpoint(base, "models/gemini-3-pro", stream=stream) == url


@pytest.mark.parametrize("name", ["Read", "mcp__a__b", "_x", "9lives", "-dash", "ü", "a" * 128, "a b", ""])
def test_names_fit_and_come_back(name: str) -> None:
    """Every name fits Gemini's pattern, and its own name is found again."""
    fitted = wire_name(name)
    assert len(fitted) <= 64
    assert (fitted[0].isalpha() or fitted[0] == "_") and fitted.isascii()
    chat = ChatRequest(model="x", tools=(Tool(name=name),))
    assert original_names(chat.tools)[fitted] == name


@pytest.mark.parametrize(
    ("input", "args"),
    [("", {}), ("null", {}), ("[1]", {"input": [1]}), ("{bad", {"input": "{bad"}), ('{"a":1.0}', {"a": 1.0})],
)
def test_arguments_are_an_object(input: str, args: object) -> None:
    """Whatever the client's history holds."""
    chat = ChatRequest(model="x", turns=(Turn("assistant", (ToolCall("t", "A", input),)),))
    body = json.loads(encode_request(chat, "gemini-3-pro", ChatQuirks()))
    assert body["contents"][1]["parts"][0]["functionCall"]["args"] == args


def test_what_only_anthropic_can_do_is_refused() -> None:
    """In one sentence, before anything is sent."""
    with pytest.raises(BadRequest, match="held by Anthropic's servers"):
        body_of([user("Go")], thread={"type": "continue"})
    with pytest.raises(BadRequest, match="empty array"):
        body_of([])


@pytest.mark.parametrize(
    ("model", "version"),
    [("gemini-2.5-pro", (2, 5)), ("models/gemini-3-pro", (3, 0)), ("gemini-flash-latest", (3, 0)), ("gemma-3", (0, 0))],
)
def test_generations(model: str, version: tuple[int, int]) -> None:
    """Read off the name."""
    assert generation(model) == version
