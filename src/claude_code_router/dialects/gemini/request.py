"""A ChatRequest, written as the body of a generateContent request."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from claude_code_router.core.chat import ChatRequest, Tool
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.gemini.contents import Json, encode_contents
from claude_code_router.dialects.gemini.models import generation, thinking_config
from claude_code_router.dialects.gemini.names import wire_name
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.request import NEEDS_ANTHROPIC, PLACEHOLDER_TOOL
from claude_code_router.dialects.openai_chat.schemas import wire_schema
from claude_code_router.dialects.owner_fields import fill, force

_STOP_LIMIT = 5
_DROPPED_KEYWORDS = frozenset({"$schema"})
_GENERATION_NAMES: Mapping[str, str] = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
"""What the owner writes in the npm tool's names, and its place in generationConfig."""
_UNKNOWN_HERE = frozenset({"repetition_penalty"})

_encode = msgspec.json.Encoder().encode


def encode_request(chat: ChatRequest, model: str, quirks: ChatQuirks) -> bytes:
    """Raises BadRequest for what only Anthropic's servers can do. Of the quirks these count: `max_output_tokens`,
    `default_max_tokens`, `images`, `extra_body`, `force_body`, `caps`."""
    for field in chat.unknown:
        if field in NEEDS_ANTHROPIC:
            raise BadRequest(f"{field}: {NEEDS_ANTHROPIC[field]}; this route leads to another provider.")
    if not chat.turns:
        raise BadRequest("messages: found an empty array, expected at least one message.")
    tools = _tools(chat)
    schema = msgspec.json.decode(chat.json_schema) if chat.json_schema is not None else None
    # Before Gemini 3 a reply's schema and function calling exclude each other.
    in_words = schema is not None and bool(tools) and generation(model) < (3, 0)
    body: Json = {"contents": encode_contents(chat, model, images=quirks.images)}
    system = [{"text": part.text} for part in chat.system if part.text]
    if in_words:
        system.append({"text": _instruction(schema)})
    if system:
        body["systemInstruction"] = {"parts": system}
    body.update(tools)
    config = _generation(chat, model, quirks)
    if schema is not None and not in_words:
        config.update(responseMimeType="application/json", responseJsonSchema=schema)
    body["generationConfig"] = config
    fill(body, _in_place(quirks.extra_body))
    force(body, _in_place(quirks.force_body))
    _cap(config, quirks.caps)
    return _encode(body)


def _instruction(schema: object) -> str:
    return (
        "Answer with exactly one JSON value that follows this JSON Schema, without any other text or code fence:\n"
        + _encode(schema).decode()
    )


def _tools(chat: ChatRequest) -> Json:
    own = [tool for tool in chat.tools if _is_own(tool)]
    # Those that tool search has loaded come and go, and would shift the cached prefix: last.
    own.sort(key=lambda tool: tool.deferred)
    if own:
        # Google's own search beside functions is refused before Gemini 3 and a preview since: the client's tools win.
        body: Json = {"tools": [{"functionDeclarations": [_declaration(tool) for tool in own]}]}
        choice = _choice(chat, own)
        if choice:
            body["toolConfig"] = {"functionCallingConfig": choice}
        return body
    return {"tools": [{"googleSearch": {}}]} if searches(chat) else {}


def searches(chat: ChatRequest) -> bool:
    """Google's search is offered: only where the client has no tools of its own."""
    return chat.offers_search and not any(_is_own(tool) for tool in chat.tools)


def _is_own(tool: Tool) -> bool:
    return not tool.server_type and tool.name != PLACEHOLDER_TOOL


def _declaration(tool: Tool) -> Json:
    declaration: Json = {"name": wire_name(tool.name)}
    if tool.description:
        declaration["description"] = tool.description
    # JSON Schema as it is: `parameters` would take only a subset of OpenAPI's.
    declaration["parametersJsonSchema"] = wire_schema(tool.schema, _DROPPED_KEYWORDS)
    return declaration


def _choice(chat: ChatRequest, own: list[Tool]) -> Json:
    choice = chat.tool_choice
    if choice is None or choice.mode == "auto":
        return {}
    if choice.mode == "none":
        return {"mode": "NONE"}
    if choice.mode == "any":
        return {"mode": "ANY"}
    if choice.name not in [tool.name for tool in own]:
        return {}  # a server's tool, which is not offered here
    return {"mode": "ANY", "allowedFunctionNames": [wire_name(choice.name)]}


def _generation(chat: ChatRequest, model: str, quirks: ChatQuirks) -> Json:
    config: Json = {}
    limit = chat.max_tokens if chat.max_tokens is not None else quirks.default_max_tokens
    if limit is not None:
        config["maxOutputTokens"] = max(
            1, limit if quirks.max_output_tokens is None else min(limit, quirks.max_output_tokens)
        )
    if quirks.sampling != "none":
        sampling = {"temperature": chat.temperature, "topP": chat.top_p, "topK": chat.top_k}
        config.update({name: value for name, value in sampling.items() if value is not None})
    stop = [word for word in chat.stop if word][:_STOP_LIMIT]
    if stop:
        config["stopSequences"] = stop
    thinking = thinking_config(chat, model)
    if thinking:
        config["thinkingConfig"] = thinking
    return config


def _in_place(fields: Mapping[str, object]) -> Json:
    """The owner's additions: the npm tool's names moved to where Gemini has them, the rest as it is."""
    placed: Json = {
        name: value for name, value in fields.items() if name not in _GENERATION_NAMES and name not in _UNKNOWN_HERE
    }
    moved = {_GENERATION_NAMES[name]: value for name, value in fields.items() if name in _GENERATION_NAMES}
    if moved:
        own = placed.get("generationConfig")
        placed["generationConfig"] = {**moved, **own} if isinstance(own, Mapping) else moved
    return placed


def _cap(config: Json, caps: Mapping[str, float]) -> None:
    for name, most in caps.items():
        field = _GENERATION_NAMES.get(name, name)
        value = config.get(field)
        if isinstance(value, int | float) and value > most:
            config[field] = most
