"""The one seam to the network, and the only file that imports the HTTP client.

Everything above sees `UpstreamRequest` in, `UpstreamReply` out, and `TransportFailed` when the wire fails.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Sequence
from typing import Protocol

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
    body: bytes
    proxy: str = ""


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
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S, ttl_dns_cache=60)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0),
            skip_auto_headers=_NO_AUTOMATIC_HEADERS,
            trust_env=False,
            max_field_size=64 * 1024,
        )

    async def post(self, request: UpstreamRequest, timeouts: Timeouts) -> UpstreamReply:
        try:
            async with asyncio.timeout(timeouts.first_byte_s):
                response = await self._session.post(
                    URL(request.url, encoded=True),
                    data=request.body if len(request.body) <= _LARGE_BYTES else io.BytesIO(request.body),
                    headers=request.headers,
                    allow_redirects=False,
                    proxy=request.proxy or None,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect_s),
                )
        except (aiohttp.ClientError, OSError, ssl.SSLError, ValueError) as error:
            raise _translated(error, _host_of(request.url)) from error
        return _AiohttpReply(response)

    async def close(self) -> None:
        await self._session.close()


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


def _translated(error: Exception, host: str) -> TransportFailed:
    """aiohttp's and the system's errors in our words. Order matters: the library's classes inherit from each other."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return TransportFailed(FailureKind.CONNECT_TIMEOUT, f"{host} did not accept a connection in time.")
        case TimeoutError():
            return TransportFailed(FailureKind.FIRST_BYTE_TIMEOUT, f"{host} did not begin to answer in time.")
        case aiohttp.ClientConnectorDNSError():
            return TransportFailed(FailureKind.DNS, f"The name {host} cannot be resolved.")
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return TransportFailed(FailureKind.TLS, f"No secure connection to {host}: {_reason(error)}.")
        case aiohttp.ClientConnectorError() | aiohttp.ClientProxyConnectionError():
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


def _host_of(url: str) -> str:
    """For messages; must not raise, whatever the owner wrote."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2] or url


def _reason(error: Exception) -> str:
    cause = getattr(error, "os_error", None) or error
    return getattr(cause, "strerror", None) or type(cause).__name__
