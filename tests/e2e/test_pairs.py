"""Every client dialect with every provider dialect, judged by the client's official SDK on real sockets.

The last test prints the table of what was proven.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest
import pytest_asyncio
from tests.e2e.house import House, house
from tests.e2e.pair_clients import CLIENTS, NAME, PICTURE, PairClient

from claude_code_router.scripted.script import Call, Cut, Fault, Say, Script, ScriptUsage, Think
from claude_code_router.scripted.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROVIDERS = {
    "anthropic": ("/v1/messages", "Anthropic"),
    "openai_chat": ("/v1/chat/completions", ""),
    "openai_responses": ("/v1/responses", "openai-responses"),
    "gemini": ("/v1beta/models/", "gemini"),
    "ollama_chat": ("/api/chat", ""),
}
"""Provider dialect -> the path of its endpoint and the classic transformer that names it; one more line is one more column of
the table."""

CASES = {
    "text": "text, as it was said",
    "calls": "two calls at once",
    "results": "a picture and an error as their results",
    "reasoning": "reasoning, apart from the text; what its maker signed comes back to it",
    "limit": "cut off by the limit",
    "refusal": "refused by the model",
    "usage": "tokens, cached ones within the prompt's",
    "error": "the provider's refusal of the request",
    "cut": "a stream that breaks off",
}
"""What is proven of each pair."""
DOCS = Path(__file__).parents[2] / "docs" / "clients.md"
MARKS = ("<!-- generated: pairs -->", "<!-- end of pairs -->")
PAIRS = [pytest.param(client, provider, id=f"{client}-{provider}") for client in CLIENTS for provider in PROVIDERS]
WAYS = [pytest.param(True, id="stream"), pytest.param(False, id="whole")]

SAID = "Look: größe 東京 🙂\n\nDone."
FIRST, SECOND = {"query": 'a "b" \\ c'}, {"query": "second"}
CALLS = (Call(NAME, FIRST, id="call_1", fragments=9), Call(NAME, SECOND, id="call_2"))
USAGE = ScriptUsage(input_tokens=100, cache_read_tokens=900, output_tokens=50)


class Bench:
    def __init__(self, router: House, upstream: Upstream) -> None:
        self.upstream = upstream
        self.script = Script((Say("?"),))
        self.clients: dict[str, PairClient] = {name: make(router.url) for name, make in CLIENTS.items()}
        self.proven: dict[tuple[str, str, str], set[str]] = {}

    def note(self, client: str, provider: str, case: str, *, stream: bool) -> None:
        self.proven.setdefault((case, client, provider), set()).add("stream" if stream else "whole")


def target(provider: str, case: str) -> str:
    """A provider of its own for every case: one that fails is left alone for a while."""
    return f"{provider}-{case},some-model"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    benches: list[Bench] = []
    async with Upstream(lambda _: benches[0].script) as upstream:
        providers = [
            {
                "name": f"{name}-{case}",
                "api_base_url": upstream.url + path,
                "api_key": "sk-upstream",
                "models": ["some-model"],
                **({"transformer": {"use": [transformer]}} if transformer else {}),
            }
            for (name, (path, transformer)), case in itertools.product(PROVIDERS.items(), CASES)
        ]
        content = {"LOG": False, "Providers": providers, "Router": {"default": "anthropic-text,some-model"}}
        async with house(tmp_path_factory.mktemp("pairs"), content) as router:
            benches.append(Bench(router, upstream))
            yield benches[0]
            for client in benches[0].clients.values():
                await client.close()


@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_text(bench: Bench, client: str, provider: str, stream: bool) -> None:
    """Text arrives as it was said, and ends as it ended."""
    bench.script = Script((Say(SAID, 9),))
    heard = await bench.clients[client].ask(target(provider, "text"), stream=stream)
    assert (heard.text, heard.calls, heard.stop) == (SAID, [], "end_turn")
    bench.note(client, provider, "text", stream=stream)


@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_parallel_calls_and_their_results(bench: Bench, client: str, provider: str, stream: bool) -> None:
    """Two calls at once arrive with their arguments; a picture and an error as their results reach the provider."""
    bench.script = Script((Say("Wait."), *CALLS))
    heard = await bench.clients[client].ask(target(provider, "calls"), stream=stream)
    assert (heard.text, heard.calls, heard.stop) == ("Wait.", [(NAME, FIRST), (NAME, SECOND)], "tool_use")
    bench.note(client, provider, "calls", stream=stream)

    bench.script = Script((Say("So."),))
    after = await bench.clients[client].go_on(target(provider, "results"), heard, stream=stream)
    assert (after.text, after.stop) == ("So.", "end_turn")
    sent = bench.upstream.seen[-1].body.decode()
    assert all(word in sent for word in ("seen", "it is gone", PICTURE)), sent[:2000]
    bench.note(client, provider, "results", stream=stream)


@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_reasoning(bench: Bench, client: str, provider: str, stream: bool) -> None:
    """Reasoning arrives as reasoning, apart from the text, and what its maker signed comes back to it unchanged."""
    bench.script = Script((Think("I wonder.", signature="c2lnbmVk"), Say("Yes."), *CALLS))
    heard = await bench.clients[client].ask(target(provider, "reasoning"), stream=stream)
    shown = "I wonder." if (client, provider) != ("openai_responses", "openai_responses") else heard.thinking
    assert (heard.thinking, heard.text, heard.stop) == (shown, "Yes.", "tool_use")
    if provider == "anthropic" and client != "openai_chat":  # which sends back only what the API knows
        await bench.clients[client].go_on(target(provider, "reasoning"), heard, stream=stream)
        content = [block for turn in bench.upstream.seen[-1].json["messages"] for block in turn["content"]]
        back = [(b["thinking"], b["signature"]) for b in content if isinstance(b, dict) and b["type"] == "thinking"]
        assert back == [("I wonder.", "c2lnbmVk")]
    bench.note(client, provider, "reasoning", stream=stream)


@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_output_limit(bench: Bench, client: str, provider: str, stream: bool) -> None:
    """An answer that was cut off by the limit says so."""
    bench.script = Script((Say("Once upon"),), stop="max_tokens")
    told = f"{client} {stream}"
    try:
        heard = await bench.clients[client].ask(target(provider, "limit"), stream=stream, max_tokens=16)
        assert (heard.text, heard.stop) == ("Once upon", "max_tokens")
    except openai.LengthFinishReasonError:
        assert told == "openai_chat True"  # OpenAI's helper raises on this stop reason: it has read it
    bench.note(client, provider, "limit", stream=stream)


@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_refusal(bench: Bench, client: str, provider: str, stream: bool) -> None:
    """What the model would not answer is no plain end."""
    bench.script = Script((Say("I will not."),), stop="refusal")
    try:
        heard = await bench.clients[client].ask(target(provider, "refusal"), stream=stream)
        # Ollama knows no such end.
        assert (heard.text, heard.stop) == ("I will not.", "end_turn" if provider == "ollama_chat" else "refusal")
    except openai.ContentFilterFinishReasonError:
        assert f"{client} {stream}" == "openai_chat True"  # OpenAI's helper raises on this stop reason: it has read it
    bench.note(client, provider, "refusal", stream=stream)


@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_usage(bench: Bench, client: str, provider: str, stream: bool) -> None:
    """The prompt is counted once, its cached part within it."""
    bench.script = Script((Say("Yes."),), usage=USAGE)
    heard = await bench.clients[client].ask(target(provider, "usage"), stream=stream)
    cached = 0 if provider == "ollama_chat" else 900  # which does not say what it had cached
    assert (heard.prompt_tokens, heard.cached_tokens, heard.output_tokens) == (1000, cached, 50)
    bench.note(client, provider, "usage", stream=stream)


@pytest.mark.parametrize("stream", WAYS)
@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_error(bench: Bench, client: str, provider: str, stream: bool) -> None:
    """The provider's refusal of a request is the SDK's own exception, with the provider's words."""
    bench.script = Script((Fault("invalid_request_error", "that is not how it goes"),), status=400)
    with pytest.raises(bench.clients[client].bad_request, match="that is not how it goes"):
        await bench.clients[client].ask(target(provider, "error"), stream=stream)
    bench.note(client, provider, "error", stream=stream)


@pytest.mark.parametrize(("client", "provider"), PAIRS)
async def test_cut_stream(bench: Bench, client: str, provider: str) -> None:
    """A stream that breaks off after its first words is an error for the client, never an answer."""
    bench.script = Script((Say("Once upon a", 3), Cut()))
    with pytest.raises(bench.clients[client].errors):
        await bench.clients[client].ask(target(provider, "cut"), stream=True)
    bench.note(client, provider, "cut", stream=True)


async def test_table(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints what the tests above have proven in this run; docs/clients.md says the same when all of them ran. With
    CCR_WRITE_DOCS=1 it is written there."""
    marks = {frozenset({"stream", "whole"}): "both", frozenset({"stream"}): "stream", frozenset({"whole"}): "whole"}
    pairs = list(itertools.product(CLIENTS, PROVIDERS))
    rows = [["client > provider", *CASES]]
    for client, provider in pairs:
        found = [marks.get(frozenset(bench.proven.get((case, client, provider), ())), "-") for case in CASES]
        rows.append([f"{client} > {provider}", *found])
    with capsys.disabled():
        print("\n" + "\n".join(f"{row[0]:38}" + "".join(f"{cell:11}" for cell in row[1:]).rstrip() for row in rows))
    if any("-" in row[1:] for row in rows):
        return  # only a part was asked for
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    legend = [f"- `{case}`: {meaning}" for case, meaning in CASES.items()]
    table = "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:], "", *legend])
    text = await asyncio.to_thread(DOCS.read_text)
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    wanted = f"{before}{MARKS[0]}\n\n{table}\n\n{MARKS[1]}{after}"
    if os.environ.get("CCR_WRITE_DOCS"):
        await asyncio.to_thread(DOCS.write_text, wanted)
    else:
        assert text == wanted, "CCR_WRITE_DOCS=1 uv run pytest tests/e2e/test_pairs.py writes the table"
