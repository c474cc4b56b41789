"""HTTP/2 upstream on real sockets with TLS: the same contract as in HTTP/1.1, over few connections."""

import asyncio
import gzip
import socket
import ssl
import sys
from collections.abc import AsyncIterator

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from tests.unit.delivery.h2_server import PEM, Asked, H2Server, h2_server
from tests.unit.delivery.test_transport_ways import Relay, listening, secure

from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.failure import FailureKind
from claude_code_router.delivery.http2_transport import Http2Transport
from claude_code_router.delivery.transport import AiohttpTransport, Timeouts, UpstreamReply, UpstreamRequest
from claude_code_router.scripted.script import Say, Script
from claude_code_router.scripted.upstream import Upstream

CHUNKS = [f"event: ping\ndata: {number}\n\n".encode() for number in range(5)]


@pytest.fixture
async def transport() -> AsyncIterator[Http2Transport]:
    made = Http2Transport(AiohttpTransport())
    yield made
    await made.close()


def asking(url: str, body: bytes = b'{"model":"m"}', *, ca_file: str = str(PEM), proxy: str = "") -> UpstreamRequest:
    headers = [("content-type", "application/json"), ("X-Odd", "ä"), ("x-api-key", "k"), ("connection", "keep-alive")]
    return UpstreamRequest(
        url=f"{url}/v1/messages?x=%2F", headers=headers, body=body, http2=True, ca_file=ca_file, proxy=proxy
    )


async def read(reply: UpstreamReply) -> bytes:
    body = b""
    while chunk := await reply.next_chunk():
        body += chunk
    return body


async def whole(transport: Http2Transport, request: UpstreamRequest, timeouts: Timeouts | None = None) -> bytes:
    reply = await transport.post(request, timeouts or Timeouts())
    try:
        return await read(reply)
    finally:
        reply.close()


async def kind_of(transport: Http2Transport, request: UpstreamRequest, timeouts: Timeouts | None = None) -> str:
    with pytest.raises(TransportFailed) as failed:
        await whole(transport, request, timeouts)
    return failed.value.kind


async def echo(asked: Asked) -> None:
    await asked.whole.wait()
    asked.begin()
    await asked.say(asked.body, end=True)


async def forever(_: Asked) -> None:
    await asyncio.Event().wait()


async def first_of(server: H2Server) -> Asked:
    while not server.asked:
        await asyncio.sleep(0.002)
    return server.asked[0]


async def test_sends_just_what_it_is_given(transport: Http2Transport) -> None:
    """Body, query and headers arrive as given, but for what HTTP/2 says in its own way."""
    async with h2_server(echo) as server:
        assert await whole(transport, asking(server.url)) == b'{"model":"m"}'
    [seen] = server.asked
    assert dict(seen.headers) == {
        b":method": b"POST",
        b":scheme": b"https",
        b":authority": server.url.removeprefix("https://").encode(),
        b":path": b"/v1/messages?x=%2F",
        b"content-type": b"application/json",
        b"x-odd": "ä".encode(),
        b"x-api-key": b"k",
        b"content-length": b"13",
    }


async def test_a_stream_arrives_piece_by_piece(transport: Http2Transport) -> None:
    """Each piece is there before the next one is sent, and all are what was sent."""
    go_on = asyncio.Event()

    async def answer(asked: Asked) -> None:
        asked.begin(200, (("content-type", "text/event-stream"), ("x-own", "v")))
        for chunk in CHUNKS:
            await asked.say(chunk)
            await go_on.wait()
            go_on.clear()
        await asked.say(b"", end=True)

    async with h2_server(answer) as server:
        reply = await transport.post(asking(server.url), Timeouts())
        assert (reply.status, ("x-own", "v") in reply.headers) == (200, True)
        got = []
        for _ in CHUNKS:
            got.append(await reply.next_chunk())
            go_on.set()
        assert await reply.next_chunk() == b""
        reply.close()
        assert got == CHUNKS


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 3_000_000])
async def test_bodies_of_every_size(transport: Http2Transport, size: int) -> None:
    """Beyond every window, both ways."""
    body = bytes(range(251)) * (size // 251) + b"x" * (size % 251)
    async with h2_server(echo) as server:
        assert await whole(transport, asking(server.url, body)) == body


@pytest.mark.parametrize("status", [302, 400, 429, 529])
async def test_statuses_come_as_they_are(transport: Http2Transport, status: int) -> None:
    """Errors with their bodies; redirects are not followed."""

    async def answer(asked: Asked) -> None:
        asked.begin(status, (("location", "https://127.0.0.1:1/"), ("retry-after", "7")))
        await asked.say(b'{"type":"error"}', end=True)

    async with h2_server(answer) as server:
        reply = await transport.post(asking(server.url, b"x" * 500_000), Timeouts())
        assert reply.status == status
        assert ("retry-after", "7") in reply.headers
        assert await read(reply) == b'{"type":"error"}'
        reply.close()


async def test_two_hundred_streams_over_few_connections(transport: Http2Transport) -> None:
    """All are on their way at once, and each gets its own reply; the server's limit is kept."""
    all_there = asyncio.Event()

    async def answer(asked: Asked) -> None:
        if len(server.asked) == 200:
            all_there.set()
        await all_there.wait()
        await echo(asked)

    async with h2_server(answer, most_streams=60) as server:
        bodies = [f"request {number}".encode() for number in range(200)]
        replies = await asyncio.gather(*(whole(transport, asking(server.url, body)) for body in bodies))
        assert replies == bodies
        assert len(server.connections) == 4


async def test_connections_are_kept(transport: Http2Transport) -> None:
    """One after the other needs one connection."""
    async with h2_server(echo) as server:
        for _ in range(5):
            await whole(transport, asking(server.url))
        assert len(server.connections) == 1


async def test_closing_early_tells_the_upstream(transport: Http2Transport) -> None:
    """Within 100 ms, as RST_STREAM; the connection and its other streams go on."""

    async def answer(asked: Asked) -> None:
        asked.begin()
        await asked.say(b"begun")
        await (asyncio.Event().wait() if len(server.asked) == 1 else asked.say(b"", end=True))

    async with h2_server(answer) as server:
        reply = await transport.post(asking(server.url), Timeouts())
        assert await reply.next_chunk() == b"begun"
        closed_at_s = asyncio.get_running_loop().time()
        reply.close()
        while server.asked[0].reset is None:
            await asyncio.sleep(0.002)
        assert server.asked[0].reset == ErrorCodes.CANCEL
        assert server.asked[0].reset_at_s - closed_at_s < 0.1
        assert await whole(transport, asking(server.url)) == b"begun"
        assert len(server.connections) == 1


async def test_a_cancelled_wait_for_headers_tells_the_upstream(transport: Http2Transport) -> None:
    """Likewise before the headers are in."""
    async with h2_server(forever) as server:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(transport.post(asking(server.url), Timeouts()))
            asked = await first_of(server)
            cancelled_at_s = asyncio.get_running_loop().time()
            waiting.cancel()
        while asked.reset is None:
            await asyncio.sleep(0.002)
        assert asked.reset == ErrorCodes.CANCEL
        assert asked.reset_at_s - cancelled_at_s < 0.1


async def test_what_nobody_reads_does_not_hold_up_the_others(transport: Http2Transport) -> None:
    """Replies that were left in the middle give back their share of the connection's window."""

    async def much(asked: Asked) -> None:
        asked.begin()
        await asked.say(b"x" * 250_000, end=True)

    async with h2_server(much) as server:
        for _ in range(150):  # more than the connection's window together
            reply = await transport.post(asking(server.url), Timeouts())
            await reply.next_chunk()
            reply.close()
        assert len(await whole(transport, asking(server.url))) == 250_000
        assert len(server.connections) == 1


async def test_broken_off_streams(transport: Http2Transport) -> None:
    """RST_STREAM: a reset before the headers, a cut after them. The neighbours do not notice."""

    async def answer(asked: Asked) -> None:
        await asked.whole.wait()
        if asked.body == b"ok":
            return await echo(asked)
        if asked.body == b"cut":
            asked.begin()
            await asked.say(b"begun")
        return asked.break_off()

    async with h2_server(answer) as server:
        assert await kind_of(transport, asking(server.url, b"cut")) == FailureKind.CUT
        assert await kind_of(transport, asking(server.url, b"reset")) == FailureKind.RESET
        assert await whole(transport, asking(server.url, b"ok")) == b"ok"
        assert len(server.connections) == 1


@pytest.mark.parametrize(("begun", "kind"), [(True, FailureKind.CUT), (False, FailureKind.RESET)])
@pytest.mark.parametrize("way", ["abort", "goaway"])
async def test_broken_connections(transport: Http2Transport, begun: bool, kind: FailureKind, way: str) -> None:
    """A connection that ends, or is given up with an error, ends its streams; the next request gets a new one."""

    async def answer(asked: Asked) -> None:
        await asked.whole.wait()
        if asked.body == b"ok":
            return await echo(asked)
        if begun:
            asked.begin()
            await asked.say(b"begun")
            await asyncio.sleep(0.05)
        if way == "abort":
            return asked.connection.transport.abort()
        return asked.connection.goaway(asked.id, ErrorCodes.ENHANCE_YOUR_CALM)

    async with h2_server(answer) as server:
        assert await kind_of(transport, asking(server.url)) == kind
        assert await whole(transport, asking(server.url, b"ok")) == b"ok"


@pytest.mark.parametrize("way", ["goaway", "fewer streams"])
async def test_no_more_on_this_connection(transport: Http2Transport, way: str) -> None:
    """GOAWAY without an error, or MAX_CONCURRENT_STREAMS lowered: streams on their way end well, new ones use another one."""

    async def answer(asked: Asked) -> None:
        await asked.whole.wait()
        asked.begin()
        if len(server.asked) == 1:
            if way == "goaway":
                asked.connection.goaway(asked.id)
            else:
                asked.connection.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1})
                asked.connection.flush()
            await go_on.wait()
        await asked.say(asked.body, end=True)

    go_on = asyncio.Event()
    async with h2_server(answer) as server:
        first = await transport.post(asking(server.url, b"first"), Timeouts())
        await asyncio.sleep(0.05)
        assert await whole(transport, asking(server.url, b"second")) == b"second"
        go_on.set()
        assert await read(first) == b"first"
        first.close()
        assert len(server.connections) == 2


@pytest.mark.parametrize("way", ["goaway", "refused"])
async def test_what_was_not_taken_is_sent_once_more(transport: Http2Transport, way: str) -> None:
    """The server says that it did nothing: there is nothing to be afraid of."""

    async def answer(asked: Asked) -> None:
        if len(server.asked) > 1:
            return await echo(asked)
        return asked.connection.goaway(0) if way == "goaway" else asked.break_off(ErrorCodes.REFUSED_STREAM)

    async with h2_server(answer) as server:
        assert await whole(transport, asking(server.url)) == b'{"model":"m"}'
        assert len(server.asked) == 2


async def test_certificates(transport: Http2Transport) -> None:
    """Unknown ones are refused."""
    async with h2_server(echo) as server:
        assert await kind_of(transport, asking(server.url, ca_file="")) == FailureKind.TLS
        assert await kind_of(transport, asking(server.url, ca_file="/missing.pem")) == FailureKind.TLS


async def test_silence_before_the_headers(transport: Http2Transport) -> None:
    """No headers in time; the server is told."""
    async with h2_server(forever) as server:
        assert await kind_of(transport, asking(server.url), Timeouts(first_byte_s=0.3)) == "first_byte_timeout"
        asked = await first_of(server)
        while asked.reset is None:
            await asyncio.sleep(0.002)


async def test_a_handshake_that_does_not_come(transport: Http2Transport) -> None:
    """Connected, and then nothing."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"https://127.0.0.1:{deaf.getsockname()[1]}"
        assert await kind_of(transport, asking(url), Timeouts(connect_s=0.1)) == FailureKind.CONNECT_TIMEOUT
    assert await kind_of(transport, asking(url)) == FailureKind.CONNECT  # and now nobody listens


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://no-such-host.invalid", FailureKind.DNS),
        ("https://[::1/x", FailureKind.UNSUPPORTED),
        ("https://h:port", FailureKind.UNSUPPORTED),
    ],
)
async def test_no_place_to_go(transport: Http2Transport, url: str, kind: FailureKind) -> None:
    """Before anything is sent."""
    assert await kind_of(transport, asking(url)) == kind


async def test_what_is_not_http2(transport: Http2Transport) -> None:
    """A server that chooses h2 and speaks something else."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    context.set_alpn_protocols(["h2"])
    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        assert await kind_of(transport, asking(f"https://127.0.0.1:{port}")) in ("malformed", "reset")


async def test_servers_without_http2_are_spoken_to_in_http1(transport: Http2Transport) -> None:
    """By what the TLS handshake says; without TLS it is not asked for at all."""
    async with secure() as url:
        assert await whole(transport, asking(url)) == b"ok"
        assert await whole(transport, asking(url)) == b"ok"
    async with Upstream(Script((Say("hi"),))) as up:
        assert b"hi" in await whole(transport, asking(up.url))


async def test_through_a_proxy(transport: Http2Transport) -> None:
    """A tunnel, inside which TLS and HTTP/2 are between us and the server."""
    relay = Relay()
    async with h2_server(echo) as server:
        async with listening(relay) as address:
            assert await whole(transport, asking(server.url, b"x", proxy=f"http://u:p@{address}")) == b"x"
            [asked] = relay.asked
            assert asked == f"CONNECT {server.url.removeprefix('https://')}"
        async with listening(Relay(refuses=True)) as address:
            with pytest.raises(TransportFailed, match="proxy refused") as failed:
                await whole(transport, asking(server.url, proxy=f"http://{address}"))
        assert failed.value.kind == FailureKind.CONNECT
        with pytest.raises(TransportFailed, match=r"The proxy 127.0.0.1:\d+ cannot be reached") as failed:
            await whole(transport, asking(server.url, proxy=f"http://u:p@{address}"))
        with pytest.raises(TransportFailed, match="HTTP proxies only"):
            await whole(transport, asking(server.url, proxy=f"socks5://{address}"))


@pytest.mark.parametrize("whole_body", [True, False])
async def test_compressed_replies_are_read(transport: Http2Transport, whole_body: bool) -> None:
    """An upstream that compresses although it was not asked to is understood; half of it is a cut."""
    body = b'{"ok":true}' * 300_000
    sent = gzip.compress(body)

    async def answer(asked: Asked) -> None:
        asked.begin(200, (("content-encoding", "gzip"),))
        await asked.say(sent if whole_body else sent[:-9], end=True)

    async with h2_server(answer) as server:
        if whole_body:
            assert await whole(transport, asking(server.url)) == body
        else:
            assert await kind_of(transport, asking(server.url)) == FailureKind.CUT


async def test_without_the_extra(transport: Http2Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is said in words; what does not ask for HTTP/2 does not need it."""
    monkeypatch.setitem(sys.modules, "claude_code_router.delivery.http2_connection", None)
    async with Upstream(Script((Say("hi"),))) as up:
        assert b"hi" in await whole(transport, asking(up.url))
    with pytest.raises(TransportFailed, match=r"claude-code-router-py\[http2\]"):
        await whole(transport, asking("https://127.0.0.1:1"))


async def test_a_dead_server_is_tried_once_for_all(transport: Http2Transport) -> None:
    """Fifty requests at once do not wait in line for fifty time limits."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"https://127.0.0.1:{deaf.getsockname()[1]}"
        async with asyncio.timeout(2):
            kinds = await asyncio.gather(*(kind_of(transport, asking(url), Timeouts(connect_s=0.1)) for _ in range(50)))
    assert set(kinds) == {FailureKind.CONNECT_TIMEOUT}


async def test_who_connects_may_leave(transport: Http2Transport) -> None:
    """The others do not leave with it: the next one connects."""
    async with h2_server(echo) as server, asyncio.TaskGroup() as group:
        first = group.create_task(whole(transport, asking(server.url)))
        await asyncio.sleep(0)
        second = group.create_task(whole(transport, asking(server.url, b"second")))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == b"second"


async def test_headers_that_nobody_may_send(transport: Http2Transport) -> None:
    """A line break in a value fails that request alone, and nothing of it leaves."""
    async with h2_server(echo) as server:
        bad = UpstreamRequest(url=server.url, headers=[("x-a", "b\r\nc: d")], http2=True, ca_file=str(PEM))
        assert await kind_of(transport, bad) == FailureKind.UNSUPPORTED
        assert not server.asked
        assert await whole(transport, asking(server.url)) == b'{"model":"m"}'


def test_on_the_loop_that_serves() -> None:
    """uvloop's transports differ from asyncio's: replies, proxies, giving up and fallback work there as well."""
    uvloop = pytest.importorskip("uvloop")

    async def all_of_it() -> None:
        for story in (
            test_a_stream_arrives_piece_by_piece,
            test_two_hundred_streams_over_few_connections,
            test_closing_early_tells_the_upstream,
            test_a_cancelled_wait_for_headers_tells_the_upstream,
            test_certificates,
            test_a_handshake_that_does_not_come,
            test_servers_without_http2_are_spoken_to_in_http1,
            test_through_a_proxy,
        ):
            transport = Http2Transport(AiohttpTransport())
            await story(transport)
            await transport.close()

    uvloop.run(all_of_it())
