"""A generateContent request, read into a ChatRequest. Its model and `stream` stand in the body (door.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from claude_code_router.core.chat import ChatRequest, Text, Turn
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.gemini.declared import choice, json_schema, tools
from claude_code_router.dialects.gemini.spoken import Pairing, user_parts
from claude_code_router.dialects.gemini.wire_names import Fields, camel, fields_of
from claude_code_router.dialects.openai_chat.wording import JSON_ONLY, entries, members, wrong
from claude_code_router.dialects.unreadable import UNREADABLE

_COVERED = frozenset({
    "model", "stream", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "labels",
    "store", "serviceTier",
})  # fmt: skip
_LEVELS: Mapping[str, str] = {"MINIMAL": "low", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "XHIGH": "xhigh"}

Raw = msgspec.Raw
_NOTHING = Raw(b"null")


class _Config(msgspec.Struct, rename="camel"):
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    stop_sequences: list[str] | None = None
    candidate_count: int | None = None
    response_mime_type: str | None = None
    response_schema: Any = None
    response_json_schema: Any = None
    thinking_config: Any = None


class _Thinking(msgspec.Struct):
    kind: str = ""
    budget: int | None = None
    effort: str = ""


def decode_request(body: bytes) -> ChatRequest:
    """Raises BadRequest in one sentence: path, what was found, what was expected."""
    try:
        fields = fields_of(body)
        model = msgspec.json.decode(fields.get("model", _NOTHING), type=str)
        config = _config(fields)
        turns = tuple(_turns(msgspec.json.decode(fields.get("contents", _NOTHING), type=list[Raw])))
    except UNREADABLE as error:
        raise wrong(error) from error
    if "cachedContent" in fields:
        raise BadRequest("cachedContent: only Google's own servers hold it; this route leads to others.")
    if config.candidate_count not in (None, 1):
        raise BadRequest(
            f"generationConfig.candidateCount: found {config.candidate_count}, expected 1: this route leads to a provider "
            "that gives one answer."
        )
    tool_choice, allowed = choice(_builtins(fields.get("toolConfig")))
    offered = tuple(tools(_builtins(fields.get("tools"))))
    thinking = _thinking(camel(members(config.thinking_config)))
    schema = _schema(config)
    system = tuple(_system(fields))
    if config.response_mime_type == "application/json" and schema is None:
        system = (*system, Text(JSON_ONLY))
    return ChatRequest(
        model=model,
        system=system,
        turns=turns,
        tools=tuple(tool for tool in offered if not allowed or tool.server_type or tool.name in allowed),
        tool_choice=tool_choice,
        max_tokens=config.max_output_tokens,
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=None if config.top_k is None else int(config.top_k),
        stop=tuple(config.stop_sequences or ()),
        stream=bytes(fields.get("stream", b"")) == b"true",
        thinking=thinking.kind,
        thinking_budget=thinking.budget,
        effort=thinking.effort,
        json_schema=None if schema is None else Raw(msgspec.json.encode(schema)),
        unknown=tuple(name for name in fields if name not in _COVERED),
    )


def shows_thoughts(body: bytes) -> bool:
    """They are left out of a reply that was not asked for them."""
    try:
        config = fields_of(fields_of(body).get("generationConfig", b""))
        thinking = fields_of(config.get("thinkingConfig", b""))
    except UNREADABLE:
        return False
    return bytes(thinking.get("includeThoughts", b"")) == b"true"


def _config(fields: Fields) -> _Config:
    found = fields_of(fields.get("generationConfig", b""))
    return msgspec.json.decode(msgspec.json.encode(found), type=_Config)


def _builtins(raw: Raw | None) -> Any:
    return None if raw is None else msgspec.json.decode(raw)


def _schema(config: _Config) -> dict[str, Any] | None:
    if isinstance(config.response_json_schema, dict):
        return config.response_json_schema
    return json_schema(config.response_schema) if isinstance(config.response_schema, dict) else None


def _thinking(config: Mapping[str, Any]) -> _Thinking:
    """A budget of 0 switches thinking off, -1 leaves it to the model."""
    level, budget = config.get("thinkingLevel"), config.get("thinkingBudget")
    if isinstance(level, str) and level.upper() in _LEVELS:
        return _Thinking("adaptive", effort=_LEVELS[level.upper()])
    if not isinstance(budget, int) or isinstance(budget, bool):
        return _Thinking("adaptive" if config.get("includeThoughts") is True else "")
    if budget == 0:
        return _Thinking("disabled")
    return _Thinking("adaptive") if budget < 0 else _Thinking("enabled", budget)


def _system(fields: Fields) -> Iterator[Text]:
    found = _builtins(fields.get("systemInstruction"))
    if isinstance(found, str):
        found = {"parts": [{"text": found}]}
    parts = members(found).get("parts")
    for part in entries(parts) or ([parts] if isinstance(parts, dict) else []):
        text = members(part).get("text")
        if isinstance(text, str) and text:
            yield Text(text)


def _turns(contents: list[Raw]) -> Iterator[Turn]:
    """What a client says in several contents in a row is one turn. Raises BadRequest, or one of `UNREADABLE`."""
    pairing = Pairing()
    held: Turn | None = None
    for i, raw in enumerate(contents):
        path = f"contents[{i}]"
        content = fields_of(raw)
        role = msgspec.json.decode(content.get("role", Raw(b'"user"')))
        parts = msgspec.json.decode(content.get("parts", Raw(b"[]")), type=list[Fields] | Fields | None)
        listed = [camel(part) for part in (parts if isinstance(parts, list) else [parts] if parts else [])]
        if role not in ("user", "model", "function", None):
            raise BadRequest(f'{path}.role: found "{role}", expected user or model.')
        if role == "model":
            turn = Turn("assistant", tuple(pairing.model_parts(listed, path)))
        else:
            turn = Turn("user", tuple(user_parts(listed, pairing, path)))
        if held is not None and held.role == turn.role:
            held = Turn(held.role, held.parts + turn.parts)
            continue
        if held is not None:
            yield held
        held = turn
    if held is not None:
        yield held
