"""A ChatRequest, written as the body of a chat/completions request."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from claude_code_router.core.chat import ChatRequest, Tool
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.openai_chat.messages import Json, encode_messages
from claude_code_router.dialects.openai_chat.names import wire_name
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.schemas import is_strict, wire_schema
from claude_code_router.dialects.owner_fields import cap, fill, force

PLACEHOLDER_TOOL = "DeferredToolPlaceholder"
"""Stands for the tools that tool search may load later (Claude Code 2.1.330); it cannot be called."""

NEEDS_ANTHROPIC = {
    "thread": "the conversation is held by Anthropic's servers, so it does not stand in the request",
    "compaction": "Anthropic's servers would have to write the summary",
}
"""Fields without which the request would mean something else. The other unknown ones are left out on purpose: they tune
Anthropic's servers (context_management, cache_control, service_tier, speed, inference_geo, diagnostics, fallbacks, container,
mcp_servers) or ask them for a verdict that the client fetches by itself when none comes (safeguards)."""

_encode = msgspec.json.Encoder().encode


def encode_request(chat: ChatRequest, model: str, quirks: ChatQuirks) -> bytes:
    """Raises BadRequest for what only Anthropic's servers can do."""
    for field in chat.unknown:
        if field in NEEDS_ANTHROPIC:
            raise BadRequest(f"{field}: {NEEDS_ANTHROPIC[field]}; this route leads to another provider.")
    if not chat.turns:
        raise BadRequest("messages: found an empty array, expected at least one message.")
    schema = msgspec.json.decode(chat.json_schema) if chat.json_schema is not None else None
    body: Json = {
        "model": model,
        "messages": encode_messages(chat, model, quirks, "" if quirks.json_schema_output else instruction(schema)),
    }
    body.update(_tools(chat, quirks))
    body.update(_limits(chat, quirks))
    body.update(_sampling(chat, quirks))
    if schema is not None and quirks.json_schema_output:
        named = {"name": "reply", "schema": schema, "strict": is_strict(schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    if quirks.user_field and chat.user_id:
        # Hashed: it names a device and a session, and OpenAI takes at most 64 characters.
        body["user"] = hashlib.sha256(chat.user_id.encode()).hexdigest()
    if chat.stream:
        body["stream"] = True
        if quirks.stream_usage_option:
            body["stream_options"] = {"include_usage": True}
    body.update(quirks.reasoning_fields(chat, model))
    fill(body, quirks.extra_body)
    force(body, quirks.force_body)
    cap(body, quirks.caps)
    return _encode(body)


def instruction(schema: object) -> str:
    if schema is None:
        return ""
    return (
        "Answer with exactly one JSON value that follows this JSON Schema, without any other text or code fence:\n"
        + _encode(schema).decode()
    )


def _tools(chat: ChatRequest, quirks: ChatQuirks) -> Json:
    body: Json = {}
    own = [tool for tool in chat.tools if not tool.server_type and tool.name != PLACEHOLDER_TOOL]
    tools: list[object] = [*encode_tools(chat, quirks)]
    # Tools that Anthropic's servers run cannot be run here: offered as functions, they would only be called in vain.
    if quirks.web_search and chat.offers_search:
        body.update({name: value for name, value in quirks.web_search.items() if name != "tools"})
        more = quirks.web_search.get("tools", ())
        tools += more if isinstance(more, list | tuple) else ()
    if not tools:
        return body  # and no tool_choice: OpenAI refuses one without tools
    body["tools"] = tools
    choice = chat.tool_choice
    if choice is not None:
        body["tool_choice"] = _tool_choice(chat, [tool.name for tool in own], quirks)
        if not choice.parallel and quirks.parallel_tool_calls_field:
            body["parallel_tool_calls"] = False
    return body


def encode_tools(chat: ChatRequest, quirks: ChatQuirks) -> list[Json]:
    """The client's own tools. Those that tool search has loaded come last: they come and go, and would shift the cached
    prefix."""
    own = [tool for tool in chat.tools if not tool.server_type and tool.name != PLACEHOLDER_TOOL]
    return [_tool(tool, quirks) for tool in sorted(own, key=lambda tool: tool.deferred)]


def _tool(tool: Tool, quirks: ChatQuirks) -> Json:
    function: Json = {"name": wire_name(tool.name, quirks.tool_name_limit)}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = wire_schema(tool.schema, quirks.drop_schema_keys)
    return {"type": "function", "function": function}


def _tool_choice(chat: ChatRequest, names: Sequence[str], quirks: ChatQuirks) -> object:
    choice = chat.tool_choice
    if choice is None or choice.mode == "auto":
        return "auto"
    if choice.mode == "none":
        return "none"
    if choice.mode == "any":
        return quirks.tool_choice_any
    if choice.name not in names:
        return "auto"  # a server's tool, which is not offered here
    if not quirks.named_tool_choice:
        return quirks.tool_choice_any
    return {"type": "function", "function": {"name": wire_name(choice.name, quirks.tool_name_limit)}}


def _limits(chat: ChatRequest, quirks: ChatQuirks) -> Json:
    body: Json = {}
    limit = chat.max_tokens if chat.max_tokens is not None else quirks.default_max_tokens
    if limit is not None:
        # Claude Code asks for 32,000 to 128,000, which is above many models' cap and then refused. 0 (warm Anthropic's cache,
        # say nothing) is refused too.
        capped = limit if quirks.max_output_tokens is None else min(limit, quirks.max_output_tokens)
        body[quirks.max_tokens_field] = max(1, capped)
    stop = [word for word in chat.stop if word][: quirks.stop_limit]  # more of them would be refused
    if stop:
        body["stop"] = stop
    return body


def _sampling(chat: ChatRequest, quirks: ChatQuirks) -> Json:
    if quirks.sampling == "none":
        return {}
    asked = {"temperature": chat.temperature, "top_p": chat.top_p}
    if quirks.sampling == "all":
        asked["top_k"] = chat.top_k
    return {name: value for name, value in asked.items() if value is not None}
