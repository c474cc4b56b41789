"""What stands in a generateContent response, whole or in chunks: the same shape, read with patience."""

from __future__ import annotations

from typing import Any

import msgspec

from claude_code_router.core.usage import Usage
from claude_code_router.dialects.unreadable import UNREADABLE, mend


class FunctionCall(msgspec.Struct):
    id: Any = None
    name: Any = None
    args: msgspec.Raw = msgspec.Raw()


class Part(msgspec.Struct, rename="camel"):
    text: Any = None
    thought: Any = None
    thought_signature: Any = None
    function_call: FunctionCall | None = None
    inline_data: Any = None
    executable_code: Any = None
    code_execution_result: Any = None


class Content(msgspec.Struct):
    parts: list[Part | None] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    content: Content | None = None
    finish_reason: Any = None
    finish_message: Any = None
    index: Any = None
    grounding_metadata: Any = None


class Chunk(msgspec.Struct, rename="camel"):
    candidates: list[Candidate | None] | None = None
    prompt_feedback: Any = None
    usage_metadata: Any = None
    model_version: Any = None
    response_id: Any = None
    error: Any = None


_decoder = msgspec.json.Decoder(Chunk)
_list_decoder = msgspec.json.Decoder(list[Chunk])


def read_chunk(data: bytes) -> Chunk:
    """Raises one of `UNREADABLE`."""
    try:
        return _decoder.decode(data)
    except UNREADABLE:
        # Half a character at a chunk's edge must not end the whole answer.
        return _decoder.decode(mend(data))


def read_whole(body: bytes) -> list[Chunk]:
    """One object, or the array that a stream without `alt=sse` is. Raises one of `UNREADABLE`."""
    if body[:1] != b"[":
        return [read_chunk(body)]
    try:
        return _list_decoder.decode(body)
    except UNREADABLE:
        return _list_decoder.decode(mend(body))


def arguments(call: FunctionCall) -> str:
    """The JSON text of an object."""
    raw = bytes(call.args).strip()
    if raw in (b"", b"null"):
        return "{}"
    try:
        # Google's whole bodies are written over many lines; what is no JSON within is mended, or sent as a text.
        text = msgspec.json.format(raw, indent=-1) if b"\n" in raw else raw
        msgspec.json.decode(text)
        decoded = text.decode()
    except UNREADABLE:
        return msgspec.json.encode({"input": mend(raw).decode()}).decode()
    return decoded if decoded.startswith("{") else f'{{"input":{decoded}}}'


def read_usage(found: object) -> Usage | None:
    """`promptTokenCount` includes the cached tokens; thoughts are counted beside the answer; what a server-side tool has read
    (`toolUsePromptTokenCount`) is input as well."""
    if not isinstance(found, dict):
        return None
    cached = _count(found.get("cachedContentTokenCount"))
    prompt = _count(found.get("promptTokenCount")) + _count(found.get("toolUsePromptTokenCount"))
    thoughts = _count(found.get("thoughtsTokenCount"))
    return Usage(
        input_tokens=max(0, prompt - cached),
        cache_read_tokens=cached,
        output_tokens=_count(found.get("candidatesTokenCount")) + thoughts,
        reasoning_tokens=thoughts,
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
