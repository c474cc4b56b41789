"""A ChatRequest, written as a Messages request: for clients of another dialect.

What a model does not take is left out, as its card says: Anthropic's servers refuse a whole request for one such field.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from claude_code_router.catalog.cards import ModelCard
from claude_code_router.core.chat import ChatRequest, Text, Tool
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.anthropic_messages.turns import Json, encode_turns, in_tool_loop_without_thinking
from claude_code_router.dialects.openai_chat.names import wire_name
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.request import instruction
from claude_code_router.dialects.openai_chat.schemas import is_strict, wire_schema
from claude_code_router.dialects.owner_fields import cap, fill, force

TOOL_NAME_LIMIT = 128
"""`^[a-zA-Z0-9_-]{1,128}$` (API reference, 2026-11)."""

DEFAULT_MAX_TOKENS = 32_000
"""The field is required here and not elsewhere. What Claude Code asks for by default, within the model's own cap."""

_EPHEMERAL = {"type": "ephemeral"}
_BUDGETS: Mapping[str, int] = {"low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16_384}
"""Effort -> thinking budget for models that know budgets only (LiteLLM 1.109.1 uses the same)."""
_LEAST_BUDGET = 1024
_RANKS = ("low", "medium", "high", "xhigh", "max")

_encode = msgspec.json.Encoder().encode


def encode_request(chat: ChatRequest, model: str, quirks: ChatQuirks, card: ModelCard) -> bytes:
    """Raises BadRequest when there is nothing to answer."""
    if not chat.turns:
        raise BadRequest("messages: found an empty array, expected at least one message.")
    schema = msgspec.json.decode(chat.json_schema) if chat.json_schema is not None else None
    native_schema = schema is not None and card.claude and is_strict(schema)
    tools = [_tool(tool) for tool in chat.tools]
    body: Json = {"model": model, "max_tokens": _max_tokens(chat, quirks, card)}
    system = [*chat.system, Text("" if native_schema else instruction(schema))]
    blocks = [_marked({"type": "text", "text": part.text}, part.cached) for part in system if part.text.strip()]
    messages = encode_turns(chat, mid_system=card.mid_system, prefill=card.prefill, images=card.vision is not False)
    if tools:
        _mark_prefix(tools, blocks, messages)
    if blocks:
        body["system"] = blocks
    body["messages"] = messages
    if tools:
        body["tools"] = tools
        choice = _tool_choice(chat, card)
        if choice is not None:
            body["tool_choice"] = choice
    if chat.stop:
        body["stop_sequences"] = [word for word in chat.stop if word.strip()]
    _reason(chat, card, body)
    if native_schema:
        body["output_config"] = {
            **_dict(body.get("output_config")),
            "format": {"type": "json_schema", "schema": schema},
        }
    _sample(chat, card, body)
    if chat.user_id:
        body["metadata"] = {"user_id": hashlib.sha256(chat.user_id.encode()).hexdigest()}
    if chat.stream:
        body["stream"] = True
    fill(body, quirks.extra_body)
    force(body, quirks.force_body)
    cap(body, quirks.caps)
    return _encode(body)


def _max_tokens(chat: ChatRequest, quirks: ChatQuirks, card: ModelCard) -> int:
    asked = chat.max_tokens if chat.max_tokens is not None else quirks.default_max_tokens or DEFAULT_MAX_TOKENS
    caps = [most for most in (quirks.max_output_tokens, card.max_output_tokens) if most is not None]
    return max(1, min([asked, *caps]))


def _tool(tool: Tool) -> Json:
    if tool.server_type:
        return {"type": tool.server_type, "name": tool.name}
    encoded: Json = {"name": wire_name(tool.name, TOOL_NAME_LIMIT)}
    if tool.description:
        encoded["description"] = tool.description
    encoded["input_schema"] = wire_schema(tool.schema, frozenset({"$schema"}))
    return encoded


def _marked(block: Json, cached: bool) -> Json:
    return {**block, "cache_control": _EPHEMERAL} if cached else block


def _mark_prefix(tools: list[Json], system: list[Json], messages: list[Json]) -> None:
    """The other dialects' servers cache by themselves, this one only where it is told to. A request with tools is a step of
    many with the same beginning, so its tools, its system prompt and its conversation so far are marked."""
    if any("cache_control" in block for block in system):
        return  # the client has marked its own
    for blocks in (tools, system):
        if blocks:
            blocks[-1]["cache_control"] = _EPHEMERAL
    content = messages[-1]["content"]
    if (
        isinstance(content, list)
        and content
        and content[-1].get("type") in ("text", "image", "tool_result", "document")
    ):
        content[-1]["cache_control"] = _EPHEMERAL


def _tool_choice(chat: ChatRequest, card: ModelCard) -> Json | None:
    choice = chat.tool_choice
    if choice is None:
        return None
    if choice.mode == "none":
        return {"type": "none"}
    known = [tool.name for tool in chat.tools]
    if choice.mode == "auto" or not card.forced_tool or (choice.mode == "tool" and choice.name not in known):
        encoded: Json = {"type": "auto"}
    elif choice.mode == "any":
        encoded = {"type": "any"}
    else:
        encoded = {"type": "tool", "name": wire_name(choice.name, TOOL_NAME_LIMIT)}
    if not choice.parallel:
        encoded["disable_parallel_tool_use"] = True
    return encoded


def _reason(chat: ChatRequest, card: ModelCard, body: Json) -> None:
    """Sets `thinking` and `output_config.effort` in the forms that this model takes; says nothing to one of which no form is
    known."""
    effort = _effort(chat, card)
    forced = _dict(body.get("tool_choice")).get("type") in ("any", "tool")
    if chat.thinking == "disabled" or (forced and chat.thinking):
        if "disabled" in card.thinking:
            body["thinking"] = {"type": "disabled"}
        elif card.efforts:
            body["output_config"] = {"effort": card.efforts[0]}
        return
    if effort:
        body["output_config"] = {"effort": effort}
    if not chat.thinking:
        return
    if "adaptive" in card.thinking:
        # Newer models leave the text out unless it is asked for; older ones take the word as well (API reference, 2026-11).
        body["thinking"] = {"type": "adaptive", "display": "summarized"}
    elif "enabled" in card.thinking and not in_tool_loop_without_thinking(chat):
        limit = body["max_tokens"]
        budget = min(chat.thinking_budget or _BUDGETS.get(chat.effort, 4096), int(str(limit)) - 1)
        if budget >= _LEAST_BUDGET:
            body["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _effort(chat: ChatRequest, card: ModelCard) -> str:
    """The nearest level at or below the one asked for; empty when the model has none."""
    if chat.effort not in _RANKS or not card.efforts:
        return ""
    allowed = [level for level in _RANKS[: _RANKS.index(chat.effort) + 1] if level in card.efforts]
    return allowed[-1] if allowed else card.efforts[0]


def _sample(chat: ChatRequest, card: ModelCard, body: Json) -> None:
    thinks = _dict(body.get("thinking")).get("type") in ("enabled", "adaptive")
    if not card.sampling or thinks:
        return
    if chat.temperature is not None:
        body["temperature"] = min(max(chat.temperature, 0.0), 1.0)  # OpenAI's scale goes to 2
    elif chat.top_p is not None:  # of the two only one is taken
        body["top_p"] = chat.top_p
    if chat.top_k is not None:
        body["top_k"] = chat.top_k


def _dict(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
