"""The official `anthropic` SDK against our server, with an Anthropic-dialect upstream and an OpenAI-chat one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import anthropic
import pytest
import pytest_asyncio
from tests.e2e.house import House, house
from tests.e2e.stage import config

from claude_code_router.scripted.script import Call, Cut, Fault, Pause, Raw, Say, Script, ScriptUsage, Think
from claude_code_router.scripted.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

USAGE = ScriptUsage(input_tokens=100, cache_read_tokens=900, output_tokens=50, reasoning_tokens=20)
RICH = Script(
    (
        Think("I wonder."),
        Say("Look: größe 東京 🙂", 9),
        Call("search", {"query": 'a "b" \\ c', "deep": {"list": [1, 2.5, None, True]}}, id="call_1", fragments=40),
        Call("search", {"query": "second"}, id="call_2"),
    ),
    usage=USAGE,
)
TOOL: anthropic.types.ToolParam = {
    "name": "search",
    "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}},
}


class Bench:
    def __init__(self, router: House, upstream: Upstream) -> None:
        self.router = router
        self.upstream = upstream
        self.script = RICH
        self.client = anthropic.AsyncAnthropic(base_url=router.url, api_key="dummy", max_retries=0)

    async def create(self, model: str) -> anthropic.types.Message:
        return await self.client.messages.create(
            model=model, max_tokens=100, messages=[{"role": "user", "content": "hi"}], tools=[TOOL]
        )

    async def streamed(self, model: str) -> tuple[anthropic.types.Message, list[str]]:
        """What the SDK's accumulator makes of the stream, and the events' types."""
        types: list[str] = []
        async with self.client.messages.stream(
            model=model, max_tokens=100, messages=[{"role": "user", "content": "hi"}], tools=[TOOL]
        ) as stream:
            async for event in stream:
                types.append(event.type)
            return await stream.get_final_message(), types


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    benches: list[Bench] = []
    async with Upstream(lambda _: benches[0].script, count_tokens=77) as up:
        content = config(up.url, "relay", {"default": "up,main-model"})
        chat = {"name": "chat", "api_base_url": f"{up.url}/v1/chat/completions", "api_key": "k", "models": ["m"]}
        content["Providers"].append(chat)
        async with house(tmp_path_factory.mktemp("sdk"), content) as router:
            benches.append(Bench(router, up))
            yield benches[0]
            await benches[0].client.close()


@pytest.fixture(params=["up,main-model", "chat,m"])
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _check(message: anthropic.types.Message) -> None:
    kinds = [block.type for block in message.content]
    assert kinds in (["thinking", "text", "tool_use", "tool_use"], ["text", "tool_use", "tool_use"])
    [text] = [block.text for block in message.content if block.type == "text"]
    assert text == "Look: größe 東京 🙂"
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [call.id for call in calls] == ["call_1", "call_2"]
    assert calls[0].input == {"query": 'a "b" \\ c', "deep": {"list": [1, 2.5, None, True]}}
    assert message.stop_reason == "tool_use"
    assert message.role == "assistant"
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (100, 900, 50)


async def test_create(bench: Bench, model: str) -> None:
    """A whole message comes out as its upstream meant it."""
    bench.script = RICH
    _check(await bench.create(model))


@pytest.mark.parametrize("split", [0, 1, 5])
async def test_stream(bench: Bench, model: str, split: int) -> None:
    """The stream accumulates to the same message, however the upstream's bytes were cut."""
    bench.script = Script(RICH.steps, usage=USAGE, split=split)
    message, types = await bench.streamed(model)
    _check(message)
    assert types[0] == "message_start"
    assert types[-1] == "message_stop"


async def test_thinking_is_kept(bench: Bench, model: str) -> None:
    """Reasoning becomes a thinking block before the text."""
    bench.script = RICH
    message, _ = await bench.streamed(model)
    assert [block.thinking for block in message.content if block.type == "thinking"] == ["I wonder."]


@pytest.mark.parametrize(
    ("stop", "expected"), [("max_tokens", "max_tokens"), ("end_turn", "end_turn"), ("refusal", "refusal")]
)
async def test_stop_reasons(bench: Bench, model: str, stop: str, expected: str) -> None:
    """The stop reason is the upstream's."""
    bench.script = Script((Say("text"),), stop=stop)
    assert (await bench.create(model)).stop_reason == expected
    assert (await bench.streamed(model))[0].stop_reason == expected


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (529, "overloaded_error", anthropic.APIStatusError),
    ],
)
async def test_errors(bench: Bench, model: str, status: int, kind: str, error: type[anthropic.APIStatusError]) -> None:
    """Upstream's errors are the SDK's own exceptions, with the upstream's words."""
    bench.script = Script((Fault(kind, "in so many words"),), status=status, headers={"retry-after": "4"})
    with pytest.raises(error) as raised:
        await bench.create(model)
    assert raised.value.status_code == status
    assert "in so many words" in str(raised.value)
    if status == 429:
        assert raised.value.response.headers["retry-after"] == "4"


async def test_error_in_mid_stream(bench: Bench, model: str) -> None:
    """An error in mid-stream is raised; the text before it is not taken for the answer."""
    bench.script = Script((Say("half", 1), Pause(0.05), Fault("overloaded_error", "Overloaded")))
    with pytest.raises(anthropic.APIError):
        await bench.streamed(model)


async def test_empty_reply(bench: Bench) -> None:
    """A reply without content is a message without content."""
    bench.script = Script(())
    message, _ = await bench.streamed("up,main-model")
    assert message.content == []


async def test_empty_reply_of_a_chat_server(bench: Bench) -> None:
    """Chat servers end an answer without content when they fail: that is said, not passed on as a finished answer."""
    bench.script = Script(())
    with pytest.raises(anthropic.APIStatusError):
        await bench.streamed("chat,m")


async def test_count_tokens(bench: Bench, model: str) -> None:
    """Token counts are whole numbers, whoever counts."""
    counted = await bench.client.messages.count_tokens(model=model, messages=[{"role": "user", "content": "hi there"}])
    assert counted.input_tokens > 0


async def test_models(bench: Bench) -> None:
    """The SDK's own model list reads ours."""
    found = [row.id async for row in bench.client.models.list()]
    assert len(found) == 2


async def test_sync_client(bench: Bench, model: str) -> None:
    """The synchronous client works too (from a thread: the router lives in this loop)."""
    bench.script = Script((Say("hello"),))

    def ask() -> str:
        with anthropic.Anthropic(base_url=bench.router.url, auth_token="dummy", max_retries=0) as client:
            message = client.messages.create(model=model, max_tokens=9, messages=[{"role": "user", "content": "hi"}])
            [block] = message.content
            assert block.type == "text"
            return block.text

    assert await asyncio.to_thread(ask) == "hello"


@pytest.mark.parametrize(
    "half",
    [
        "event: content_block_del",
        "event: content_block_delta\n",
        'event: content_block_delta\ndata: {"type"',
        'event: content_block_delta\r\ndata: {"type":"con',
        'event: content_block_delta\ndata: {"type":"content_block_delta"}\n',
    ],
)
async def test_a_relayed_event_that_is_cut(bench: Bench, half: str) -> None:
    """The SDK does not stumble over the half of it: what it hears of is the error behind."""
    bench.script = Script((Say("Half of", 1), Raw(half.encode()), Pause(0.05), Cut()))
    with pytest.raises(anthropic.APIStatusError) as told:
        await bench.streamed("up,main-model")
    assert "overloaded_error" in str(told.value)
