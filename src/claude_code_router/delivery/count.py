"""Asks an upstream for its own count of a request's tokens."""

from __future__ import annotations

import msgspec

from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.delivery.deliver import Means
from claude_code_router.delivery.near import near_relayed
from claude_code_router.delivery.transport import Timeouts, UpstreamRequest
from claude_code_router.dialects.anthropic_messages.splice import splice_model
from claude_code_router.providers.headers import upstream_headers

_TIMEOUTS = Timeouts(connect_s=2.0, first_byte_s=5.0)  # /context asks 25 at once; an estimate is better than waiting


class _Counted(msgspec.Struct):
    input_tokens: int


async def count_upstream(inbound: Inbound, signals: Signals, target: Target, means: Means) -> int | None:
    """None when the target has no such endpoint or does not answer well: the caller estimates."""
    provider = means.providers.get(target.provider)
    if provider is None or not provider.counts_tokens or inbound.dialect != provider.dialect:
        return None
    provider = means.gate.with_key(provider, target.model, signals.session)
    body, headers = near_relayed(
        splice_model(inbound.body, target.model),
        upstream_headers(provider, inbound.headers),
        signals,
        target.model,
        provider,
    )
    url = f"{provider.url}/count_tokens"
    request = UpstreamRequest(
        url=f"{url}?{inbound.query}" if inbound.query else url,
        headers=headers,
        body=body,
        proxy=provider.proxy,
        ca_file=provider.ca_file,
        http2=provider.http2,
    )
    try:
        reply = await means.transport.post(request, _TIMEOUTS)
        try:
            body = b""
            while chunk := await reply.next_chunk():
                body += chunk
            return msgspec.json.decode(body, type=_Counted).input_tokens if reply.status == 200 else None
        finally:
            reply.close()
    except (TransportFailed, msgspec.MsgspecError):
        return None
