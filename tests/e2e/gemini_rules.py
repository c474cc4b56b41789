"""What a strict Gemini refuses (Google's API reference and google-genai 3.4.0, 2026-11): every translated request of every
scenario is held against them. Written apart from our dialect."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from google.genai import types

FIELDS = frozenset({"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings"})
CONFIG_FIELDS = frozenset({
    "maxOutputTokens", "temperature", "topP", "topK", "stopSequences", "thinkingConfig", "responseMimeType",
    "responseJsonSchema",
})  # fmt: skip
DECLARATION_FIELDS = frozenset({"name", "description", "parametersJsonSchema"})
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
ANTHROPIC_ONLY = (b'"cache_control"', b'"defer_loading"', b'"tool_reference"', b'"tool_use_id"', b'"input_schema"')
PLACEHOLDER = "skip_thought_signature_validator"


def complaints(body: bytes, *, placeholder: bool = True) -> list[str]:
    """All of them; none for a good request. `placeholder`: calls of other models are in the conversation."""
    return list(_complaints(json.loads(body), body, placeholder=placeholder))


def _complaints(request: dict[str, Any], body: bytes, *, placeholder: bool) -> Iterator[str]:
    yield from (f"unknown field {name}" for name in sorted(request.keys() - FIELDS))
    yield from (f"{word.decode()} of the other dialect" for word in ANTHROPIC_ONLY if word in body)
    config = request.get("generationConfig", {})
    yield from (f"unknown field {name} in generationConfig" for name in sorted(config.keys() - CONFIG_FIELDS))
    thinking = config.get("thinkingConfig", {})
    if "thinkingLevel" in thinking and "thinkingBudget" in thinking:
        yield "a level and a budget"
    types.GenerationConfig.model_validate(config)
    for text in request.get("systemInstruction", {"parts": [{"text": "x"}]})["parts"]:
        if text.keys() != {"text"} or not text["text"]:
            yield f"system part {text.keys()}"
    yield from _of_tools(request)
    yield from _of_contents(request.get("contents") or [], placeholder=placeholder)


def _of_tools(request: dict[str, Any]) -> Iterator[str]:
    declarations = [one for tool in request.get("tools") or () for one in tool.get("functionDeclarations", ())]
    if request.get("tools") == []:
        yield "an empty list of tools"
    if declarations and any("googleSearch" in tool for tool in request["tools"]):
        yield "a search beside functions"
    if "toolConfig" in request and not declarations:
        yield "a tool choice without tools"
    names = [one["name"] for one in declarations]
    if len(names) != len(set(names)):
        yield "two functions of one name"
    for one in declarations:
        if not NAME.fullmatch(one["name"]):
            yield f"function name {one['name']!r}"
        if one.keys() - DECLARATION_FIELDS or one["parametersJsonSchema"].get("type") != "object":
            yield f"declaration of {one['name']}: {one.keys()}"


def _of_contents(contents: list[dict[str, Any]], *, placeholder: bool) -> Iterator[str]:
    if not contents:
        yield "no contents"
    waiting: list[tuple[str, Any]] = []
    for at, content in enumerate(contents):
        types.Content.model_validate(content)
        if content.get("role") != ("user" if at % 2 == 0 else "model"):
            yield f"contents[{at}] is the {content.get('role')}'s"
        if not content.get("parts"):
            yield f"contents[{at}] has no parts"
        parts = content.get("parts") or []
        yield from (f"an empty text in contents[{at}]" for part in parts if part.get("text") == "")
        responses = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if [(one["name"], one.get("id")) for one in responses] != waiting:
            yield f"contents[{at}] does not answer {waiting}"
        if responses and any("functionResponse" not in part for part in parts[: len(responses)]):
            yield f"contents[{at}]: something stands before the responses"
        calls = [part for part in parts if "functionCall" in part]
        waiting = [(part["functionCall"]["name"], part["functionCall"].get("id")) for part in calls]
        if calls:
            yield from _of_signature(calls[0].get("thoughtSignature"), at, placeholder=placeholder)
    if waiting:
        yield f"calls without responses at the end: {waiting}"


def _of_signature(signature: str | None, at: int, *, placeholder: bool) -> Iterator[str]:
    if signature is None:
        yield f"Function call in the {at}. content block is missing a thought_signature"
    elif signature == PLACEHOLDER:
        if not placeholder:
            yield f"contents[{at}] has forgotten its signature"
    elif not base64.b64decode(signature).startswith(b"scripted-"):
        yield f"contents[{at}] has a signature that this server did not make"
