"""The one seam to the network, and the only file that imports the HTTP client.

Everything above sees `UpstreamRequest` in, `UpstreamReply` out, and `TransportFailed` when the wire fails.
"""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import aiohttp
import msgspec
from yarl import URL

from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.failure import FailureKind

# aiohttp would add its own; what travels is decided in providers.headers alone.
_NO_AUTOMATIC_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")

_LARGE_BYTES = (
    1 << 20
)  # above it aiohttp (3.14) warns of bytes written in one go, and rightly: it would hold up the loop

_KEEP_ALIVE_S = 30.0  # below the 60 s at which common load balancers drop idle connections: fewer resets on reuse


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    connect_s: float = 10.0
    first_byte_s: float = 600.0
    """Request sent to reply headers. A non-streamed reply of a thinking model takes minutes."""
    idle_s: float = 600.0
    """Silence inside a reply."""
    total_s: float = 3600.0
    """From the request to the end of its reply. 128 000 tokens at 50 a second take 43 minutes."""


class UpstreamRequest(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""
    method: str = "POST"
    proxy: str = ""
    """`http://…`, `https://…`, or with the extra `socks`: `socks4://…`, `socks5://…`; empty: none."""
    auth: Literal["", "google", "aws"] = ""
    """Authorisation that is made on the way out (delivery.authorising)."""
    ca_file: str = ""
    """Trusted in place of the system's certificates."""
    http2: bool = False
    """Ask for HTTP/2 (delivery.http2_transport)."""


class UpstreamReply(Protocol):
    """An answer whose headers are in. Close it in every case; closing before the end drops the connection, which is
    how an upstream learns that nobody is waiting."""

    status: int
    headers: list[tuple[str, str]]

    async def next_chunk(self) -> bytes:
        """Whatever bytes are there next, decompressed; empty at the end. Raises TransportFailed."""

    def close(self) -> None: ...


class Transport(Protocol):
    async def post(self, request: UpstreamRequest, timeouts: Timeouts) -> UpstreamReply:
        """Send, and wait for the reply's headers. Raises TransportFailed."""

    async def close(self) -> None: ...


class AiohttpTransport:
    """Pooled connections, no redirects, no cookies, no environment proxies."""

    def __init__(self) -> None:
        self._session = _session(aiohttp.TCPConnector(ttl_dns_cache=60, socket_factory=kept_alive, **_POOL))
        self._through: dict[str, aiohttp.ClientSession] = {}
        """By SOCKS proxy: the connection to it is the connector's work."""
        self._trusted: dict[str, ssl.SSLContext] = {}
        """By file of certificates."""
        self._wire_errors: tuple[type[Exception], ...] = _WIRE_ERRORS
        """The SOCKS library has some of its own."""

    async def post(self, request: UpstreamRequest, timeouts: Timeouts) -> UpstreamReply:
        try:
            async with asyncio.timeout(timeouts.first_byte_s):
                session, proxy = self._way(request.proxy)
                response = await session.request(
                    request.method,
                    URL(request.url, encoded=True),
                    data=io.BytesIO(request.body) if len(request.body) > _LARGE_BYTES else request.body or None,
                    headers=request.headers,
                    allow_redirects=False,
                    proxy=proxy,
                    ssl=self._trust(request.ca_file) if request.ca_file else True,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect_s),
                )
        except self._wire_errors as error:
            raise _translated(error, _host_of(request.url), _host_of(request.proxy)) from error
        return _AiohttpReply(response)

    async def close(self) -> None:
        await self._session.close()
        for session in self._through.values():
            await session.close()

    def _way(self, proxy: str) -> tuple[aiohttp.ClientSession, str | None]:
        """The session to use, and the proxy to name to it."""
        if not proxy.startswith("socks"):
            return self._session, proxy or None
        if proxy not in self._through:
            connector, errors = _socks_connector(proxy)
            self._wire_errors = (*_WIRE_ERRORS, *errors)
            self._through[proxy] = _session(connector)
        return self._through[proxy], None

    def _trust(self, ca_file: str) -> ssl.SSLContext:
        if ca_file not in self._trusted:
            try:
                self._trusted[ca_file] = ssl.create_default_context(cafile=ca_file)
            except (OSError, ssl.SSLError) as error:
                message = "The provider's `ca_file` cannot be read as certificates."
                raise TransportFailed(FailureKind.TLS, message) from error
        return self._trusted[ca_file]


_WIRE_ERRORS: tuple[type[Exception], ...] = (aiohttp.ClientError, OSError, ssl.SSLError, ValueError)
_POOL: dict[str, Any] = {"limit": 0, "keepalive_timeout": _KEEP_ALIVE_S}


def _session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0),
        skip_auto_headers=_NO_AUTOMATIC_HEADERS,
        trust_env=False,
        max_field_size=64 * 1024,
    )


def kept_alive(address: tuple[Any, ...]) -> socket.socket:
    """A peer that vanished without a word (a laptop that slept, a NAT that forgot) is noticed in two minutes, however long
    the silences of a stream may be."""
    made = socket.socket(address[0], address[1], address[2])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPALIVE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        number = getattr(socket, option, None)  # not every system has every one; macOS names the first otherwise
        if number is not None:
            made.setsockopt(socket.IPPROTO_TCP, number, value)
    return made


def _socks_connector(proxy: str) -> tuple[aiohttp.BaseConnector, tuple[type[Exception], ...]]:
    """With the library's own errors. Names are resolved by the proxy. Raises TransportFailed without the extra."""
    try:
        from aiohttp_socks import ProxyConnectionError, ProxyConnector, ProxyError, ProxyTimeoutError
    except ImportError:
        raise TransportFailed(
            FailureKind.CONNECT,
            "A SOCKS proxy needs the extra `socks`: install claude-code-router-py[socks].",
        ) from None
    made: aiohttp.BaseConnector = ProxyConnector.from_url(proxy.replace("socks5h://", "socks5://"), rdns=True, **_POOL)
    return made, (ProxyConnectionError, ProxyTimeoutError, ProxyError)


class _AiohttpReply:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._content = response.content
        self.status = response.status
        self.headers = list(response.headers.items())

    async def next_chunk(self) -> bytes:
        try:
            return await self._content.readany()
        except (aiohttp.ClientError, OSError) as error:
            host = self._response.url.host or "the upstream"
            raise TransportFailed(FailureKind.CUT, f"The connection to {host} broke inside the reply.") from error

    def close(self) -> None:
        self._response.close()


def _translated(error: Exception, host: str, proxy: str) -> TransportFailed:
    """aiohttp's and the system's errors in our words. Order matters: the library's classes inherit from each other.
    `proxy`: its host; empty when there is none."""
    if type(error).__module__.startswith("aiohttp_socks"):
        return TransportFailed(
            FailureKind.CONNECT, f"The SOCKS proxy cannot reach {host}, or cannot be reached itself."
        )
    match error:
        case aiohttp.ConnectionTimeoutError():
            near = f"The proxy {proxy}" if proxy else host  # with a proxy, it alone is connected to
            return TransportFailed(FailureKind.CONNECT_TIMEOUT, f"{near} did not accept a connection in time.")
        case TimeoutError():
            return TransportFailed(FailureKind.FIRST_BYTE_TIMEOUT, f"{host} did not begin to answer in time.")
        case aiohttp.ClientConnectorDNSError():
            return TransportFailed(FailureKind.DNS, f"The name {_unresolved(error, host, proxy)} cannot be resolved.")
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return TransportFailed(FailureKind.TLS, f"No secure connection to {host}: {_reason(error)}.")
        case aiohttp.ClientProxyConnectionError():
            message = f"The proxy {proxy} (on the way to {host}) cannot be reached: {_reason(error)}."
            return TransportFailed(FailureKind.CONNECT, message)
        case aiohttp.ClientConnectorError():
            return TransportFailed(FailureKind.CONNECT, f"{host} cannot be reached: {_reason(error)}.")
        case aiohttp.ClientHttpProxyError():
            return TransportFailed(FailureKind.CONNECT, f"The proxy refused to connect to {host}: {error.status}.")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | ValueError():
            return TransportFailed(FailureKind.UNSUPPORTED, f"The address of {host} is not a usable URL.")
        case aiohttp.ServerDisconnectedError() | ConnectionResetError() | aiohttp.ClientOSError():
            return TransportFailed(FailureKind.RESET, f"{host} closed the connection before it answered.")
        case aiohttp.ClientResponseError():
            return TransportFailed(FailureKind.MALFORMED, f"{host} does not speak HTTP: {error.message}.")
        case _:
            return TransportFailed(FailureKind.RESET, f"The connection to {host} failed: {type(error).__name__}.")


def _unresolved(error: aiohttp.ClientConnectorDNSError, host: str, proxy: str) -> str:
    return f"of the proxy {proxy}" if proxy and error.host == proxy.lower().partition(":")[0] else host


def _host_of(url: str) -> str:
    """For messages; must not raise, whatever the owner wrote."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2] or url


def _reason(error: Exception) -> str:
    cause = getattr(error, "os_error", None) or error
    return getattr(cause, "strerror", None) or type(cause).__name__
