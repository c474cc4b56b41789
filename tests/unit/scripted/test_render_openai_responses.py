"""The scripted Responses API, judged by OpenAI's own SDK, and our dialect against both."""

from __future__ import annotations

import json

import httpx2
import openai
import pytest
from openai.types.responses import Response

from claude_code_router.core.reply import BlockStarted, ReplyEnded, ReplyFailed, UsageKnown
from claude_code_router.core.usage import Usage
from claude_code_router.dialects.anthropic_messages.encoder import encode_reply
from claude_code_router.dialects.anthropic_messages.request import decode_request
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_responses.quirks import ResponsesQuirks
from claude_code_router.dialects.openai_responses.reply import decode_reply
from claude_code_router.dialects.openai_responses.request import encode_request
from claude_code_router.scripted.script import Call, Fault, Say, Script, ScriptUsage, Search, Think
from claude_code_router.scripted.upstream import Upstream

MODEL = "gpt-6-sol"
USAGE = ScriptUsage(input_tokens=10, cache_read_tokens=5, cache_write_tokens=2, output_tokens=9, reasoning_tokens=4)
SCRIPT = Script(
    (Think("Hm."), Say("Let me see."), Call("Read", {"path": "ä"}, id="c1"), Call("Read", {"path": "b"}, id="c2")),
    usage=USAGE,
)
QUIRKS = ChatQuirks(responses=ResponsesQuirks(encrypted_reasoning=True, web_search=True))
HISTORY = {"role": "user", "content": "Go"}


def client(url: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)


def check(response: Response) -> None:
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call", "function_call"]
    assert response.output_text == "Let me see."
    assert response.status == "completed"
    assert response.usage is not None
    assert response.usage.input_tokens == 17
    assert response.usage.input_tokens_details.cached_tokens == 5


async def test_the_sdk_reads_a_whole_reply() -> None:
    """Its items, its status and its counts are what the script says."""
    async with Upstream(SCRIPT) as up, client(up.url) as sdk:
        check(await sdk.responses.create(model=MODEL, input="Go", include=["reasoning.encrypted_content"]))


async def test_the_sdk_reads_a_stream() -> None:
    """Its helper, which fails on any event out of place, ends with the same response."""
    async with Upstream(SCRIPT) as up, client(up.url) as sdk, sdk.responses.stream(model=MODEL, input="Go") as stream:
        kinds = [event.type async for event in stream]
        check(await stream.get_final_response())
        assert kinds[-1] == "response.completed"


@pytest.mark.parametrize("stream", [True, False])
async def test_our_dialect_reads_both(stream: bool) -> None:
    """Blocks, ids, arguments and usage; and what goes back is what came, for the SDK's model of an input too."""
    chat = decode_request(json.dumps({"model": "m", "messages": [HISTORY], "stream": stream}).encode())
    async with Upstream(SCRIPT) as up, httpx2.AsyncClient() as http:
        body = encode_request(chat, MODEL, QUIRKS, "o,m")
        reply = await http.post(f"{up.url}/v1/responses", content=body)
        events = decode_reply(reply.content, QUIRKS, chat, "o,m")
    kinds = [event.kind for event in events if isinstance(event, BlockStarted)]
    assert kinds == ["thinking", "text", "tool_call", "tool_call"]
    wanted = Usage(input_tokens=10, cache_read_tokens=5, cache_write_tokens=2, output_tokens=9, reasoning_tokens=4)
    assert UsageKnown(wanted) in events
    assert events[-1] == ReplyEnded("tool_use")
    content = json.loads(encode_reply(events, "msg_1", "m"))["content"]
    later = {"model": "m", "messages": [HISTORY, {"role": "assistant", "content": content}]}
    items = json.loads(encode_request(decode_request(json.dumps(later).encode()), MODEL, QUIRKS, "o,m"))["input"]
    assert [item["type"] for item in items[1:5]] == ["reasoning", "message", "function_call", "function_call"]
    assert items[1]["encrypted_content"].startswith("gAAAA-c2NyaXB0ZWQ=-rs_")


async def test_search_faults_and_limits() -> None:
    """Searches come as blocks, a failure as one, a limit as max_tokens."""
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    chat = decode_request(json.dumps({"model": "m", "messages": [HISTORY], "tools": tools, "stream": True}).encode())
    body = encode_request(chat, MODEL, QUIRKS, "o,m")
    found = Search("news", (("Page", "https://page.example"),))
    endings = []
    for script in (
        Script((found, Say("It is."))),
        Script((Fault("server_error", "x"),)),
        Script((Say("cut"),), stop="max_tokens"),
    ):
        async with Upstream(script) as up, httpx2.AsyncClient() as http:
            reply = await http.post(f"{up.url}/v1/responses", content=body)
            endings.append(decode_reply(reply.content, QUIRKS, chat))
    searched = json.loads(encode_reply(endings[0], "msg_1", "m"))
    assert [block["type"] for block in searched["content"]] == ["text", "server_tool_use", "web_search_tool_result"]
    assert searched["content"][2]["content"][0]["title"] == "Page"
    assert searched["usage"]["server_tool_use"]["web_search_requests"] == 1
    assert endings[1][-1] == ReplyFailed("api_error", "x")
    assert endings[2][-1] == ReplyEnded("max_tokens")
