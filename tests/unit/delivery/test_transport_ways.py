"""Ways to an upstream on real sockets: HTTP and SOCKS proxies, certificates of one's own, no redirects."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.failure import FailureKind
from claude_code_router.delivery.transport import AiohttpTransport, Timeouts, UpstreamRequest
from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Upstream

PEM = Path(__file__).parents[2] / "e2e" / "self_signed.pem"
REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    made = AiohttpTransport()
    yield made
    await made.close()


class Relay:
    """A proxy: plain requests in absolute form, CONNECT, and SOCKS5, told apart by the first byte."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.asked: list[str] = []
        self._refuses = refuses
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            first = await reader.readexactly(1)
            await (self._socks(reader, writer) if first == b"\x05" else self._http(first, reader, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def stop(self) -> None:
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await asyncio.sleep(0)  # closed connections are told on the loop's next round

    async def _http(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = first + await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self.asked.append(f"{method} {target}")
        if self._refuses:
            writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            return
        host, _, port = target.removeprefix("http://").partition("/")[0].partition(":")
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            up_writer.write(head.replace(f"http://{host}:{port}".encode(), b"", 1))
        await _both_ways(reader, writer, up_reader, up_writer)

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly((await reader.readexactly(1))[0])
        writer.write(b"\x05\x00")
        kind = (await reader.readexactly(4))[3]
        host = (await reader.readexactly((await reader.readexactly(1))[0] if kind == 3 else 4)).decode("latin-1")
        port = int.from_bytes(await reader.readexactly(2), "big")
        host = host if kind == 3 else ".".join(str(byte) for byte in host.encode("latin-1"))
        self.asked.append(f"SOCKS {host}:{port}")
        writer.write(b"\x05\x05\x00\x01" + bytes(6) if self._refuses else b"\x05\x00\x00\x01" + bytes(6))
        await writer.drain()
        if not self._refuses:
            await _both_ways(reader, writer, *await asyncio.open_connection("127.0.0.1", port))


async def _both_ways(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: asyncio.StreamReader, to_up: asyncio.StreamWriter
) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(reader, to_up))
            group.create_task(_copy(up, writer))
    finally:
        to_up.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def listening(relay: Relay) -> AsyncIterator[str]:
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await relay.stop()


@contextlib.asynccontextmanager
async def secure() -> AsyncIterator[str]:
    """An HTTPS upstream whose certificate nobody knows."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(REPLY)
            await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def status_of(transport: AiohttpTransport, url: str, *, proxy: str = "", ca_file: str = "") -> int:
    headers = [("content-type", "application/json")]
    request = UpstreamRequest(url=url, headers=headers, body=b"{}", proxy=proxy, ca_file=ca_file)
    reply = await transport.post(request, Timeouts(connect_s=5.0, first_byte_s=5.0))
    while await reply.next_chunk():
        pass
    reply.close()
    return reply.status


@pytest.mark.parametrize(("scheme", "asked"), [("http", "POST http://"), ("socks5", "SOCKS "), ("socks5h", "SOCKS ")])
async def test_a_request_goes_through_the_proxy(transport: AiohttpTransport, scheme: str, asked: str) -> None:
    """Whole, and its proxy alone is connected to; the upstream sees no proxy's headers."""
    relay = Relay()
    async with listening(relay) as address, Upstream(Script((Say("hi"),))) as up:
        assert await status_of(transport, f"{up.url}/v1/messages", proxy=f"{scheme}://{address}") == 200
    assert relay.asked[0].startswith(asked)
    assert "proxy-authorization" not in up.seen[0].headers


async def test_names_are_resolved_by_the_socks_proxy(transport: AiohttpTransport) -> None:
    """A name that only the proxy's network knows works."""
    relay = Relay()
    async with listening(relay) as address, Upstream(Script((Say("hi"),))) as up:
        port = up.url.rpartition(":")[2]
        assert (
            await status_of(transport, f"http://inside.invalid:{port}/v1/messages", proxy=f"socks5://{address}") == 200
        )
    assert relay.asked == [f"SOCKS inside.invalid:{port}"]


async def test_https_through_a_proxy_is_a_tunnel(transport: AiohttpTransport) -> None:
    """CONNECT, and the provider's own certificates are checked inside it."""
    relay = Relay()
    async with listening(relay) as address, secure() as url:
        assert await status_of(transport, url, proxy=f"http://{address}", ca_file=str(PEM)) == 200
    assert relay.asked[0].startswith("CONNECT 127.0.0.1:")


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_refuses(transport: AiohttpTransport, scheme: str) -> None:
    """Nothing was sent: the next target may be asked."""
    async with listening(Relay(refuses=True)) as address, secure() as url:
        with pytest.raises(TransportFailed) as failed:
            await status_of(transport, url, proxy=f"{scheme}://{address}")
    assert failed.value.kind == FailureKind.CONNECT
    assert "proxy" in failed.value.message


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_is_not_there(transport: AiohttpTransport, scheme: str) -> None:
    """As an upstream that is not there."""
    async with listening(Relay()) as address:
        pass
    with pytest.raises(TransportFailed) as failed:
        await status_of(transport, "http://api.example.invalid/", proxy=f"{scheme}://{address}")
    assert failed.value.kind == FailureKind.CONNECT


@pytest.mark.parametrize("name", ["127.0.0.1", "no-such-proxy.invalid"])
async def test_a_dead_proxy_is_told_as_the_proxy(transport: AiohttpTransport, name: str) -> None:
    """Its host is named, without user and password; the provider is not what cannot be reached."""
    async with listening(Relay()) as address:
        port = address.rpartition(":")[2]
    with pytest.raises(TransportFailed) as failed:
        await status_of(transport, "http://api.example.invalid/", proxy=f"http://user:word@{name}:{port}")
    assert f"proxy {name}:{port}" in failed.value.message
    assert "user" not in failed.value.message
    assert "word" not in failed.value.message
    assert not failed.value.message.startswith("api.example.invalid")


async def test_certificates_of_ones_own(transport: AiohttpTransport) -> None:
    """With `ca_file` the upstream is trusted; the same upstream without it is not."""
    async with secure() as url:
        assert await status_of(transport, url, ca_file=str(PEM)) == 200
        with pytest.raises(TransportFailed) as failed:
            await status_of(transport, url)
    assert failed.value.kind == FailureKind.TLS


async def test_certificates_that_are_none(transport: AiohttpTransport, tmp_path: Path) -> None:
    """A file that is missing or something else is said, not ignored."""
    (tmp_path / "other.pem").write_text("no certificate")
    for name in ("other.pem", "missing.pem"):
        with pytest.raises(TransportFailed, match="ca_file") as failed:
            await status_of(transport, "https://127.0.0.1:1", ca_file=str(tmp_path / name))
        assert failed.value.kind == FailureKind.TLS


async def test_redirects_are_not_followed(transport: AiohttpTransport) -> None:
    """A key must not travel to wherever a redirect points."""
    async with Upstream(Script((Say("hi"),))) as elsewhere:
        moved = Script(status=307, headers={"location": f"{elsewhere.url}/v1/messages"}, body=b"")
        async with Upstream(moved) as up:
            assert await status_of(transport, f"{up.url}/v1/messages") == 307
        assert not elsewhere.seen
