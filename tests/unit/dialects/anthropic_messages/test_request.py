"""Messages requests, read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.core.chat import (
    ChatRequest,
    Document,
    Image,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolReference,
    ToolResult,
    Turn,
)
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.anthropic_messages.request import decode_request

Json = Any


def read(**fields: Json) -> ChatRequest:
    return decode_request(json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}).encode())


BLOCKS: list[tuple[str, Json, tuple[Part, ...]]] = [
    ("string", "hi", (Text("hi"),)),
    ("null", None, ()),
    ("empty", [], ()),
    ("text", [{"type": "text", "text": "a", "citations": None}], (Text("a"),)),
    ("cached text", [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}], (Text("a", cached=True),)),
    ("cache_control null", [{"type": "text", "text": "a", "cache_control": None}], (Text("a"),)),
    (
        "image",
        [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}],
        (Image(media_type="image/png", data="QQ=="),),
    ),
    ("image by url", [{"type": "image", "source": {"type": "url", "url": "u"}}], (Image(url="u"),)),
    (
        "image by file id",
        [{"type": "image", "source": {"type": "file", "file_id": "f"}}],
        (Opaque("image", '{"type": "image", "source": {"type": "file", "file_id": "f"}}'),),
    ),
    (
        "document",
        [
            {
                "type": "document",
                "title": "T",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "Q"},
            }
        ],
        (Document(media_type="application/pdf", title="T", data="Q"),),
    ),
    (
        "document of blocks",
        [
            {
                "type": "document",
                "source": {
                    "type": "content",
                    "content": [
                        {"type": "text", "text": "a"},
                        {"type": "image", "source": {"type": "url", "url": "u"}},
                    ],
                },
            }
        ],
        (Document(media_type="text/plain", text="a"), Image(url="u")),
    ),
    ("document by url", [{"type": "document", "source": {"type": "url", "url": "u"}}], (Document(url="u"),)),
    ("thinking", [{"type": "thinking", "thinking": "t", "signature": "s"}], (Thinking(text="t", signature="s"),)),
    ("thinking without a signature", [{"type": "thinking", "thinking": "t"}], (Thinking(text="t"),)),
    ("redacted", [{"type": "redacted_thinking", "data": "d"}], (Thinking(redacted="d"),)),
    ("call", [{"type": "tool_use", "id": "a", "name": "B", "input": {"x": 1.50}}], (ToolCall("a", "B", '{"x": 1.5}'),)),
    ("result", [{"type": "tool_result", "tool_use_id": "a"}], (ToolResult("a", ()),)),
    (
        "failed result",
        [
            {
                "type": "tool_result",
                "tool_use_id": "a",
                "content": "no",
                "is_error": True,
                "cache_control": {"type": "ephemeral"},
            }
        ],
        (ToolResult("a", (Text("no"),), is_error=True, cached=True),),
    ),
    (
        "result of blocks",
        [
            {
                "type": "tool_result",
                "tool_use_id": "a",
                "content": [
                    {"type": "text", "text": "x"},
                    {"type": "image", "source": {"type": "url", "url": "u"}},
                    {"type": "tool_reference", "tool_name": "T"},
                    {"type": "search_result", "title": "s"},
                ],
            }
        ],
        (
            ToolResult(
                "a",
                (
                    Text("x"),
                    Image(url="u"),
                    ToolReference("T"),
                    Opaque("search_result", '{"type": "search_result", "title": "s"}'),
                ),
            ),
        ),
    ),
    (
        "unknown, with members of other types",
        [{"type": "zork", "text": 5, "id": []}, {"type": "text", "text": "a"}],
        (Opaque("zork", '{"type": "zork", "text": 5, "id": []}'), Text("a")),
    ),
]


@pytest.mark.parametrize(("content", "parts"), [b[1:] for b in BLOCKS], ids=[b[0] for b in BLOCKS])
@pytest.mark.parametrize("role", ["user", "assistant"])
def test_content(content: Json, parts: tuple[Part, ...], role: str) -> None:
    """Every block becomes its part; what is not known is kept whole."""
    turns = read(messages=[{"role": role, "content": content}]).turns
    assert turns == (Turn(role, parts),)  # type: ignore[arg-type]


def test_tool_input_keeps_its_text() -> None:
    """Numbers and escapes of a call's arguments are not written anew."""
    call = b'{"type":"tool_use","id":"a","name":"b","input":{ "x":1.50,"y":"\\u00e9"}}'
    body = b'{"model":"m","messages":[{"role":"assistant","content":[' + call + b"]}]}"
    (part,) = decode_request(body).turns[0].parts
    assert part == ToolCall("a", "b", '{ "x":1.50,"y":"\\u00e9"}')


def test_system_turns() -> None:
    """System turns in either form stay in place; one that only carries a directive is no turn."""
    chat = read(
        messages=[
            {"role": "user", "content": "x"},
            {"role": "system", "content": [{"type": "text", "text": "a"}]},
            {"role": "system", "content": [], "output_config": {"effort": "low"}},
            {"role": "system", "content": "b"},
        ]
    )
    assert chat.turns[1:] == (Turn("system", (Text("a"),)), Turn("system", (Text("b"),)))
    assert chat.effort == "low"


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({}, ""),
        ({"output_config": {"effort": "high"}}, "high"),
        (
            {
                "output_config": {"effort": "high"},
                "messages": [{"role": "system", "content": "s", "output_config": {"effort": "max"}}],
            },
            "max",
        ),
        ({"output_config": None}, ""),
    ],
)
def test_effort(fields: Json, effort: str) -> None:
    """The last turn's directive wins over the request's."""
    assert read(**fields).effort == effort


def test_the_other_fields() -> None:
    """Each known field has its word; the unknown are named."""
    chat = read(
        system="s",
        max_tokens=5,
        temperature=1,
        top_p=0.5,
        top_k=3,
        stop_sequences=["a"],
        stream=True,
        thinking={"type": "enabled", "budget_tokens": 1024, "display": "updates"},
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}},
        metadata={"user_id": "u", "more": 1},
        tool_choice={"type": "tool", "name": "T", "disable_parallel_tool_use": True},
        tools=[
            {"name": "T", "description": "d", "input_schema": {"a": 1}, "defer_loading": True, "strict": True},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
            {"type": "mcp_toolset", "mcp_server_name": "x"},
        ],
        context_management={"edits": []},
        safeguards=[],
    )
    assert chat.system == (Text("s"),)
    assert (chat.max_tokens, chat.temperature, chat.top_p, chat.top_k, chat.stop, chat.stream) == (
        5,
        1.0,
        0.5,
        3,
        ("a",),
        True,
    )
    assert (chat.thinking, chat.thinking_budget, chat.user_id) == ("enabled", 1024, "u")
    assert chat.json_schema is not None
    assert bytes(chat.json_schema) == b'{"type": "object"}'
    assert chat.tool_choice == ToolChoice(mode="tool", name="T", parallel=False)
    assert [(t.name, t.server_type, t.deferred) for t in chat.tools] == [
        ("T", "", True),
        ("web_search", "web_search_20250305", False),
        ("mcp_toolset", "mcp_toolset", False),
    ]
    assert bytes(chat.tools[0].schema) == b'{"a": 1}'
    assert chat.unknown == ("context_management", "safeguards")


WRONG: list[tuple[Json, str]] = [
    ({"model": 3}, "model: found int"),
    ({"model": None}, "model: found nothing, expected a string"),
    ({"messages": None}, "messages: found nothing, expected an array"),
    ({"messages": {}}, "messages: found object, expected array"),
    (
        {"messages": [{"role": "robot", "content": "x"}]},
        'messages[0].role: found "robot", expected user, assistant or system',
    ),
    ({"messages": [{"content": "x"}]}, "messages[0]: Object missing required field role"),
    (
        {"messages": [{"role": "user", "content": 3}]},
        "messages[0].content: found a number, expected a string or an array",
    ),
    ({"messages": [{"role": "user", "content": [3]}]}, "messages[0].content[0]: found int, expected object"),
    (
        {"messages": [{"role": "user", "content": [{"text": "x"}]}]},
        "messages[0].content[0]: Object missing required field type",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        "messages[0].content[0].text: found nothing, expected a string",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
        "messages[0].content[0].text: found int, expected str",
    ),
    ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source: found nothing"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image", "source": 3}]}]},
        "messages[0].content[0].source: found int",
    ),
    (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": 1}]}],
                }
            ]
        },
        "messages[0].content[0].content[0].text: found int",
    ),
    (
        {"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]},
        "system[0]: found a image block, expected text",
    ),
    ({"system": 5}, "system: found a number"),
    ({"tools": [{"input_schema": {}}]}, "tools[0].name: found nothing"),
    ({"tools": {}}, "tools: found object, expected array"),
    ({"tool_choice": {"type": "maybe"}}, 'tool_choice.type: found "maybe", expected auto, any, tool or none'),
    ({"max_tokens": "many"}, "max_tokens: found str, expected int"),
    ({"stream": "yes"}, "stream: found str, expected bool"),
    ({"thinking": {"type": "enabled", "budget_tokens": "x"}}, "thinking.budget_tokens: found str, expected int"),
]


@pytest.mark.parametrize(("fields", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_wrong_requests_are_named(fields: Json, sentence: str) -> None:
    """One sentence says where, what was found and what was expected."""
    with pytest.raises(BadRequest) as caught:
        read(**fields)
    assert caught.value.message.startswith(sentence)
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"model":"m","messages":"\xff"}',
        b'{"model":"m","messages":[{"role":"user","content":' + b"[" * 200_000 + b"]" * 200_000 + b"}]}",
        b'{"model":"m","messages":[{"role":"user","content":[{"type":"x","a":'
        + b'{"a":' * 9000
        + b"1"
        + b"}" * 9000
        + b"}]}]}",
        b'{"model":"m","messages":[{"role":"user","content":'
        + b'[{"type":"tool_result","tool_use_id":"a","content":' * 900
        + b'""'
        + b"}]" * 900
        + b"}]}",
    ],
    ids=["empty", "array", "cut", "not UTF-8", "deep arrays", "deep objects", "deep results"],
)
def test_no_body_crashes(body: bytes) -> None:
    """Broken, foreign or bottomless bodies are the client's mistake."""
    with pytest.raises(BadRequest):
        decode_request(body)
