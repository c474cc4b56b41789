"""What a strict Responses server refuses (OpenAI's own rules, read in its API reference and SDK 3.54.0, 2026-11): every
translated request of every scenario is held against them. Written apart from our dialect."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

FIELDS = frozenset({
    "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "max_output_tokens", "text",
    "store", "include", "stream", "prompt_cache_key", "temperature", "top_p",
})  # fmt: skip
ITEM_FIELDS = {
    "message": {"type", "role", "content"},
    "function_call": {"type", "call_id", "name", "arguments"},
    "function_call_output": {"type", "call_id", "output"},
    "reasoning": {"type", "id", "summary", "encrypted_content", "content", "status"},
}
IN = {
    "input_text": {"type", "text"},
    "input_image": {"type", "image_url"},
    "input_file": {"type", "filename", "file_data"},
}
PARTS = {"user": set(IN), "developer": {"input_text"}, "system": {"input_text"}, "assistant": {"output_text"}}
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
EFFORTS = {"none", "minimal", "low", "medium", "high", "xhigh", "max"}
ANTHROPIC_ONLY = (b'"cache_control"', b'"defer_loading"', b'"tool_reference"', b'"tool_use_id"', b'"input_schema"')


def complaints(body: bytes) -> list[str]:
    """All of them; none for a good request."""
    return list(_complaints(json.loads(body), body))


def _complaints(request: dict[str, Any], body: bytes) -> Iterator[str]:
    yield from (f"unknown field {name}" for name in sorted(request.keys() - FIELDS))
    yield from (f"{word.decode()} of the other dialect" for word in ANTHROPIC_ONLY if word in body)
    if request.get("store") is not False:
        yield "store is not false"
    if request.get("max_output_tokens", 16) < 16:
        yield "max_output_tokens below 16"
    if not request.get("input"):
        yield "no input"
    if request.get("tools") == []:
        yield "an empty list of tools"
    if "tool_choice" in request and not request.get("tools"):
        yield "a tool choice without tools"
    reasoning = request.get("reasoning") or {}
    if reasoning.keys() - {"effort", "summary"} or reasoning.get("effort", "low") not in EFFORTS:
        yield f"reasoning {reasoning}"
    if reasoning and reasoning.get("effort") != "none" and ("temperature" in request or "top_p" in request):
        yield "sampling beside reasoning"
    yield from _of_tools(request)
    for item in request.get("input") or ():
        yield from _of_item(item)
    yield from _of_order(request.get("input") or [])


def _of_tools(request: dict[str, Any]) -> Iterator[str]:
    names = [tool.get("name") for tool in request.get("tools") or ()]
    if len(names) != len(set(names)):
        yield "two tools of one name"
    for tool in request.get("tools") or ():
        if tool == {"type": "web_search"}:
            continue
        if not tool.keys() <= {"type", "name", "description", "parameters", "strict"} or tool["type"] != "function":
            yield f"a tool that is no function: {tool.keys()}"
        if not TOOL_NAME.fullmatch(tool.get("name") or ""):
            yield f"tool name {tool.get('name')!r}"
        if tool.get("strict") is not False:
            yield "a strict tool with any schema"
        if tool.get("parameters", {}).get("type") != "object":
            yield f"parameters of {tool.get('name')} are no object schema"


def _of_item(item: dict[str, Any]) -> Iterator[str]:
    kind = item.get("type")
    if kind not in ITEM_FIELDS:
        yield f"item {kind!r}"
        return
    yield from (f"field {name} in a {kind}" for name in sorted(item.keys() - ITEM_FIELDS[kind]))
    if kind == "message":
        yield from _of_message(item)
    elif kind == "function_call":
        if not isinstance(json.loads(item["arguments"]), dict):
            yield f"arguments that are no object: {item}"
        if not 0 < len(item["call_id"]) <= 64:
            yield f"call_id {item['call_id']!r}"
    elif kind == "function_call_output" and not isinstance(item["output"], str):
        yield from _of_parts("user", item["output"])
    elif kind == "reasoning" and not item.get("encrypted_content"):
        yield f"a reasoning item that is not stored and carries nothing: {item.get('id')}"


def _of_message(message: dict[str, Any]) -> Iterator[str]:
    role = message.get("role")
    if role not in PARTS:
        yield f"role {role!r}"
    elif not isinstance(message["content"], list) or not message["content"]:
        yield f"a message of {role} without content"
    else:
        yield from _of_parts(role, message["content"])


def _of_parts(role: str, parts: list[dict[str, Any]]) -> Iterator[str]:
    for part in parts:
        if part.get("type") not in PARTS[role]:
            yield f"a part {part.get('type')} in a message of {role}"
        if part.get("type") in ("input_text", "output_text") and not part.get("text"):
            yield f"an empty text in a message of {role}"


def _of_order(items: list[dict[str, Any]]) -> Iterator[str]:
    """Each call has one output behind it, each output its call; reasoning has an item of its answer behind it."""
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    if len(calls) != len(set(calls)):
        yield f"two calls of one id: {calls}"
    open_ids: set[str] = set()
    done: set[str] = set()
    for at, item in enumerate(items):
        kind = item.get("type")
        if kind == "function_call":
            open_ids.add(item["call_id"])
        elif kind == "function_call_output":
            if item["call_id"] not in open_ids:
                yield f"an output without its call: {item['call_id']}"
            open_ids.discard(item["call_id"])
            done.add(item["call_id"])
        elif kind == "reasoning" and not _follows(items[at + 1 :]):
            yield f"reasoning without its required following item: {item.get('id')}"
    if open_ids:
        yield f"no tool output found for {sorted(open_ids)}"


def _follows(rest: list[dict[str, Any]]) -> bool:
    following = next((item for item in rest if item.get("type") != "reasoning"), {})
    return following.get("type") == "function_call" or following.get("role") == "assistant"
