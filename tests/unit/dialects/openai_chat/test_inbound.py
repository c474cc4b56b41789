"""Chat/completions requests as they are read, and what is relayed of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.core.chat import ChatRequest, Document, Image, Text, Thinking, ToolCall, ToolResult
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.openai_chat.envelope import encode_error
from claude_code_router.dialects.openai_chat.inbound import decode_request
from claude_code_router.dialects.openai_chat.relay import strip_thinking_blocks


def read(messages: list[dict[str, Any]], **fields: Any) -> ChatRequest:
    return decode_request(json.dumps({"model": "m", "messages": messages, **fields}).encode())


USER = {"role": "user", "content": "hi"}


def test_a_tool_loop() -> None:
    """Leading system messages are the system prompt; results and the words behind them are one turn."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    chat = read(
        [
            {"role": "system", "content": "One."},
            {"role": "developer", "content": [{"type": "text", "text": "Two."}]},
            USER,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
            {"role": "user", "content": "go on"},
            {"role": "system", "content": "Hurry."},
        ]
    )
    assert [part.text for part in chat.system] == ["One.", "Two."]
    assert [turn.role for turn in chat.turns] == ["user", "assistant", "user", "system"]
    assert chat.turns[1].parts == (ToolCall("c1", "f", '{"a":1}'),)
    assert chat.turns[2].parts == (ToolResult("c1", (Text("done"),)), Text("go on"))


def test_pictures_and_files() -> None:
    """Data URLs are the picture itself, other URLs stay, a PDF is a document."""
    content = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
    ]
    assert read([{"role": "user", "content": content}]).turns[0].parts == (
        Image(media_type="image/png", data="AA=="),
        Image(url="https://example.org/a.png"),
        Document(media_type="application/pdf", title="a.pdf", data="AA=="),
    )


@pytest.mark.parametrize(
    ("fields", "thinking", "effort"),
    [
        ({"reasoning_effort": "none"}, "disabled", ""),
        ({"reasoning_effort": "minimal"}, "adaptive", "low"),
        ({"reasoning_effort": "xhigh"}, "adaptive", "xhigh"),
        ({"reasoning": {"effort": "high"}}, "adaptive", "high"),
        ({}, "", ""),
    ],
)
def test_effort(fields: dict[str, Any], thinking: str, effort: str) -> None:
    """Both ways of asking for effort are read."""
    chat = read([USER], **fields)
    assert (chat.thinking, chat.effort) == (thinking, effort)


def test_signed_thinking_comes_back() -> None:
    """`thinking_blocks` bring the signature; bare reasoning text has none."""
    blocks = [
        {"index": 0, "type": "thinking", "thinking": "x", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
    ]
    chat = read([USER, {"role": "assistant", "content": "a", "thinking_blocks": blocks, "reasoning_content": "x"}])
    assert chat.turns[1].parts == (Thinking("x", "s"), Thinking(redacted="d"), Text("a"))
    bare = read([USER, {"role": "assistant", "content": "a", "reasoning_content": "x"}])
    assert bare.turns[1].parts == (Thinking("x"), Text("a"))


def test_other_fields() -> None:
    """Limits, choices, schemas and the search have their words; what has none is named."""
    schema = {"type": "object", "properties": {}}
    chat = read(
        [USER], max_completion_tokens=9, max_tokens=8, stop="END", tool_choice="required", parallel_tool_calls=False,
        response_format={"type": "json_schema", "json_schema": {"name": "r", "schema": schema}}, seed=1,
        web_search_options={}, user="u", prompt_cache_key="k",
    )  # fmt: skip
    assert (chat.max_tokens, chat.stop, chat.user_id, chat.unknown) == (9, ("END",), "k", ("seed",))
    assert chat.tool_choice is not None
    assert (chat.tool_choice.mode, chat.tool_choice.parallel) == ("any", False)
    assert json.loads(bytes(chat.json_schema or b"")) == schema
    assert [tool.server_type for tool in chat.tools] == ["web_search_20250305"]


@pytest.mark.parametrize(
    ("messages", "fields", "words"),
    [
        ([{"role": "robot", "content": "x"}], {}, "messages.0..role"),
        ([USER], {"n": 2}, "n: found 2"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], {}, "audio"),
        ([{"role": "user", "content": 7}], {}, "expected a string or an array"),
    ],
)
def test_refusals(messages: list[dict[str, Any]], fields: dict[str, Any], words: str) -> None:
    """What cannot be carried is refused in a sentence that says where."""
    with pytest.raises(BadRequest, match=words):
        read(messages, **fields)


def test_relay_takes_our_own_members_out() -> None:
    """Another provider's thinking is not sent on; every other byte stays, and a body without any is the very same object."""
    body = b'{"model":"", "messages":[{"role":"assistant","content":"a","thinking_blocks":[1],"reasoning_content":""} ], "z":1}'
    assert strip_thinking_blocks(body) == b'{"model":"", "messages":[{"role":"assistant","content":"a"} ], "z":1}'
    plain = b'{"messages":[{"role":"assistant","content":"a","reasoning_content":"x"}]}'
    assert strip_thinking_blocks(plain) is plain


@pytest.mark.parametrize(
    ("error_type", "message", "kind", "code"),
    [
        ("rate_limit_error", "slow", "rate_limit_error", "rate_limit_exceeded"),
        ("overloaded_error", "busy", "server_error", "server_is_overloaded"),
        (
            "invalid_request_error",
            "prompt is too long: 9 tokens > 8 maximum",
            "invalid_request_error",
            "context_length_exceeded",
        ),
        ("policy_blocked", "no", "invalid_request_error", "policy_blocked"),
    ],
)
def test_errors_in_the_envelope(error_type: str, message: str, kind: str, code: str) -> None:
    """Clients branch on the code; the sentence is kept."""
    error = json.loads(encode_error(error_type, message, "req_1"))["error"]
    assert error == {"message": message, "type": kind, "param": None, "code": code}
