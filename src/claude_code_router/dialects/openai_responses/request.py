"""A ChatRequest, written as the body of a Responses request. Stateless: `store` is false, and the whole conversation goes
along, the model's own reasoning included (reasoning.py)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from claude_code_router.core.chat import ChatRequest, Text, Tool
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.openai_chat.names import wire_name
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.request import NEEDS_ANTHROPIC, PLACEHOLDER_TOOL, instruction
from claude_code_router.dialects.openai_chat.schemas import is_strict, wire_schema
from claude_code_router.dialects.openai_responses.items import encode_items, instructions
from claude_code_router.dialects.owner_fields import cap, fill, force
from claude_code_router.dialects.unreadable import UNREADABLE

Json = dict[str, object]

_LEAST_OUTPUT_TOKENS = 16
"""Fewer are refused (OpenAI's API reference, 2026-11)."""

_encode = msgspec.json.Encoder().encode


def encode_request(chat: ChatRequest, model: str, quirks: ChatQuirks, origin: str = "") -> bytes:
    """`origin` is the target (`provider,model`): reasoning goes back only to who made it. Stop sequences are left out: the API
    has none. Raises BadRequest for what only Anthropic's servers can do."""
    for field in chat.unknown:
        if field in NEEDS_ANTHROPIC:
            raise BadRequest(f"{field}: {NEEDS_ANTHROPIC[field]}; this route leads to another provider.")
    if not chat.turns:
        raise BadRequest("messages: found an empty array, expected at least one message.")
    schema = msgspec.json.decode(chat.json_schema) if chat.json_schema is not None else None
    extra_system = "" if quirks.json_schema_output else instruction(schema)
    body: Json = {"model": model}
    if said := instructions((*chat.system, Text(extra_system))):
        body["instructions"] = said
    body["input"] = encode_items(chat, quirks, origin)
    include = _tools(chat, quirks, body)
    _limits(chat, quirks, body)
    _sampling(chat, quirks, body)
    if schema is not None and quirks.json_schema_output:
        body["text"] = {
            "format": {"type": "json_schema", "name": "reply", "schema": schema, "strict": is_strict(schema)}
        }
    reasoning = quirks.responses.reasoning(chat, model)
    if reasoning:
        body["reasoning"] = dict(reasoning)
    body["store"] = False
    if quirks.responses.encrypted_reasoning:
        include.append("reasoning.encrypted_content")
    if include:
        body["include"] = include
    if quirks.responses.cache_key and chat.user_id:
        body["prompt_cache_key"] = _cache_key(chat.user_id)
    if chat.stream:
        body["stream"] = True
    fill(body, quirks.extra_body)
    force(body, quirks.force_body)
    cap(body, quirks.caps)
    _ask_for_summary(body, quirks)
    return _encode(body)


def _tools(chat: ChatRequest, quirks: ChatQuirks, body: Json) -> list[str]:
    """Normal tools first: those that tool search has loaded come and go, and would shift the cached prefix. Answers what the
    tools want included in the reply."""
    own = [tool for tool in chat.tools if not tool.server_type and tool.name != PLACEHOLDER_TOOL]
    tools: list[Json] = [_tool(tool, quirks) for tool in sorted(own, key=lambda tool: tool.deferred)]
    searching = [tool for tool in chat.tools if tool.server_type.startswith("web_search")]
    searches = quirks.responses.web_search and bool(searching)
    if searches:
        tools.append({"type": "web_search"})
    if not tools:
        return []
    body["tools"] = tools
    if chat.tool_choice is not None:
        body["tool_choice"] = _tool_choice(
            chat, [tool.name for tool in own], quirks, [tool.name for tool in searching] if searches else []
        )
        if not chat.tool_choice.parallel and quirks.parallel_tool_calls_field:
            body["parallel_tool_calls"] = False
    return ["web_search_call.action.sources"] if searches else []


def _tool(tool: Tool, quirks: ChatQuirks) -> Json:
    function: Json = {"type": "function", "name": wire_name(tool.name, quirks.tool_name_limit)}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = wire_schema(tool.schema, quirks.drop_schema_keys)
    function["strict"] = False  # the API's default is true, and refuses most schemas
    return function


def _tool_choice(chat: ChatRequest, names: Sequence[str], quirks: ChatQuirks, searching: Sequence[str]) -> object:
    choice = chat.tool_choice
    if choice is None or choice.mode == "auto":
        return "auto"
    if choice.mode == "none":
        return "none"
    if choice.mode == "any":
        return quirks.tool_choice_any
    if choice.name in names and quirks.named_tool_choice:
        return {"type": "function", "name": wire_name(choice.name, quirks.tool_name_limit)}
    if choice.name in searching:
        return {"type": "web_search"}
    return quirks.tool_choice_any if choice.name in names else "auto"  # a server's tool, which is not offered here


def _limits(chat: ChatRequest, quirks: ChatQuirks, body: Json) -> None:
    limit = chat.max_tokens if chat.max_tokens is not None else quirks.default_max_tokens
    if limit is not None:
        capped = limit if quirks.max_output_tokens is None else min(limit, quirks.max_output_tokens)
        body["max_output_tokens"] = max(_LEAST_OUTPUT_TOKENS, capped)


def _sampling(chat: ChatRequest, quirks: ChatQuirks, body: Json) -> None:
    if quirks.sampling == "none":
        return
    for name, value in (("temperature", chat.temperature), ("top_p", chat.top_p)):
        if value is not None:
            body[name] = value


def _ask_for_summary(body: Json, quirks: ChatQuirks) -> None:
    """After the owner's fields, so that `customparams: {"reasoning": {"summary": null}}` switches it off: OpenAI gives
    summaries of some models to verified organisations only."""
    reasoning = body.get("reasoning")
    if quirks.responses.summary and isinstance(reasoning, dict) and reasoning.get("effort") != "none":
        reasoning.setdefault("summary", quirks.responses.summary)


def _cache_key(user_id: str) -> str:
    """One key a session; hashed, because the id names a device and a person."""
    try:
        found = msgspec.json.decode(user_id)
    except UNREADABLE:
        found = None
    session = found.get("session_id") if isinstance(found, dict) else None
    return hashlib.sha256(str(session or user_id).encode()).hexdigest()[:32]
