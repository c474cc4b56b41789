"""Google's search, as the blocks that Claude Code's WebSearch tool reads its links from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from claude_code_router.core.chat import ChatRequest

_ID = "srvtoolu_1"
"""Such ids live inside one reply, and there is one block a reply."""


def wanted(chat: ChatRequest | None) -> bool:
    return chat is not None and any(tool.server_type.startswith("web_search") for tool in chat.tools)


def queries(grounding: Sequence[Mapping[str, object]]) -> list[str]:
    found = [query for one in grounding for query in _list(one.get("webSearchQueries")) if isinstance(query, str)]
    return list(dict.fromkeys(found))


def search_blocks(grounding: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """The JSON of a server_tool_use and a web_search_tool_result block; nothing without a source."""
    results = {url: title for one in grounding for url, title in _sources(one)}
    if not results:
        return ()
    use = {
        "type": "server_tool_use",
        "id": _ID,
        "name": "web_search",
        "input": {"query": "; ".join(queries(grounding))},
    }
    result = {
        "type": "web_search_tool_result",
        "tool_use_id": _ID,
        # No encrypted_content: only Anthropic's servers could fill it, and only they read it.
        "content": [
            {"type": "web_search_result", "url": url, "title": title, "encrypted_content": "", "page_age": None}
            for url, title in results.items()
        ],
    }
    return msgspec.json.encode(use).decode(), msgspec.json.encode(result).decode()


def _sources(one: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for chunk in _list(one.get("groundingChunks")):
        web = chunk.get("web") if isinstance(chunk, dict) else None
        url = web.get("uri") if isinstance(web, dict) else None
        if isinstance(web, dict) and isinstance(url, str) and url:
            title = web.get("title")
            yield url, title if isinstance(title, str) and title else url


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
