"""The simulated upstream is believable: the official SDK reads it, and its faults are real ones on the wire."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import anthropic
import pytest

from claude_code_router.scripted import (
    Call,
    Cut,
    End,
    Fault,
    Pause,
    Raw,
    Say,
    Script,
    ScriptUsage,
    Search,
    Stall,
    Start,
    Step,
    Think,
    Upstream,
    Wait,
    in_turn,
)

EVERYTHING = Script(
    (
        Think("Let me see …", signature="c2ln"),
        Say("Grüße, 世界", chunks=4),
        Call("Read", {"path": "/tmp/ä", "limit": 3}, fragments=5),
        Call("Bash", {"command": "ls"}),
        Call("Nothing", {}),
    ),
    usage=ScriptUsage(input_tokens=7, cache_read_tokens=90, cache_write_tokens=3, output_tokens=21, reasoning_tokens=4),
)
ASK: dict[str, Any] = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}


def client(up: Upstream) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=up.url, api_key="k", max_retries=0)


async def post(up: Upstream, path: str, **body: Any) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(up.url + path, json={**ASK, **body}) as reply,
    ):
        return reply.status, await reply.read()


def chunks_of(body: bytes) -> list[dict[str, Any]]:
    lines = [line.removeprefix(b"data: ") for line in body.split(b"\n\n") if line]
    assert lines[-1] == b"[DONE]"
    return [json.loads(line) for line in lines[:-1]]


@pytest.mark.parametrize("split", [0, 1, 7])
async def test_the_sdk_accumulates_a_stream(split: int) -> None:
    """The official SDK should put together the very blocks that the Script names, however the bytes are split."""
    script = Script(EVERYTHING.steps, usage=EVERYTHING.usage, split=split)
    async with Upstream(script) as up, client(up) as sdk, sdk.messages.stream(**ASK) as stream:
        message = await stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use", "tool_use"]
    thinking, text, read, _, nothing = message.content
    assert thinking.type == "thinking" and (thinking.thinking, thinking.signature) == ("Let me see …", "c2ln")
    assert text.type == "text" and text.text == "Grüße, 世界"
    assert read.type == "tool_use" and (read.name, read.input) == ("Read", {"path": "/tmp/ä", "limit": 3})
    assert nothing.type == "tool_use" and nothing.input == {}
    assert (message.stop_reason, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (
        "tool_use",
        90,
        21,
    )


async def test_streamed_and_whole_agree() -> None:
    """The SDK should read the same message from the whole reply as from the stream."""
    async with Upstream(EVERYTHING) as up, client(up) as sdk:
        whole = await sdk.messages.create(**ASK)
        async with sdk.messages.stream(**ASK) as stream:
            streamed = await stream.get_final_message()
    anonymous = {"id": ...}
    assert [{**b.model_dump(), **anonymous} for b in whole.content] == [
        {**b.model_dump(), **anonymous} for b in streamed.content
    ]
    assert whole.stop_reason == streamed.stop_reason
    assert [seen.stream for seen in up.seen] == [False, True]


async def test_a_search_is_read_by_the_sdk() -> None:
    """A web search of the provider's own should arrive as a server tool's use and its results."""
    script = Script(
        (Search("cats", (("Cats", "https://cats.example"),)), Say("Found.")), usage=ScriptUsage(web_searches=1)
    )
    async with Upstream(script) as up, client(up) as sdk, sdk.messages.stream(**ASK) as stream:
        message = await stream.get_final_message()
    assert [block.type for block in message.content] == ["server_tool_use", "web_search_tool_result", "text"]
    assert message.stop_reason == "end_turn"


async def test_openai_stream_has_the_documented_shape() -> None:
    """A chat stream should open with the role, number its calls, finish, give usage on request, and say [DONE]."""
    async with Upstream(EVERYTHING) as up:
        _, body = await post(up, "/v1/chat/completions", stream=True, stream_options={"include_usage": True})
    chunks = chunks_of(body)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    assert deltas[0]["role"] == "assistant"
    assert "".join(d.get("content") or "" for d in deltas) == "Grüße, 世界"
    assert "".join(d.get("reasoning_content", "") for d in deltas) == "Let me see …"
    calls = [call for d in deltas for call in d.get("tool_calls", [])]
    arguments = [json.loads("".join(c["function"]["arguments"] for c in calls if c["index"] == i)) for i in range(3)]
    assert arguments == [{"path": "/tmp/ä", "limit": 3}, {"command": "ls"}, {}]
    heads = [call for call in calls if "id" in call]
    assert len({call["id"] for call in heads}) == 3
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks if chunk["choices"]][-1] == "tool_calls"
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["prompt_tokens"] == 100
    assert {chunk["usage"] for chunk in chunks[:-1]} == {None}


async def test_openai_usage_in_a_stream_is_only_for_those_who_ask() -> None:
    """Without `stream_options.include_usage` no chunk should carry usage."""
    async with Upstream(EVERYTHING) as up:
        _, body = await post(up, "/v1/chat/completions", stream=True)
    assert all("usage" not in chunk for chunk in chunks_of(body))


async def test_openai_whole() -> None:
    """A whole chat completion should carry text, reasoning, calls, finish reason and usage."""
    async with Upstream(EVERYTHING) as up:
        status, body = await post(up, "/api/v9/chat/completions")
    reply = json.loads(body)
    message = reply["choices"][0]["message"]
    assert (status, message["content"], message["reasoning_content"]) == (200, "Grüße, 世界", "Let me see …")
    assert [json.loads(call["function"]["arguments"]) for call in message["tool_calls"]][1] == {"command": "ls"}
    assert reply["choices"][0]["finish_reason"] == "tool_calls"
    assert reply["usage"]["prompt_tokens_details"]["cached_tokens"] == 90


@pytest.mark.parametrize(
    ("status", "steps", "path", "kind"),
    [
        (529, (), "/v1/messages", "overloaded_error"),
        (429, (Fault("rate_limit_error", "slow down"),), "/v1/messages", "rate_limit_error"),
        (503, (), "/v1/messages", "api_error"),
        (429, (), "/chat/completions", "rate_limit_exceeded"),
        (500, (), "/chat/completions", "server_error"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_errors_are_in_the_dialect(
    status: int, steps: tuple[Step, ...], path: str, kind: str, stream: bool
) -> None:
    """An error status should come as JSON in the asker's dialect, with the headers that the Script adds."""
    script = Script(steps, status=status, headers={"retry-after": "2"})
    async with (
        Upstream(script) as up,
        aiohttp.ClientSession() as session,
        session.post(up.url + path, json={**ASK, "stream": stream}) as reply,
    ):
        assert (reply.status, reply.headers["retry-after"]) == (status, "2")
        assert (await reply.json())["error"]["type"] == kind


async def test_a_fault_in_a_stream_reaches_the_sdk() -> None:
    """An error event after some text should raise in the SDK."""
    async with Upstream(Script((Say("half", chunks=1), Fault("overloaded_error", "busy")))) as up, client(up) as sdk:
        with pytest.raises(anthropic.APIError, match="busy"):
            async with sdk.messages.stream(**ASK) as stream:
                await stream.get_final_message()


@pytest.mark.parametrize(
    ("steps", "heard"),
    [
        ((Cut(),), None),
        ((End(),), None),
        ((End(clean=False),), None),
        ((Start(), Cut()), b"message_start"),
        ((Say("half", chunks=1), Cut()), b"half"),
        ((Say("half", chunks=1), End(clean=False)), b"half"),
    ],
)
async def test_broken_connections(steps: tuple[Step, ...], heard: bytes | None) -> None:
    """A reset or a bare close should be a network error for the client, after exactly what was said before it."""
    got: list[bytes] = []
    async with Upstream(Script(steps)) as up, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            async with session.post(up.url + "/v1/messages", json={**ASK, "stream": True}) as reply:
                async for chunk in reply.content.iter_any():
                    got.append(chunk)
    assert (heard or b"") in b"".join(got)
    assert bool(got) is (heard is not None)
    assert not up.seen[0].cancelled


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_a_clean_end_is_no_network_error(path: str) -> None:
    """`End()` should close the HTTP body properly and leave out the dialect's end, so that only the grammar tells."""
    async with Upstream(Script((Say("half", chunks=1), End()))) as up:
        status, body = await post(up, path, stream=True)
    assert status == 200 and b"half" in body
    assert b"message_stop" not in body and b"[DONE]" not in body


async def test_a_whole_reply_can_break_in_its_middle() -> None:
    """A whole reply with an ending among its steps should stop half way through its body."""
    async with Upstream(Script((Say("half", chunks=1), Cut()))) as up:
        with pytest.raises(aiohttp.ClientError):
            await post(up, "/v1/messages")


async def test_hanging_up_is_noticed() -> None:
    """A client that leaves a silent stream should be marked on what was seen, with the time."""
    async with Upstream(Script((Say("one"), Stall()))) as up, aiohttp.ClientSession() as session:
        async with session.post(up.url + "/v1/messages", json={**ASK, "stream": True}) as reply:
            await reply.content.readany()
            reply.close()
        async with asyncio.timeout(5):
            while not up.seen[0].cancelled:
                await asyncio.sleep(0.005)
    assert up.seen[0].cancelled_at is not None and up.seen[0].cancelled_at >= up.seen[0].at
    assert not up.seen[0].answered


async def test_keep_alive_and_turns() -> None:
    """Several requests on one connection should be answered in turn, the last Script repeating."""
    connector = aiohttp.TCPConnector(limit=1)
    async with (
        Upstream(in_turn(Script((Say("1"),)), Script((Pause(0.001), Say("2"))))) as up,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        texts = []
        for _ in range(3):
            async with session.post(up.url + "/v1/messages?beta=true", json=ASK, headers={"X-A": "b"}) as reply:
                texts.append((await reply.json())["content"][0]["text"])
        assert len(up.connections) == 1
    assert texts == ["1", "2", "2"]
    assert (up.seen[0].query, up.seen[0].headers["x-a"], up.seen[0].json["model"]) == ("beta=true", "b", "m")


async def test_raw_first_is_verbatim_and_raw_later_is_mixed_in() -> None:
    """A Script that begins with Raw should be nothing but its bytes; a later Raw should stand among the events."""
    async with Upstream(in_turn(Script((Raw(b"abc"), Raw(b"\xff"))), Script((Say("x"), Raw(b": hello\n\n"))))) as up:
        _, verbatim = await post(up, "/v1/messages", stream=True)
        _, mixed = await post(up, "/v1/messages", stream=True)
    assert verbatim == b"abc\xff"
    assert b"\n\n: hello\n\n" in mixed and mixed.endswith(b'"message_stop"}\n\n')


async def test_a_body_of_any_kind() -> None:
    """A given body should be sent as it is, with its own content type."""
    html = Script(body=b"<html>Bad gateway</html>", headers={"content-type": "text/html"})
    async with (
        Upstream(html) as up,
        aiohttp.ClientSession() as session,
        session.post(up.url + "/v1/messages", json={**ASK, "stream": True}) as reply,
    ):
        assert (reply.status, reply.content_type) == (200, "text/html")
        assert await reply.text() == "<html>Bad gateway</html>"


async def test_counting_models_and_the_unknown() -> None:
    """count_tokens and models should answer without asking the Script; other paths are 404."""
    async with Upstream(Script(), count_tokens=123, models=("a", "b")) as up, client(up) as sdk:
        counted = await sdk.messages.count_tokens(model="m", messages=[{"role": "user", "content": "hi"}])
        models = [model.id async for model in sdk.models.list()]
        status, _ = await post(up, "/nowhere")
    assert (counted.input_tokens, models, status) == (123, ["a", "b"], 404)


async def test_a_failing_script_is_raised_at_the_end() -> None:
    """A function that fails should cost the client a 500 and be raised when the upstream closes."""

    def broken(_: object) -> Script:
        raise LookupError("no script for this")

    with pytest.raises(LookupError, match="no script"):
        async with Upstream(broken) as up:
            status, _ = await post(up, "/v1/messages")
            assert status == 500


async def test_invalid_json_is_seen_as_it_came() -> None:
    """A body that is not JSON should be recorded and answered all the same."""
    async with (
        Upstream(Script((Say("ok"),))) as up,
        aiohttp.ClientSession() as session,
        session.post(up.url + "/v1/messages", data=b"{not json") as reply,
    ):
        assert reply.status == 200
    assert (up.seen[0].body, up.seen[0].json) == (b"{not json", {})


async def test_a_gate_holds_the_stream() -> None:
    """`Wait` should keep the rest back until its gate is set, and no longer."""
    gate = asyncio.Event()
    async with (
        Upstream(Script((Say("one"), Wait(gate), Say("two")))) as up,
        aiohttp.ClientSession() as session,
        session.post(up.url + "/v1/messages", json={**ASK, "stream": True}) as reply,
    ):
        before = await reply.content.readuntil(b'"content_block_stop"')
        gate.set()
        after = await reply.content.read()
    assert b"text_delta" in before and before.count(b"content_block_start") == 2
    assert b"text_delta" in after and b"message_stop" in after
