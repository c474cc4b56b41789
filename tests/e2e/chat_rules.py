"""What a strict chat/completions server refuses (OpenAI's own rules, read in its API reference, 2026-11): every translated
request of every scenario is held against them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

FIELDS = frozenset({
    "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "max_tokens", "max_completion_tokens",
    "temperature", "top_p", "stop", "stream", "stream_options", "reasoning_effort", "response_format", "user",
    "prompt_cache_key", "safety_identifier", "web_search_options",
})  # fmt: skip
MESSAGE_FIELDS = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls"},
    "tool": {"role", "content", "tool_call_id"},
}
PARTS = {"user": {"text", "image_url", "file"}, "system": {"text"}, "assistant": {"text"}, "tool": {"text"}}
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
ANTHROPIC_ONLY = (b'"cache_control"', b'"defer_loading"', b'"tool_reference"', b'"tool_use_id"', b'"input_schema"')


def complaints(body: bytes) -> list[str]:
    """All of them; none for a good request."""
    return list(_complaints(json.loads(body), body))


def _complaints(request: dict[str, Any], body: bytes) -> Iterator[str]:
    yield from (f"unknown field {name}" for name in sorted(request.keys() - FIELDS))
    yield from (f"{word.decode()} of the other dialect" for word in ANTHROPIC_ONLY if word in body)
    if "max_tokens" in request and "max_completion_tokens" in request:
        yield "two limits of output"
    if not request.get("messages"):
        yield "no messages"
    if request.get("tools") == []:
        yield "an empty list of tools"
    if "tool_choice" in request and not request.get("tools"):
        yield "a tool choice without tools"
    for tool in request.get("tools") or ():
        yield from _of_tool(tool)
    names = [tool["function"]["name"] for tool in request.get("tools") or ()]
    if len(names) != len(set(names)):
        yield "two tools of one name"
    for message in request.get("messages") or ():
        yield from _of_message(message)
    yield from _of_order(request.get("messages") or [])


def _of_tool(tool: dict[str, Any]) -> Iterator[str]:
    function = tool.get("function", {})
    if tool.keys() != {"type", "function"} or tool["type"] != "function":
        yield f"a tool that is no function: {tool.keys()}"
    if not TOOL_NAME.fullmatch(function.get("name", "")):
        yield f"tool name {function.get('name')!r}"
    if function.get("parameters", {}).get("type") != "object":
        yield f"parameters of {function.get('name')} are no object schema"


def _of_message(message: dict[str, Any]) -> Iterator[str]:
    role = message.get("role")
    if role not in MESSAGE_FIELDS:
        yield f"role {role!r}"
        return
    yield from (f"field {name} in a message of {role}" for name in sorted(message.keys() - MESSAGE_FIELDS[role]))
    content = message.get("content")
    if content is None or content == "":
        if role != "assistant" or not message.get("tool_calls"):
            yield f"a message of {role} without content"
    elif isinstance(content, list):
        yield from _of_parts(role, content)
    elif not isinstance(content, str):
        yield f"content of {role} is {type(content).__name__}"
    for call in message.get("tool_calls") or ():
        yield from _of_call(call)
    if message.get("tool_calls") == []:
        yield "an empty list of tool calls"


def _of_parts(role: str, parts: list[dict[str, Any]]) -> Iterator[str]:
    if not parts:
        yield f"an empty content list of {role}"
    for part in parts:
        if part.get("type") not in PARTS[role]:
            yield f"a part {part.get('type')} in a message of {role}"
        if part.get("type") == "text" and not part.get("text"):
            yield f"an empty text in a message of {role}"


def _of_call(call: dict[str, Any]) -> Iterator[str]:
    if call.get("type") != "function" or not call.get("id"):
        yield f"a tool call without type or id: {call}"
    try:
        if not isinstance(json.loads(call["function"]["arguments"]), dict):
            yield f"arguments that are no object: {call}"
    except ValueError:
        yield f"arguments that are no JSON: {call}"


def _of_order(messages: list[dict[str, Any]]) -> Iterator[str]:
    """Each call's result stands right behind the calls, before anybody else speaks; no result without its call."""
    open_ids: set[str] = set()
    for message in messages:
        if message.get("role") == "tool":
            if message["tool_call_id"] not in open_ids:
                yield f"a result without its call: {message['tool_call_id']}"
            open_ids.discard(message["tool_call_id"])
            continue
        if open_ids:
            yield f"calls without results before a message of {message.get('role')}: {sorted(open_ids)}"
        ids = [call["id"] for call in message.get("tool_calls") or ()]
        if len(ids) != len(set(ids)):
            yield f"two calls of one id: {ids}"
        open_ids = set(ids)
    if open_ids:
        yield f"calls without results at the end: {sorted(open_ids)}"
