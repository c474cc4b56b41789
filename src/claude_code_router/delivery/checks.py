"""Active checks, off by default (`HEALTH_CHECK_S`): is each provider there, and does it take its keys?

One GET of the list of models for each key: it costs nothing, and most providers have it. Who has none is there all the same.
What only a real request can tell (an overloaded model, an empty account) is left to the breakers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.delivery.gate import Gate
from claude_code_router.delivery.transport import Timeouts, Transport, UpstreamRequest
from claude_code_router.providers.headers import upstream_headers
from claude_code_router.providers.provider import Provider

_TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=10.0)
_ENDPOINTS = ("/chat/completions", "/messages", "/responses")


def models_url(url: str) -> str:
    """Where a provider with this endpoint lists its models, by custom."""
    for endpoint in _ENDPOINTS:
        if url.endswith(endpoint):
            return url.removesuffix(endpoint) + "/models"
    return url


def verdict(status: int) -> Failure | None:
    """What a status says of the provider and its key. A 403 may be about the list alone."""
    if status == 401:
        return Failure(kind=FailureKind.AUTH, fault="owner", message="The key is refused.", status=status)
    if status >= 500:
        return Failure(kind=FailureKind.SERVER, fault="upstream", message=f"It answered {status}.", status=status)
    return None


async def check_all(providers: Iterable[Provider], transport: Transport, gate: Gate) -> None:
    """All at once; returns when the last has answered or was given up."""
    async with asyncio.TaskGroup() as group:
        for provider in providers:
            keys = [credential.key for credential in provider.credentials] or [provider.key]
            for key in keys:
                group.create_task(_check(msgspec.structs.replace(provider, key=key), transport, gate))


async def _check(provider: Provider, transport: Transport, gate: Gate) -> None:
    request = UpstreamRequest(
        url=models_url(provider.url),
        headers=upstream_headers(provider, ()),
        method="GET",
        proxy=provider.proxy,
        ca_file=provider.ca_file,
        http2=provider.http2,
    )
    try:
        reply = await transport.post(request, _TIMEOUTS)
    except TransportFailed as error:
        gate.checked(provider, Failure(kind=FailureKind(error.kind), fault="network", message=error.message))
        return
    reply.close()
    gate.checked(provider, verdict(reply.status))
