"""A ChatRequest, written as the body of Ollama's own chat request.

It is chat/completions in most of its words, so the messages are written by that dialect and put into Ollama's form here:
pictures beside the text, arguments as objects, `thinking` for earlier reasoning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from claude_code_router.catalog.cards import card
from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.openai_chat.messages import encode_messages
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.request import NEEDS_ANTHROPIC, encode_tools
from claude_code_router.dialects.owner_fields import cap, fill, force
from claude_code_router.dialects.unreadable import UNREADABLE

_BYTES_PER_TOKEN = 3
"""Careful: code and JSON have about four."""
_UNKNOWN_WINDOW = 131_072
_REPLY_TOKENS = 8192
"""Room for the answer inside the window."""

_encode = msgspec.json.Encoder().encode


def encode_request(chat: ChatRequest, model: str, quirks: ChatQuirks) -> bytes:
    """Raises BadRequest for what only Anthropic's servers can do."""
    for field in chat.unknown:
        if field in NEEDS_ANTHROPIC:
            raise BadRequest(f"{field}: {NEEDS_ANTHROPIC[field]}; this route leads to another provider.")
    if not chat.turns:
        raise BadRequest("messages: found an empty array, expected at least one message.")
    body: dict[str, Any] = {
        "model": model,
        "messages": _messages(encode_messages(chat, model, quirks), quirks),
        "stream": chat.stream,
    }
    forbidden = chat.tool_choice is not None and chat.tool_choice.mode == "none"  # it has no word for a choice
    if not forbidden and (tools := encode_tools(chat, quirks)):
        body["tools"] = tools
    if chat.json_schema is not None:
        body["format"] = chat.json_schema
    think = _think(chat, model, quirks)
    if think is not None:
        body["think"] = think
    body["options"] = _options(chat, quirks)
    fill(body, quirks.extra_body)
    force(body, quirks.force_body)
    cap(body, quirks.caps)
    options = body["options"]
    if isinstance(options, dict) and "num_ctx" not in options:
        options["num_ctx"] = _window(len(_encode([body["messages"], body.get("tools")])), model, quirks)
    return _encode(body)


def _messages(encoded: Sequence[dict[str, Any]], quirks: ChatQuirks) -> list[dict[str, Any]]:
    """Results say their tool's name as well: the models' templates show that, and not the id."""
    messages = [_message(message, quirks) for message in encoded]
    names = {
        call["id"]: call["function"]["name"] for message in messages for call in message.get("tool_calls", ())
    }  # ids are unique in a conversation
    for message in messages:
        if message.get("tool_call_id") in names:
            message["tool_name"] = names[message["tool_call_id"]]
    return messages


def _message(message: dict[str, Any], quirks: ChatQuirks) -> dict[str, Any]:
    written: dict[str, Any] = {"role": message["role"], "content": message.get("content") or ""}
    if isinstance(written["content"], list):
        _spread(written)
    if quirks.reasoning_replay and (reasoning := message.get(quirks.reasoning_replay)):
        written["thinking"] = reasoning
    if calls := message.get("tool_calls"):
        written["tool_calls"] = [_call(call) for call in calls]
    if "tool_call_id" in message:
        written["tool_call_id"] = message["tool_call_id"]
    return written


def _spread(message: dict[str, Any]) -> None:
    """Text and pictures apart; it takes pictures as base64 only."""
    texts, images = [], []
    for part in message["content"]:
        url = part.get("image_url", {}).get("url", "")
        if part["type"] == "text":
            texts.append(part["text"])
        elif url.startswith("data:"):
            images.append(url.partition(",")[2])
        else:
            texts.append(f"[image omitted: {url}]" if url else "[document omitted: this server cannot read it]")
    message["content"] = "\n\n".join(texts)
    if images:
        message["images"] = images


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    try:
        arguments = msgspec.json.decode(function["arguments"])
    except UNREADABLE:
        arguments = {"input": function["arguments"]}
    return {"id": call["id"], "function": {"name": function["name"], "arguments": arguments}}


def _think(chat: ChatRequest, model: str, quirks: ChatQuirks) -> bool | str | None:
    """The compatible layer's level, as a switch; gpt-oss takes the level itself."""
    level = quirks.reasoning_fields(chat, model).get("reasoning_effort")
    if level is None:
        return None
    if level == "none":
        return False
    return str(level) if "gpt-oss" in model.lower() else True


def _options(chat: ChatRequest, quirks: ChatQuirks) -> dict[str, Any]:
    limit = chat.max_tokens if chat.max_tokens is not None else quirks.default_max_tokens
    if limit is not None and quirks.max_output_tokens is not None:
        limit = min(limit, quirks.max_output_tokens)
    asked = {
        "num_predict": max(1, limit) if limit is not None else None,
        "temperature": chat.temperature,
        "top_p": chat.top_p,
        "top_k": chat.top_k,
        "stop": [word for word in chat.stop if word] or None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _window(prompt_bytes: int, model: str, quirks: ChatQuirks) -> int:
    """The usual window, or the next one that holds the prompt: what does not fit is cut off at the front without a word.
    Doubled, not measured: each new size loads the model again."""
    window = quirks.num_ctx
    most = max(window, card(model).context_tokens or _UNKNOWN_WINDOW)
    while window < most and prompt_bytes // _BYTES_PER_TOKEN + _REPLY_TOKENS > window:
        window = min(window * 2, most)
    return window
