"""What stands in a chat/completions reply, whole or in chunks, read with patience: `delta` and `message` have the same members,
and nearly every member is null, absent or of another shape somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from claude_code_router.core.usage import Usage


class Delta(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    tool_calls: Any = None
    function_call: Any = None
    refusal: Any = None
    annotations: Any = None


class Choice(msgspec.Struct):
    index: Any = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: Any = None
    usage: Any = None
    error: Any = None


class _Groq(msgspec.Struct):
    usage: Any = None
    error: Any = None


class Chunk(msgspec.Struct):
    id: Any = None
    model: Any = None
    object: Any = None
    choices: list[Choice | None] | None = None
    usage: Any = None
    error: Any = None
    code: Any = None
    message: Any = None
    x_groq: _Groq | None = None
    web_search: Any = None
    """Z.ai: the pages that its search has found."""

    @property
    def is_error(self) -> bool:
        """An error inside a 200: with an `error` member, or as a bare error object (older vLLM, DashScope, 2026-11)."""
        if self.error or self.object == "error":
            return True
        return self.choices is None and self.usage is None and bool(self.message)


chunk_decoder = msgspec.json.Decoder(Chunk)


class CallDelta(msgspec.Struct):
    """One piece of one tool call, in one form whatever the server's."""

    index: int | None
    id: str
    name: str
    arguments: str


def texts(content: Any) -> Iterator[tuple[bool, str]]:
    """(is it reasoning, text) of a `content`: a string, or a list of typed pieces (Mistral's reasoning models)."""
    if isinstance(content, str):
        if content:
            yield False, content
    elif isinstance(content, list):
        for piece in content:
            if isinstance(piece, str):
                yield False, piece
            elif isinstance(piece, dict):
                yield from _typed(piece)


def _typed(piece: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    if "thinking" in piece:
        inner = piece["thinking"]
        yield from ((True, text) for _, text in texts(inner if isinstance(inner, str | list) else None))
    elif isinstance(piece.get("text"), str):
        yield piece.get("type") == "reasoning", piece["text"]
    # References to sources carry numbers only; there is nothing to show.


def reasoning(delta: Delta) -> str:
    """The first of the fields that has text: some gateways repeat the same under several names."""
    for value in (delta.reasoning_content, delta.reasoning):
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict) and isinstance(value.get("content"), str):
            return str(value["content"])
    return "".join(
        str(item.get("text") or item.get("summary") or "")
        for item in details(delta)
        if item.get("type") != "reasoning.encrypted"
    )


def details(delta: Delta) -> list[dict[str, Any]]:
    found = delta.reasoning_details
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def merge_details(known: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    """Adds streamed pieces in place: pieces of one item carry the same type and index, and their text is to be joined."""
    for item in new:
        last = known[-1] if known else None
        if last is None or any(last.get(key) != item.get(key) for key in ("type", "index")):
            known.append(dict(item))
            continue
        for key, value in item.items():
            if key in ("text", "summary", "data") and isinstance(value, str) and isinstance(last.get(key), str):
                last[key] += value
            elif value is not None:
                last[key] = value


def call_deltas(delta: Delta) -> Iterator[CallDelta]:
    found = delta.tool_calls if isinstance(delta.tool_calls, list) else []
    if isinstance(delta.function_call, dict):  # the form before tool_calls
        found = [*found, {"function": delta.function_call}]
    for item in found:
        if isinstance(item, dict):
            function = item.get("function")
            function = function if isinstance(function, dict) else {}
            yield CallDelta(
                index=_index(item.get("index")),
                id=_word(item.get("id")),
                name=_word(function.get("name")),
                arguments=_arguments(function.get("arguments")),
            )


def _index(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def _word(value: object) -> str:
    return str(value) if isinstance(value, str | int) else ""


def _arguments(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()  # an object already (Ollama and proxies in front of it)


def read_usage(usage: object) -> Usage | None:
    """In our arithmetic: the prompt counts are cumulative and include what was cached; None when there is no count."""
    if not isinstance(usage, dict):
        return None
    prompt_details = _dict(usage.get("prompt_tokens_details")) or _dict(usage.get("input_tokens_details"))
    output_details = _dict(usage.get("completion_tokens_details")) or _dict(usage.get("output_tokens_details"))
    prompt = _count(usage.get("prompt_tokens"), usage.get("input_tokens"))
    output = _count(usage.get("completion_tokens"), usage.get("output_tokens"))
    read = _count(
        prompt_details.get("cached_tokens"),
        usage.get("prompt_cache_hit_tokens"),  # DeepSeek
        usage.get("cached_tokens"),  # Moonshot
        usage.get("cache_read_input_tokens"),
    )
    written = _count(
        prompt_details.get("cache_write_tokens"),  # OpenAI from gpt-5.6, OpenRouter
        prompt_details.get("cache_creation_input_tokens"),
        prompt_details.get("cache_creation_tokens"),
        usage.get("cache_creation_input_tokens"),
    )
    reasoned = _count(output_details.get("reasoning_tokens"), usage.get("reasoning_tokens"))
    if reasoned and _count(usage.get("total_tokens")) == prompt + output + reasoned:
        output += reasoned  # xAI and Gemini's compatible layer count reasoning beside the completion
    read = min(read, prompt)
    written = min(written, prompt - read)
    return Usage(
        input_tokens=prompt - read - written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
        reasoning_tokens=min(reasoned, output),
    )


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(*values: object) -> int:
    """The first that counts anything."""
    return next((int(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool) and v > 0), 0)
