"""HTTP/2 for the providers that ask for it; everything else goes on to the transport behind.

Connections are shared by streams, and kept for a while. A server that does not choose h2 in the TLS handshake is spoken to in
HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, urlsplit

from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.failure import FailureKind
from claude_code_router.delivery.dialling import dialled, tunnelled
from claude_code_router.delivery.transport import Timeouts, Transport, UpstreamReply, UpstreamRequest

if TYPE_CHECKING:
    from claude_code_router.delivery.http2_connection import Connection, NotTaken
    from claude_code_router.delivery.http2_stream import Stream

_GOODBYE_S = 1.0
_ASK_AGAIN_S = 600.0  # a server without HTTP/2 may have learned it
_SILENCE_S = 30.0  # a PING seldom enough for any server, and a dead connection costs 45 s and not a time limit


class _Way(NamedTuple):
    host: str
    port: int
    proxy: str
    ca_file: str


class _Pool:
    """The connections of one way."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.connecting: asyncio.Future[TransportFailed | None] | None = None
        """Somebody is at it: one connection for all that wait."""
        self.http1_until_s = 0.0

    def speaks_http1(self) -> None:
        self.http1_until_s = asyncio.get_running_loop().time() + _ASK_AGAIN_S


class Http2Transport:
    """In front of another transport. A connection with open streams whose server has said nothing for `silence_s` gets a PING,
    and is given up when half as long again passes without any answer."""

    def __init__(self, inner: Transport, *, silence_s: float = _SILENCE_S) -> None:
        self._inner = inner
        self._silence_s = silence_s
        self._pools: dict[_Way, _Pool] = {}
        self._trusted: dict[str, ssl.SSLContext] = {}

    async def post(self, request: UpstreamRequest, timeouts: Timeouts) -> UpstreamReply:
        if not request.http2 or not request.url.startswith("https://"):
            return await self._inner.post(request, timeouts)
        url, way = _way(request)
        try:
            async with asyncio.timeout(timeouts.first_byte_s):
                stream = await self._answered(request, url, way, timeouts.connect_s)
        except TimeoutError:
            message = f"{way.host} did not begin to answer in time."
            raise TransportFailed(FailureKind.FIRST_BYTE_TIMEOUT, message) from None
        return stream if stream is not None else await self._inner.post(request, timeouts)

    async def close(self) -> None:
        connections = [connection for pool in self._pools.values() for connection in pool.connections]
        for connection in connections:
            connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                for connection in connections:
                    await connection.closed.wait()
        for connection in connections:
            connection.abort()
        await self._inner.close()

    async def _answered(self, request: UpstreamRequest, url: SplitResult, way: _Way, connect_s: float) -> Stream | None:
        """None: there is no HTTP/2 this way. What a server did not take is sent once more."""
        not_taken = _not_taken()
        connection = await self._connection(way, connect_s)
        if connection is None:
            return None
        try:
            return await _asked(connection, request, url)
        except not_taken as told:
            if told.in_http1:
                self._pools[way].speaks_http1()
            again = await self._connection(way, connect_s)
            return None if again is None else await _asked(again, request, url)

    async def _connection(self, way: _Way, connect_s: float) -> Connection | None:
        """One with room for a stream; the caller takes it before anything else happens."""
        pool = self._pools.setdefault(way, _Pool())
        loop = asyncio.get_running_loop()
        while pool.http1_until_s <= loop.time():
            if any(connection.lost for connection in pool.connections):
                pool.connections = [connection for connection in pool.connections if not connection.lost]
            for connection in pool.connections:
                if connection.has_room:
                    return connection
            if pool.connecting is None:
                await self._connect(pool, way, connect_s)
            elif (failure := await asyncio.shield(pool.connecting)) is not None:
                raise TransportFailed(failure.kind, failure.message)
        return None

    async def _connect(self, pool: _Pool, way: _Way, connect_s: float) -> None:
        """One more connection in the pool, or the knowledge that HTTP/1.1 is spoken there."""
        told = pool.connecting = asyncio.get_running_loop().create_future()
        failure: TransportFailed | None = None
        try:
            connection = await _connected(way, self._trust(way.ca_file), connect_s, self._silence_s)
            if connection is None:
                pool.speaks_http1()
            else:
                pool.connections.append(connection)
        except TransportFailed as error:
            failure = error
            raise
        finally:
            pool.connecting = None
            told.set_result(failure)  # none when this request was cancelled: the next one that waits connects

    def _trust(self, ca_file: str) -> ssl.SSLContext:
        if ca_file not in self._trusted:
            try:
                context = ssl.create_default_context(cafile=ca_file or None)
            except (OSError, ssl.SSLError) as error:
                message = "The provider's `ca_file` cannot be read as certificates."
                raise TransportFailed(FailureKind.TLS, message) from error
            context.set_alpn_protocols(["h2", "http/1.1"])
            self._trusted[ca_file] = context
        return self._trusted[ca_file]


async def _asked(connection: Connection, request: UpstreamRequest, url: SplitResult) -> Stream:
    authority = url.netloc.rpartition("@")[2]
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    stream = connection.open(request.method, authority, path, request.headers, len(request.body))
    answered = False
    try:
        await connection.send_body(stream, request.body)
        await stream.answered()
        answered = True
    finally:
        if not answered:  # whoever waited has left, or it failed: the server need not go on
            stream.close()
    return stream


def _way(request: UpstreamRequest) -> tuple[SplitResult, _Way]:
    try:
        url = urlsplit(request.url)
        way = _Way(url.hostname or "", url.port or 443, request.proxy, request.ca_file)
        way.host.encode("idna")
    except ValueError:
        url, way = SplitResult("", "", "", "", ""), _Way("", 0, "", "")
    if not way.host:
        raise TransportFailed(FailureKind.UNSUPPORTED, "The provider's address is not a usable URL.")
    if way.proxy and not way.proxy.startswith("http://"):
        message = "HTTP/2 goes through HTTP proxies only: give the provider another `proxy`, or take away its `http2`."
        raise TransportFailed(FailureKind.CONNECT, message)
    return url, way


def _not_taken() -> type[NotTaken]:
    """Raises TransportFailed without the extra."""
    try:
        from claude_code_router.delivery.http2_connection import NotTaken
    except ImportError:
        message = "HTTP/2 needs the extra `http2`: install claude-code-router-py[http2]."
        raise TransportFailed(FailureKind.CONNECT, message) from None
    return NotTaken


async def _connected(way: _Way, context: ssl.SSLContext, connect_s: float, silence_s: float) -> Connection | None:
    """None when the server does not choose HTTP/2."""
    from claude_code_router.delivery.http2_connection import Connection

    loop = asyncio.get_running_loop()
    proxy = urlsplit(way.proxy) if way.proxy else None
    near = f"The proxy {proxy.netloc.rpartition('@')[2]}" if proxy else way.host
    connection: Connection | None = None
    sock: socket.socket | None = None
    try:
        async with asyncio.timeout(connect_s):
            if proxy is None:
                sock = await dialled(way.host, way.port, way.host)
            else:
                sock = await dialled(proxy.hostname or "", proxy.port or 80, near)
                await tunnelled(sock, way.host, way.port, proxy)
            _, connection = await loop.create_connection(
                lambda: Connection(way.host, silence_s), sock=sock, ssl=context, server_hostname=way.host
            )
            sock = None  # the transport's from now on
            if not connection.is_http2:
                return None
            await connection.ready.wait()
        if connection.lost is not None:
            raise connection.lost
        if not connection.has_room:
            raise TransportFailed(FailureKind.RESET, f"{way.host} takes no requests on a new connection.")
        made, connection = connection, None
        return made
    except (OSError, ssl.SSLError, ValueError) as error:
        raise _translated(error, way.host, near) from error
    finally:
        if connection is not None:
            connection.close()
        if sock is not None:
            sock.close()


def _translated(error: Exception, host: str, near: str) -> TransportFailed:
    """The system's errors while connecting, in our words. `near`: what is connected to, which may be a proxy."""
    match error:
        case TimeoutError():
            return TransportFailed(FailureKind.CONNECT_TIMEOUT, f"{near} did not accept a connection in time.")
        case ssl.SSLError():
            return TransportFailed(FailureKind.TLS, f"No secure connection to {host}: {_reason(error)}.")
        case OSError():
            return TransportFailed(FailureKind.CONNECT, f"{near} cannot be reached: {_reason(error)}.")
        case _:
            return TransportFailed(FailureKind.UNSUPPORTED, f"The address of {host} is not a usable URL.")


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
