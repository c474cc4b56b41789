"""A server's own web search, as the blocks that Claude Code's WebSearch tool reads its links from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from claude_code_router.core.chat import ChatRequest, Text

_ID = "srvtoolu_1"
"""There is one search a reply, and such ids live inside it."""

_MAX_QUERY_CHARS = 400


def search_blocks(chat: ChatRequest | None, citations: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The JSON of a server_tool_use and a web_search_tool_result block; nothing when the client offered no such tool: the
    model has then put its links into the text as well, and the blocks would only be odd."""
    if chat is None or not chat.offers_search:
        return ()
    results = [found for citation in citations if (found := _result(citation)) is not None]
    if not results:
        return ()
    use = {"type": "server_tool_use", "id": _ID, "name": "web_search", "input": {"query": _query(chat)}}
    result = {"type": "web_search_tool_result", "tool_use_id": _ID, "content": results}
    return msgspec.json.encode(use).decode(), msgspec.json.encode(result).decode()


def _result(citation: dict[str, Any]) -> dict[str, object] | None:
    source = citation.get("url_citation")
    source = source if isinstance(source, dict) else citation
    url = source.get("url", source.get("link"))  # Z.ai says link
    if not isinstance(url, str):
        return None
    title = source.get("title")
    title = title if isinstance(title, str) and title else url
    # No encrypted_content: only Anthropic's servers could fill it, and only they read it.
    return {"type": "web_search_result", "url": url, "title": title, "encrypted_content": "", "page_age": None}


def _query(chat: ChatRequest) -> str:
    texts = [part.text for turn in chat.turns if turn.role == "user" for part in turn.parts if isinstance(part, Text)]
    return texts[-1][-_MAX_QUERY_CHARS:] if texts else ""
