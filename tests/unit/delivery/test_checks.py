"""Active checks against real sockets."""

import asyncio

import pytest

from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.target import Target
from claude_code_router.delivery.checks import check_all, models_url, verdict
from claude_code_router.delivery.gate import Gate
from claude_code_router.delivery.transport import AiohttpTransport
from claude_code_router.providers.provider import Credential, Provider
from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Upstream


class Clock:
    at = 1000.0

    def __call__(self) -> float:
        self.at += 0.001
        return self.at


@pytest.mark.parametrize(
    ("url", "models"),
    [
        ("https://x/v1/chat/completions", "https://x/v1/models"),
        ("https://x/v1/messages", "https://x/v1/models"),
        ("https://x/odd", "https://x/odd"),
    ],
)
def test_where_the_models_are(url: str, models: str) -> None:
    """Beside the endpoint."""
    assert models_url(url) == models


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, None), (404, None), (403, None), (429, None), (401, "auth"), (500, "server"), (503, "server")],
)
def test_verdicts(status: int, kind: str | None) -> None:
    """Only what surely means trouble for requests."""
    found = verdict(status)
    assert (found.kind.value if found else None) == kind


async def test_what_is_gone_rests_and_what_is_back_does_not() -> None:
    """Without a single request; other providers are as they were."""
    clock = Clock()
    gate, transport = Gate(clock, clock), AiohttpTransport()
    target = Target("p", "m")
    async with Upstream(Script((Say("hi"),))) as up:
        url = up.url
    gone = Provider(name="p", url=f"{url}/v1/messages", key="k", dialect="anthropic")
    await check_all([gone], transport, gate)
    assert gate.rests(target, gone)
    async with Upstream(Script((Say("hi"),))) as up:
        back = Provider(name="p", url=f"{up.url}/v1/messages", key="k", dialect="anthropic", auth="x-api-key")
        gate.health.failed(("provider", "p", back.url), _connect(), clock(), 10.0)
        assert gate.rests(target, back)
        await check_all([back], transport, gate)
        assert not gate.rests(target, back)
    await transport.close()


async def test_every_key_is_asked_for() -> None:
    """Of two keys only the refused one rests, so that the provider does not; nothing is posted."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        status = b"401 Unauthorized" if b"sk-bad" in heads[-1] else b"200 OK"
        writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    clock = Clock()
    gate, transport = Gate(clock, clock), AiohttpTransport()
    keys = tuple(Credential(name=name, key=f"sk-{name}") for name in ("good", "bad"))
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/messages"
        provider = Provider(name="p", url=url, key="sk-good", dialect="anthropic", auth="x-api-key", credentials=keys)
        await check_all([provider], transport, gate)
    await transport.close()
    assert all(head.startswith(b"GET /v1/models ") for head in heads)
    assert [scope[:2] for scope in gate.health.breakers] == [("key", "p")]
    assert not gate.rests(Target("p", "m"), provider)


def _connect() -> Failure:
    return Failure(kind=FailureKind.CONNECT, fault="network", message="no")
