"""An exchange whose provider wraps Anthropic's dialect in its own cloud's URLs, bodies and frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from claude_code_router.core.failure import Failure
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.transport import UpstreamRequest
from claude_code_router.dialects.anthropic_messages.hosted import (
    BedrockStream,
    Headers,
    bedrock_request,
    decode_bedrock_error,
    decode_vertex_error,
    vertex_request,
)
from claude_code_router.dialects.gemini.errors import retry_after_s
from claude_code_router.providers.provider import Hosting

if TYPE_CHECKING:
    from claude_code_router.delivery.exchange import Exchange


class Host(msgspec.Struct, frozen=True, kw_only=True):
    request: Callable[[str, str, Headers, bytes], tuple[str, Headers, bytes]]
    """(the provider's URL, model, headers, Anthropic's body) -> URL, headers, body."""
    decode_error: Callable[[int, bytes], tuple[str, str]]
    stream: Callable[[], BedrockStream] | None = None
    """What takes the cloud's own frames off a streamed reply; None when it is plain server-sent events."""


HOSTS: Mapping[Hosting, Host] = {
    "vertex": Host(request=vertex_request, decode_error=decode_vertex_error),
    "bedrock": Host(request=bedrock_request, decode_error=decode_bedrock_error, stream=BedrockStream),
}


class Hosted:
    """The same exchange, seen through the cloud's door. Its errors are not Anthropic's bytes, so they are worded anew."""

    verbatim = False

    def __init__(self, inner: Exchange, host: Host, url: str, model: str) -> None:
        self._inner = inner
        self._host = host
        self._frames = host.stream() if host.stream else None
        asked = inner.request
        url, headers, body = host.request(url, model, asked.headers, asked.body)
        self.request: UpstreamRequest = msgspec.structs.replace(asked, url=url, headers=headers, body=body)

    @property
    def failure(self) -> Failure | None:
        return self._inner.failure

    @failure.setter
    def failure(self, value: Failure | None) -> None:
        self._inner.failure = value

    @property
    def content_started(self) -> bool:
        return self._inner.content_started

    @property
    def usage(self) -> Usage | None:
        return self._inner.usage

    @property
    def stop_reason(self) -> str:
        return self._inner.stop_reason

    @property
    def upstream_model(self) -> str:
        return self._inner.upstream_model

    @property
    def at_boundary(self) -> bool:
        return self._inner.at_boundary

    def feed(self, chunk: bytes) -> bytes:
        if self._frames is not None:
            chunk = self._frames.feed(chunk)
        return self._inner.feed(chunk) if chunk else b""

    def finish(self) -> bytes:
        return self._inner.finish()

    def break_off(self, failure: Failure) -> bytes:
        return self._inner.break_off(failure)

    def whole(self, body: bytes) -> bytes:
        return self._inner.whole(body)

    def decode_error(self, status: int, body: bytes) -> tuple[str, str]:
        return self._host.decode_error(status, body)

    def retry_after_s(self, body: bytes) -> float | None:
        return retry_after_s(body)
