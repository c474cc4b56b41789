"""The world of a delivery."""

import time
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from tests.unit.delivery.world import BODY, HEADERS, ONCE, Client, Make, World

from claude_code_router.core.decision import Decision
from claude_code_router.core.escalation import Escalation
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.deliver import Delivery, Means
from claude_code_router.delivery.gate import Gate
from claude_code_router.delivery.holding import Inspector
from claude_code_router.delivery.memory import Memory
from claude_code_router.delivery.settings import DeliverySettings
from claude_code_router.delivery.transport import AiohttpTransport, Timeouts, Transport, UpstreamReply, UpstreamRequest
from claude_code_router.providers.provider import Provider


class _Watched:
    """The transport, which tells the time limits that it is given."""

    def __init__(self, transport: Transport, watch: Callable[[Timeouts], None]) -> None:
        self._transport = transport
        self._watch = watch

    async def post(self, request: UpstreamRequest, timeouts: Timeouts) -> UpstreamReply:
        self._watch(timeouts)
        return await self._transport.post(request, timeouts)

    async def close(self) -> None:
        await self._transport.close()


@pytest.fixture
async def world() -> AsyncIterator[Make]:
    transport = AiohttpTransport()
    yield world_of(transport)
    await transport.close()


def world_of(transport: Transport) -> Make:
    """`world(signals, anthropic_url, …)`: an Anthropic provider for each URL, an OpenAI one for each after `chat=`."""

    def make(
        signals: Signals,
        *urls: str,
        chat: tuple[str, ...] = (),
        settings: DeliverySettings = ONCE,
        memory: Memory | None = None,
        model: str = "m0",
        models: tuple[str, ...] = (),
        watch: Callable[[Timeouts], None] = lambda _: None,
        expected_usd: Callable[[Target, Usage], float | None] = lambda _target, _usage: None,
        inspector: Inspector | None = None,
        stronger: int = 1,
        body: bytes = b"",
        **plan: float,
    ) -> World:
        """With an inspector the last `stronger` providers are for replies that fall short; `plan` is put into their plan."""
        named = [
            *(
                Provider(name=f"a{n}", url=f"{url}/v1/messages", key="sk-a", dialect="anthropic", auth="x-api-key")
                for n, url in enumerate(urls)
            ),
            *(Provider(name=f"o{n}", url=f"{url}/v1/chat/completions", key="sk-o") for n, url in enumerate(chat)),
        ]
        named_models = models or (model,) * len(named)
        targets = tuple(Target(p.name, its) for p, its in zip(named, named_models, strict=True))
        held = Escalation(tier="mid", to="heavy", targets=targets[-stronger:])
        decision = Decision(
            route=Route(targets[:-stronger] if inspector else targets),
            rule="default",
            scenario="default",
            because="",
            verdicts=(),
            config_hash="",
            escalation=msgspec.structs.replace(held, **plan) if inspector else None,
        )
        body = body or BODY if signals.stream else BODY.replace(b"true", b"false")
        inbound = Inbound(
            id="req_1", path="/v1/messages", query="beta=true", headers=HEADERS, header={}, body=body, received_at=0.0
        )
        means = Means(
            providers={provider.name: provider for provider in named},
            transport=_Watched(transport, watch),
            settings=settings,
            gate=Gate(time.monotonic, time.time),
            memory=memory or Memory(),
            expected_usd=expected_usd,
            inspector=inspector,
            dice=lambda: 0.0,  # no pauses
            clock=time.monotonic,
        )
        client = Client()
        return World(Delivery(inbound, signals, decision, means, client), client)

    return make
