"""The server's own searches, as the blocks that Claude Code's WebSearch tool reads its links from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from claude_code_router.core.chat import ChatRequest


class Searches:
    """The searches of one reply and the pages that its text cites."""

    def __init__(self) -> None:
        self._actions: list[dict[str, Any]] = []
        self._titles: dict[str, str] = {}

    def ran(self, action: object) -> None:
        """The `action` of a finished web_search_call. Opening a found page is none of its own."""
        if isinstance(action, dict) and action.get("type") in (None, "search"):
            self._actions.append(action)

    def cited(self, annotation: object) -> None:
        if not isinstance(annotation, dict) or annotation.get("type") != "url_citation":
            return
        url, title = annotation.get("url"), annotation.get("title")
        if isinstance(url, str):
            self._titles[url] = title if isinstance(title, str) and title else url

    @property
    def count(self) -> int:
        return len(self._actions)

    def blocks(self, chat: ChatRequest | None) -> list[str]:
        """The JSON of a server_tool_use and a web_search_tool_result block for each search; none when the client offered no
        such tool."""
        if chat is None or not any(tool.server_type.startswith("web_search") for tool in chat.tools):
            return []
        actions = self._actions or ([{}] if self._titles else [])
        found: list[str] = []
        left = dict(self._titles)
        for n, action in enumerate(actions, 1):
            pages = _sources(action, self._titles)
            for url in pages:
                left.pop(url, None)
            if n == len(actions):
                pages |= left  # cited, and no search names them
            found += _pair(f"srvtoolu_{n}", _query(action), pages)
        return found


def _sources(action: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, str]:
    listed = action.get("sources")
    urls = [one.get("url") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return {url: titles.get(url, url) for url in urls if isinstance(url, str)}


def _query(action: Mapping[str, Any]) -> str:
    query, queries = action.get("query"), action.get("queries")
    if isinstance(query, str) and query:
        return query
    return "; ".join(map(str, queries)) if isinstance(queries, list) else ""


def _pair(tool_id: str, query: str, pages: Mapping[str, str]) -> Sequence[str]:
    use = {"type": "server_tool_use", "id": tool_id, "name": "web_search", "input": {"query": query}}
    # No encrypted_content: only Anthropic's servers could fill it, and only they read it.
    results = [
        {"type": "web_search_result", "url": url, "title": title, "encrypted_content": "", "page_age": None}
        for url, title in pages.items()
    ]
    result = {"type": "web_search_tool_result", "tool_use_id": tool_id, "content": results}
    return msgspec.json.encode(use).decode(), msgspec.json.encode(result).decode()
