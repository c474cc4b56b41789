"""Sessions that change their model in the middle, with thinking on, against upstreams that refuse what is not theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.e2e.house import house
from tests.e2e.pair_clients import CLIENTS, NAME, Heard, PairClient
from tests.e2e.responses_rules import complaints

from claude_code_router.scripted.script import Call, Fault, Say, Script, Think
from claude_code_router.scripted.upstream import Seen, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWN = "Q2xhdWRlJ3M="
GPT = "gpt-6-sol"
PATHS = {"claude": "/v1/messages", "chat": "/v1/chat/completions", "gem": "/v1beta/models/", "oai": "/v1/responses"}
USES = {
    "claude": {"use": ["Anthropic"]},
    "chat": {},
    "gem": {"use": ["gemini"]},
    "oai": {"use": ["openai-responses"]},
}


class Bench:
    def __init__(self) -> None:
        self.refuses: set[str] = set()
        """Signatures that Claude does not take any more."""
        self.relays_responses = False
        """OpenAI gets the client's own items then, and not those that we write."""
        self.up: Upstream
        self.clients: dict[str, PairClient] = {}

    def answer(self, seen: Seen) -> Script:
        if seen.dialect == "anthropic":
            for at, signature in signatures(seen):
                if signature != OWN or signature in self.refuses:
                    refusal = f"messages.{at}.content.0: Invalid `signature` in `thinking` block"
                    return Script((Fault("invalid_request_error", refusal),), status=400)
        wrong = [] if seen.dialect != "openai_responses" or self.relays_responses else complaints(seen.body)
        if wrong:
            return Script((Fault("invalid_request_error", "; ".join(wrong)),), status=400)
        calls = (Call(NAME, {"query": "a"}), Call(NAME, {"query": "b"}))
        return Script((Think("I wonder.", signature=OWN), Say("Yes."), *calls))


def signatures(seen: Seen) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for at, turn in enumerate(seen.json["messages"]):
        blocks: Any = turn["content"] if isinstance(turn["content"], list) else []
        found += [(at, block["signature"]) for block in blocks if block["type"] == "thinking"]
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    it = Bench()
    async with Upstream(it.answer) as it.up:
        providers = [
            {
                "name": name,
                "api_base_url": it.up.url + path,
                "api_key": "k",
                "models": ["m", GPT],
                "transformer": USES[name],
            }
            for name, path in PATHS.items()
        ]
        content = {"LOG": False, "Providers": providers, "Router": {"default": "claude,m"}}
        async with house(tmp_path_factory.mktemp("switching"), content) as router:
            it.clients = {name: make(router.url) for name, make in CLIENTS.items()}
            yield it
            for client in it.clients.values():
                await client.close()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", CLIENTS)
async def test_round_trip(bench: Bench, client: str, stream: bool) -> None:
    """Claude, chat, Responses, Gemini and back: nobody is sent what another has signed, Claude gets its own back."""
    it = bench.clients[client]
    bench.refuses.clear()
    bench.relays_responses = client == "openai_responses"
    heard: Heard = await it.ask("claude,m", stream=stream)
    for target in ("claude,m", "chat,m", "oai,m", "gem,m", "claude,m", "gem,m", "oai,m", "chat,m", "claude,m"):
        heard = await it.go_on(target, heard, stream=stream)
        assert heard.text == "Yes."


@pytest.mark.parametrize("stream", [True, False])
async def test_reasoning_goes_back_to_its_maker_alone(bench: Bench, stream: bool) -> None:
    """OpenAI's encrypted reasoning returns to it as it was, and to nobody else."""
    bench.relays_responses = False
    it = bench.clients["anthropic"]
    bench.refuses.clear()
    heard: Heard = await it.ask("claude,m", stream=stream)
    before = len(bench.up.seen)
    oai = f"oai,{GPT}"
    targets = (oai, oai, "gem,m", oai, "claude,m", oai, "chat,m", oai, oai)
    for target in targets:
        heard = await it.go_on(target, heard, stream=stream)
        assert heard.text == "Yes."
    hops = bench.up.seen[before:]
    given = [[i["encrypted_content"] for i in hop.json.get("input", ()) if i["type"] == "reasoning"] for hop in hops]
    assert [len(found) for found in given] == [0, 1, 0, 0, 0, 0, 0, 0, 1]
    assert all(found[0].startswith(f"gAAAA-{OWN}-rs_") for found in given if found)
    assert not any(b"ccr1" in hop.body for hop in hops)


@pytest.mark.parametrize("client", ["anthropic", "openai_responses"])
async def test_a_refused_signature(bench: Bench, client: str) -> None:
    """A signature that Claude does not take any more costs one more request, without thinking; the client sees an answer."""
    it = bench.clients[client]
    bench.refuses.clear()
    heard = await it.ask("claude,m", stream=True)
    bench.refuses.add(OWN)
    before = len(bench.up.seen)
    assert (await it.go_on("claude,m", heard, stream=True)).text == "Yes."
    refused, healed = bench.up.seen[before:]
    assert [found for _, found in signatures(refused)] == [OWN]
    assert signatures(healed) == []
