"""HTTP/2 for the providers that ask for it; everything else goes on to the transport behind.

Connections are shared by streams, and kept for a while. A server that does not choose h2 in the TLS handshake is spoken to in
HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.failure import FailureKind
from claude_code_router.delivery.transport import Timeouts, Transport, UpstreamReply, UpstreamRequest, kept_alive

if TYPE_CHECKING:
    from claude_code_router.delivery.http2_connection import Connection, Stream

_GOODBYE_S = 1.0
_ASK_AGAIN_S = 600.0  # a server without HTTP/2 may have learned it
_MOST_PROXY_BYTES = 16 << 10


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


class Http2Transport:
    """In front of another transport."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
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
        except not_taken:
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
            connection = await _connected(way, self._trust(way.ca_file), connect_s)
            if connection is None:
                pool.http1_until_s = asyncio.get_running_loop().time() + _ASK_AGAIN_S
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


def _not_taken() -> type[TransportFailed]:
    """Raises TransportFailed without the extra."""
    try:
        from claude_code_router.delivery.http2_connection import NotTaken
    except ImportError:
        message = "HTTP/2 needs the extra `http2`: install claude-code-router-py[http2]."
        raise TransportFailed(FailureKind.CONNECT, message) from None
    return NotTaken


async def _connected(way: _Way, context: ssl.SSLContext, connect_s: float) -> Connection | None:
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
                sock = await _dialled(way.host, way.port, way.host)
            else:
                sock = await _dialled(proxy.hostname or "", proxy.port or 80, near)
                await _tunnel(sock, way, proxy)
            transport, connection = await loop.create_connection(
                lambda: Connection(way.host), sock=sock, ssl=context, server_hostname=way.host
            )
            sock = None  # the transport's from now on
            if not _has_chosen_h2(transport):
                connection.close()
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


def _has_chosen_h2(transport: asyncio.BaseTransport) -> bool:
    spoken = transport.get_extra_info("ssl_object")
    return spoken is not None and spoken.selected_alpn_protocol() == "h2"


async def _dialled(host: str, port: int, near: str) -> socket.socket:
    """The first of the name's addresses that accepts."""
    loop = asyncio.get_running_loop()
    try:
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TransportFailed(FailureKind.DNS, f"The name of {near} cannot be resolved.") from error
    refused: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        sock = kept_alive((family, kind, protocol))
        sock.settimeout(0.0)
        connected = False
        try:
            await loop.sock_connect(sock, address)
            connected = True
        except OSError as error:
            refused = error
        finally:
            if not connected:
                sock.close()
        if connected:
            return sock
    reason = (refused and refused.strerror) or "no address"
    raise TransportFailed(FailureKind.CONNECT, f"{near} cannot be reached: {reason}.") from refused


async def _tunnel(sock: socket.socket, way: _Way, proxy: SplitResult) -> None:
    """CONNECT: what follows on this socket is between us and the host."""
    loop = asyncio.get_running_loop()
    to = f"[{way.host}]:{way.port}" if ":" in way.host else f"{way.host}:{way.port}"
    lines = [f"CONNECT {to} HTTP/1.1", f"Host: {to}"]
    if proxy.username is not None:
        word = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(word.encode()).decode()}")
    await loop.sock_sendall(sock, "\r\n".join((*lines, "", "")).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        # Byte by byte: what comes after the blank line is the host's. It is a hundred bytes, once for a connection.
        byte = await loop.sock_recv(sock, 1)
        head += byte
        if not byte or len(head) > _MOST_PROXY_BYTES:
            raise TransportFailed(FailureKind.CONNECT, f"The proxy gave no answer for {way.host}.")
    status = head.split(b" ", 2)[1:2]
    if not status or not status[0].startswith(b"2"):
        code = status[0].decode("latin-1") if status else "no HTTP"
        raise TransportFailed(FailureKind.CONNECT, f"The proxy refused to connect to {way.host}: {code}.")


def _translated(error: Exception, host: str, near: str) -> TransportFailed:
    """The system's errors while connecting, in our words. `near`: what is connected to, which may be a proxy."""
    match error:
        case TimeoutError():
            return TransportFailed(FailureKind.CONNECT_TIMEOUT, f"{near} did not accept a connection in time.")
        case ssl.SSLError():
            return TransportFailed(FailureKind.TLS, f"No secure connection to {host}: {_reason(error)}.")
        case ConnectionError():
            return TransportFailed(FailureKind.RESET, f"{host} closed the connection before it answered.")
        case OSError():
            return TransportFailed(FailureKind.CONNECT, f"{near} cannot be reached: {_reason(error)}.")
        case _:
            return TransportFailed(FailureKind.UNSUPPORTED, f"The address of {host} is not a usable URL.")


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
