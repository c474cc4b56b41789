"""OpenAI's SDK and a client of Codex's form at our own door: what the router itself refuses, and a Codex session's turns."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio
from tests.e2e.house import House, house
from tests.e2e.wire import post

from claude_code_router.dialects.sse import SSEDecoder
from claude_code_router.scripted.script import Call, Say, Script, Think
from claude_code_router.scripted.upstream import Seen, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATCH = "*** Begin Patch\n*** End Patch"
TOOLS = [
    {"type": "function", "name": "shell", "strict": False, "parameters": {"type": "object", "properties": {}}},
    {"type": "custom", "name": "apply_patch", "description": "edits files",
     "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
]  # fmt: skip


def answer(seen: Seen) -> Script:
    """First a command and a patch, then the end: by what stands in the request."""
    if b"tool_result" in seen.body:
        return Script((Say("Done."),))
    calls = (Call("shell", {"command": ["ls"]}, id="call_1"), Call("apply_patch", {"input": PATCH}, id="call_2"))
    return Script((Think("Let me see.", signature="c2ln"), *calls))


class Bench:
    def __init__(self, router: House, upstream: Upstream) -> None:
        self.router = router
        self.upstream = upstream
        self.sdk = openai.AsyncOpenAI(base_url=f"{router.url}/v1", api_key="secret", max_retries=0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with Upstream(answer) as upstream:
        content = {
            "LOG": False,
            "APIKEY": "secret",
            "Providers": [
                {"name": "up", "api_base_url": f"{upstream.url}/v1/messages", "api_key": "k", "models": ["claude-opus-4-6"],
                 "transformer": {"use": ["Anthropic"]}},
            ],
            "Router": {"default": "up,claude-opus-4-6"},
        }  # fmt: skip
        async with house(tmp_path_factory.mktemp("openai"), content) as router:
            it = Bench(router, upstream)
            yield it
            await it.sdk.close()


async def codex(bench: Bench, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Posts as Codex does; reads as it does: the end must come, and repeats what was done."""
    body = {
        "model": "gpt-5.5-codex", "instructions": "You are a coding agent.", "input": items, "tools": TOOLS,
        "tool_choice": "auto", "parallel_tool_calls": False, "reasoning": {"effort": "high", "summary": "auto"},
        "store": False, "stream": True, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "thread-1",
    }  # fmt: skip
    headers = {"authorization": "Bearer secret", "session_id": "thread-1", "content-type": "application/json"}
    reply = await post(bench.router.url, json.dumps(body).encode(), headers, path="/v1/responses")
    assert reply.status == 200, reply.body
    events = [json.loads(event.data) for event in SSEDecoder().feed(reply.body)]
    done: dict[str, Any] = events[-1]
    assert done["type"] == "response.completed"
    response: dict[str, Any] = done["response"]
    return response


async def test_a_codex_session(bench: Bench) -> None:
    """Both kinds of tools are called and answered, and Claude gets its signed thinking back inside the loop."""
    user = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "fix it"}]}
    first = await codex(bench, [user])
    kinds = [item["type"] for item in first["output"]]
    assert kinds == ["reasoning", "function_call", "custom_tool_call"]
    assert first["output"][2]["input"] == PATCH
    results = [
        {"type": "function_call_output", "call_id": first["output"][1]["call_id"], "output": "a.py"},
        {"type": "custom_tool_call_output", "call_id": first["output"][2]["call_id"], "output": "Success"},
    ]
    second = await codex(bench, [user, *first["output"], *results])
    assert second["output"][0]["content"][0]["text"] == "Done."
    sent = bench.upstream.seen[-1]
    assert sent.headers["anthropic-version"]
    assert sent.json["thinking"]["type"] == "adaptive"
    assert sent.json["output_config"] == {"effort": "high"}
    assert [block["type"] for block in sent.json["messages"][1]["content"]] == ["thinking", "tool_use", "tool_use"]
    assert sent.json["messages"][1]["content"][0]["signature"] == "c2ln"
    row = await bench.router.record(second["id"].replace("resp_", "req_"))
    assert (row["session"], row["outcome"]) == ("thread-1", "delivered")


async def test_what_the_router_refuses(bench: Bench) -> None:
    """Our own refusals are the SDK's exceptions, with their sentence and a code."""
    with pytest.raises(openai.BadRequestError, match="no provider") as refused:
        await bench.sdk.chat.completions.create(model="nobody,x", messages=[{"role": "user", "content": "hi"}])
    assert refused.value.code == "policy_blocked"
    with pytest.raises(openai.BadRequestError, match="keeps no responses"):
        await bench.sdk.responses.create(model="m", input="hi", previous_response_id="resp_1")
    with pytest.raises(openai.AuthenticationError, match="API key is wrong"):
        await bench.sdk.with_options(api_key="wrong").responses.create(model="m", input="hi")
    with pytest.raises(openai.NotFoundError):
        await bench.sdk.embeddings.create(model="m", input="hi")


async def test_the_list_of_models(bench: Bench) -> None:
    """The SDK lists the targets under names that it can ask for."""
    listed = [model.id async for model in bench.sdk.models.list()]
    assert listed == ["up,claude-opus-4-6"]
    reply = await bench.sdk.responses.create(model=listed[0], input="hi")
    assert reply.model == listed[0]
