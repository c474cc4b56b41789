"""Blocks that only Anthropic's servers understand, as a note in plain text, so that the model knows what happened."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from claude_code_router.core.chat import Opaque
from claude_code_router.dialects.unreadable import UNREADABLE

MAX_NOTE_CHARS = 20_000
"""A fetched page or a search result; what is longer is cut, and the note says so."""

_TITLES = {
    "server_tool_use": "used a tool of the server",
    "web_search_tool_result": "web search results",
    "web_fetch_tool_result": "fetched page",
    "tool_search_tool_result": "found tools",
    "search_result": "search result",
    "compaction": "summary of the earlier conversation",
    "container_upload": "a file that only Anthropic's servers hold",
    "image": "an image that only Anthropic's servers hold",
    "document": "a document that only Anthropic's servers hold",
}

_UNREADABLE = frozenset({"type", "id", "tool_use_id", "caller", "signature", "data", "cache_control", "citations"})
"""Members of a block that say nothing to a reader."""


def note(part: Opaque) -> str:
    title = _TITLES.get(part.type, part.type)
    try:
        lines = list(_lines(msgspec.json.decode(part.json)))
    except UNREADABLE:
        lines = []
    text = "\n".join(lines)
    if len(text) > MAX_NOTE_CHARS:
        text = f"{text[:MAX_NOTE_CHARS]}\n[cut: {len(text) - MAX_NOTE_CHARS} more characters]"
    return f"[{title}]\n{text}" if text else f"[{title}]"


def _lines(value: object, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in _UNREADABLE and not key.startswith("encrypted"):
                yield from _lines(inner, key)
        source = value.get("source")
        if isinstance(source, dict) and source.get("type") == "text" and isinstance(source.get("data"), str):
            yield source["data"]
    elif isinstance(value, list):
        for inner in value:
            yield from _lines(inner, name)
    elif isinstance(value, str) and value:
        yield value if name in ("", "text", "content", "stdout") else f"{name}: {value}"
    elif value is not None and not isinstance(value, str):
        yield f"{name}: {msgspec.json.encode(value).decode()}"
