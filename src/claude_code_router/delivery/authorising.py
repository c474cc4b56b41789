"""Requests whose authorisation has to be made for each of them, or fetched: Google's tokens and AWS's signatures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from claude_code_router.delivery.aws_auth import AwsAuth
from claude_code_router.delivery.google_auth import GoogleAuth
from claude_code_router.delivery.transport import Timeouts, Transport, UpstreamReply, UpstreamRequest

Environment = Callable[[], Mapping[str, str]]
"""The process's environment with the config's own top-level strings; asked anew, as the config may change."""


class AuthorisingTransport:
    """In front of another transport; what needs no such authorisation passes at the price of one comparison."""

    def __init__(self, inner: Transport, environment: Environment) -> None:
        self._inner = inner
        self._ways: Mapping[str, Callable[[UpstreamRequest], Awaitable[UpstreamRequest]]] = {
            "google": GoogleAuth(environment),
            "aws": AwsAuth(environment),
        }

    async def post(self, request: UpstreamRequest, timeouts: Timeouts) -> UpstreamReply:
        if request.auth:
            request = await self._ways[request.auth](request)
        return await self._inner.post(request, timeouts)

    async def close(self) -> None:
        await self._inner.close()
