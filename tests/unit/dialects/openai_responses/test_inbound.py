"""Responses requests as they are read, Codex's above all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.core.asked import Asked
from claude_code_router.core.chat import ChatRequest, Image, Text, Thinking, ToolCall, ToolResult
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.reply import (
    BlockEnded,
    BlockStarted,
    ReplyEnded,
    ReplyEvent,
    ReplyStarted,
    SignatureDelta,
    ThinkingDelta,
    ToolInputDelta,
)
from claude_code_router.dialects.openai_responses.encoder import encode_reply
from claude_code_router.dialects.openai_responses.inbound import decode_request
from claude_code_router.dialects.openai_responses.relay import strip_foreign_reasoning

CODEX: dict[str, Any] = {
    "model": "gpt-5.5-codex",
    "instructions": "You are a coding agent.",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "<permissions/>"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "fix it"}]},
        {"type": "function_call", "name": "shell", "arguments": '{"command":["ls"]}', "call_id": "call_1", "id": "fc_1"},
        {"type": "custom_tool_call", "name": "apply_patch", "input": "*** Begin Patch", "call_id": "call_2"},
        {"type": "function_call_output", "call_id": "call_1", "output": "a.py"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "Done"},
    ],
    "tools": [
        {"type": "function", "name": "shell", "description": "runs", "strict": False, "parameters": {"type": "object"}},
        {"type": "custom", "name": "apply_patch", "description": "edits",
         "format": {"type": "grammar", "syntax": "lark", "definition": "start: patch"}},
        {"type": "namespace", "name": "mcp__docs", "tools": [{"type": "function", "name": "find", "parameters": {}}]},
        {"type": "web_search"},
        {"type": "image_generation"},
    ],
    "tool_choice": "auto", "parallel_tool_calls": False, "reasoning": {"effort": "high", "summary": "auto"},
    "store": False, "stream": True, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "thread-1",
}  # fmt: skip


def read(**changes: Any) -> ChatRequest:
    return decode_request(json.dumps({**CODEX, **changes}).encode())


def asked(body: dict[str, Any]) -> Asked:
    return Asked(id="req_1", model="m", tokens=5, created_s=1, body=json.dumps(body).encode())


def test_codex() -> None:
    """What Codex sends: instructions, both kinds of its tools, their calls and results, effort, its thread."""
    chat = read()
    assert [part.text for part in chat.system] == ["You are a coding agent.", "<permissions/>"]
    assert [turn.role for turn in chat.turns] == ["user", "assistant", "user"]
    assert chat.turns[1].parts == (
        ToolCall("call_1", "shell", '{"command":["ls"]}'),
        ToolCall("call_2", "apply_patch", '{"input":"*** Begin Patch"}'),
    )
    assert chat.turns[2].parts == (ToolResult("call_1", (Text("a.py"),)), ToolResult("call_2", (Text("Done"),)))
    assert [(tool.name, tool.server_type[:10]) for tool in chat.tools] == [
        ("shell", ""), ("apply_patch", ""), ("mcp__docs__find", ""), ("web_search", "web_search"),
    ]  # fmt: skip
    assert "start: patch" in chat.tools[1].description
    assert (chat.effort, chat.thinking, chat.stream, chat.user_id) == ("high", "adaptive", True, "thread-1")
    assert chat.tool_choice is not None
    assert not chat.tool_choice.parallel


@pytest.mark.parametrize(
    "state", [{"previous_response_id": "resp_1"}, {"conversation": "conv_1"}, {"background": True}]
)
def test_what_needs_a_memory_is_refused(state: dict[str, Any]) -> None:
    """The router keeps nothing, and says what to do instead."""
    with pytest.raises(BadRequest, match="keeps no responses") as refused:
        read(**state)
    assert "whole conversation" in refused.value.hint


def test_plain_input_and_pictures() -> None:
    """A string is the user's word; pictures in results stay in their results."""
    assert read(input="hi").turns[0].parts == (Text("hi"),)
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    items = [
        {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [picture]},
    ]
    result = read(input=items).turns[1].parts[0]
    assert isinstance(result, ToolResult)
    assert result.parts == (Image(media_type="image/png", data="AA=="),)


def reply(*events: ReplyEvent) -> list[dict[str, Any]]:
    done = encode_reply((ReplyStarted(), *events, ReplyEnded("end_turn")), asked(CODEX))
    output: list[dict[str, Any]] = json.loads(done)["output"]
    return output


def test_calls_in_the_clients_own_form() -> None:
    """A freeform tool's call is its text, a namespaced one names its namespace, and both can be sent back."""
    output = reply(
        BlockStarted("tool_call", id="c1", name="apply_patch"), ToolInputDelta('{"input":"*** Begin"}'), BlockEnded(),
        BlockStarted("tool_call", id="c2", name="mcp__docs__find"), BlockEnded(),
    )  # fmt: skip
    assert (output[0]["type"], output[0]["input"]) == ("custom_tool_call", "*** Begin")
    assert (output[1]["name"], output[1]["namespace"], output[1]["arguments"]) == ("find", "mcp__docs", "{}")
    back = read(input=output).turns[0].parts
    assert [part.name for part in back if isinstance(part, ToolCall)] == ["apply_patch", "mcp__docs__find"]


@pytest.mark.parametrize("text", ["I wonder.", ""])
def test_signed_thinking_comes_back_byte_for_byte(text: str) -> None:
    """Claude's thinking travels sealed in a reasoning item, even when its text is empty; another target never sees it."""
    (item,) = reply(
        BlockStarted("thinking"), *([ThinkingDelta(text)] if text else []), SignatureDelta("c2ln+/="), BlockEnded()
    )
    assert read(input=[item]).turns[0].parts == (Thinking(text, signature="c2ln+/="),)
    body = json.dumps({"model": "m", "input": [item, {"role": "user", "content": "hi"}], "z": 1}).encode()
    assert json.loads(strip_foreign_reasoning(body)) == {
        "model": "m",
        "input": [{"role": "user", "content": "hi"}],
        "z": 1,
    }


def test_relay_leaves_what_is_not_ours() -> None:
    """OpenAI's own reasoning stays, and a body without ours is the very same object."""
    body = json.dumps({"input": [{"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}]}).encode()
    assert strip_foreign_reasoning(body) is body
