"""Web searches by providers that have one of their own, and plain words to models whose provider has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.house import house
from tests.e2e.wire import post

from claude_code_router.scripted.script import Raw, Say, Script
from claude_code_router.scripted.upstream import Upstream

SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


def asked(stream: bool = False) -> bytes:
    """As Claude Code's WebSearch tool asks."""
    said = "Perform a web search for the query: uv 1.0"
    body = {"model": "claude-x", "max_tokens": 64, "stream": stream, "messages": [{"role": "user", "content": said}]}
    return json.dumps({**body, "tools": [SEARCH], "tool_choice": {"type": "auto"}}).encode()


def config(url: str, path: str, **more: Any) -> dict[str, Any]:
    provider = {"name": "p", "api_base_url": f"{url}{path}", "api_key": "sk-p", "models": ["m"], **more}
    return {"Providers": [provider], "Router": {"default": "p,m"}}


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/chat/completions", {}),
        ("/v1/responses", {"dialect": "openai_responses"}),
        ("/api/chat", {"dialect": "ollama_chat"}),
    ],
)
async def test_a_model_without_a_search_is_told_so(tmp_path: Path, path: str, more: dict[str, str]) -> None:
    """The tool is left out, and the model hears it instead of inventing results."""
    async with (
        Upstream(Script((Say("I could not search."),))) as up,
        house(tmp_path, config(up.url, path, **more)) as it,
    ):
        answer = await post(it.url, asked())
    assert answer.status == 200
    [seen] = up.seen
    assert "tools" not in seen.json
    assert "never invent results" in json.dumps(seen.json)


@pytest.mark.parametrize(
    ("preset", "tool"),
    [
        ("openrouter", {"type": "openrouter:web_search"}),
        ("zai", {"type": "web_search", "web_search": {"enable": True, "search_result": True}}),
    ],
)
async def test_a_provider_searches_by_its_own_tool(tmp_path: Path, preset: str, tool: dict[str, Any]) -> None:
    """In the place of the client's, and nothing is said of a search that does not exist."""
    wanted = config("", "", preset=preset)
    async with Upstream(Script((Say("found"),))) as up:
        wanted["Providers"][0]["api_base_url"] = f"{up.url}/v1/chat/completions"
        async with house(tmp_path, wanted) as it:
            await post(it.url, asked())
    [seen] = up.seen
    assert seen.json["tools"] == [tool]
    assert "never invent results" not in json.dumps(seen.json)


@pytest.mark.parametrize("stream", [False, True])
async def test_pages_found_reach_the_client(tmp_path: Path, stream: bool) -> None:
    """Z.ai names them beside its choices; Claude Code reads its links from a web_search_tool_result block."""
    usage = {"prompt_tokens": 9, "completion_tokens": 5}
    pages = [{"title": "uv", "link": "https://docs.astral.sh/uv/", "content": "…"}, {"title": "odd"}]
    choice = {"index": 0, "finish_reason": "stop"}
    text = {"role": "assistant", "content": "uv 1.0 is out."}
    whole = {"id": "c", "model": "m", "usage": usage, "web_search": pages, "choices": [{**choice, "message": text}]}
    chunk = {"id": "c", "model": "m", "usage": usage, "web_search": pages, "choices": [{**choice, "delta": text}]}
    kind = "text/event-stream" if stream else "application/json"
    raw = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n" if stream else json.dumps(whole)
    script = Script((Raw(raw.encode()),), headers={"content-type": kind})
    async with Upstream(script) as up, house(tmp_path, config(up.url, "/v1/chat/completions", preset="zai")) as it:
        answer = await post(it.url, asked(stream))
        row = await it.record(answer)
    assert b"web_search_tool_result" in answer.body
    assert b"https://docs.astral.sh/uv/" in answer.body
    assert row["web_searches"] == 1
