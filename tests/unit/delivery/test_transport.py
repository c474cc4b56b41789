"""The one seam to the network: what the wire does becomes a value or TransportFailed."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.failure import FailureKind
from claude_code_router.delivery.transport import AiohttpTransport, Timeouts, UpstreamReply, UpstreamRequest
from claude_code_router.scripted.script import Cut, Raw, Say, Script, Stall, Start
from claude_code_router.scripted.upstream import Upstream, in_turn


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    made = AiohttpTransport()
    yield made
    await made.close()


def asking(url: str, body: bytes = b'{"model":"m","messages":[],"stream":true}') -> UpstreamRequest:
    return UpstreamRequest(url=url, headers=[("content-type", "application/json"), ("X-Odd", "ä")], body=body)


async def read(reply: UpstreamReply) -> bytes:
    body = b""
    while chunk := await reply.next_chunk():
        body += chunk
    return body


async def test_sends_just_what_it_is_given(transport: AiohttpTransport) -> None:
    """Body, query and headers arrive as given; the client library adds none of its own."""
    async with Upstream(Script((Say("hi"),))) as up:
        reply = await transport.post(asking(f"{up.url}/v1/messages?beta=true&x=%2F"), Timeouts())
        assert b"message_stop" in await read(reply)
        reply.close()
    seen = up.seen[0]
    assert seen.query == "beta=true&x=%2F"
    assert seen.body == asking("").body
    assert set(seen.headers) == {"host", "content-type", "content-length", "x-odd"}


async def test_connections_are_kept(transport: AiohttpTransport) -> None:
    """A reply read to its end leaves a connection for the next."""
    async with Upstream(Script((Say("hi"),))) as up:
        for _ in range(3):
            reply = await transport.post(asking(f"{up.url}/v1/messages"), Timeouts())
            await read(reply)
            reply.close()
        assert not any(seen.cancelled for seen in up.seen)


async def test_closing_early_tells_the_upstream(transport: AiohttpTransport) -> None:
    """An upstream whose reply is closed in the middle notices."""
    async with Upstream(Script((Say("hi"), Stall()))) as up:
        reply = await transport.post(asking(f"{up.url}/v1/messages"), Timeouts())
        await reply.next_chunk()
        reply.close()
        while not up.seen[0].cancelled:
            await asyncio.sleep(0.01)


async def test_a_cancelled_wait_for_headers_tells_the_upstream(transport: AiohttpTransport) -> None:
    """A client that leaves before the headers are in stops the upstream's work as well."""
    async with Upstream(Script((Stall(),))) as up:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(transport.post(asking(f"{up.url}/v1/messages"), Timeouts()))
            while not up.seen:
                await asyncio.sleep(0.01)
            waiting.cancel()
        while not up.seen[0].cancelled:
            await asyncio.sleep(0.01)


async def kind_of(transport: AiohttpTransport, url: str, timeouts: Timeouts | None = None) -> str:
    with pytest.raises(TransportFailed) as caught:
        reply = await transport.post(asking(url), timeouts or Timeouts())
        try:
            await read(reply)
        finally:
            reply.close()
    return caught.value.kind


async def test_refused(transport: AiohttpTransport) -> None:
    """Nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert await kind_of(transport, f"http://127.0.0.1:{port}/v1/messages") == FailureKind.CONNECT


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://no-such-host.invalid/v1/messages", FailureKind.DNS),
        ("notaurl", FailureKind.UNSUPPORTED),
        ("http://[::1/x", FailureKind.UNSUPPORTED),
        ("ftp://127.0.0.1/x", FailureKind.UNSUPPORTED),
    ],
)
async def test_no_place_to_go(transport: AiohttpTransport, url: str, kind: FailureKind) -> None:
    """Names that do not resolve and URLs that are none fail before anything is sent."""
    assert await kind_of(transport, url) == kind


async def test_reset_before_headers(transport: AiohttpTransport) -> None:
    """The connection breaks before an answer."""
    async with Upstream(Script((Cut(),))) as up:
        assert await kind_of(transport, f"{up.url}/v1/messages") == FailureKind.RESET


async def test_cut_inside_the_body(transport: AiohttpTransport) -> None:
    """The connection breaks inside the reply."""
    async with Upstream(Script((Start(), Say("x"), Cut()))) as up:
        assert await kind_of(transport, f"{up.url}/v1/messages") == FailureKind.CUT


async def test_silence_before_the_headers(transport: AiohttpTransport) -> None:
    """No headers in time."""
    async with Upstream(Script((Stall(),))) as up:
        assert await kind_of(transport, f"{up.url}/v1/messages", Timeouts(first_byte_s=0.05)) == "first_byte_timeout"


async def test_not_http(transport: AiohttpTransport) -> None:
    """Something else listens on the port."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await kind_of(transport, f"http://127.0.0.1:{port}/v1/messages") == FailureKind.MALFORMED


async def test_redirects_are_not_followed(transport: AiohttpTransport) -> None:
    """A redirect would carry the key elsewhere: it comes back as what it is."""
    script = Script(status=302, headers={"location": "http://127.0.0.1:1/"}, body=b"")
    async with Upstream(in_turn(script)) as up:
        reply = await transport.post(asking(f"{up.url}/v1/messages"), Timeouts())
        assert reply.status == 302
        reply.close()


async def test_compressed_replies_are_read(transport: AiohttpTransport) -> None:
    """An upstream that compresses although it was not asked to is understood."""
    import gzip

    body = gzip.compress(b'{"ok":true}')
    script = Script((Raw(body),), headers={"content-encoding": "gzip", "content-type": "application/json"})
    async with Upstream(script) as up:
        reply = await transport.post(asking(f"{up.url}/v1/messages"), Timeouts())
        assert await read(reply) == b'{"ok":true}'
        reply.close()
