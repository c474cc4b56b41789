"""ASGI's side of the door: a request's body in, a reply's bytes out. Nothing else in the house knows ASGI."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from claude_code_router.core.errors import BadRequest
from claude_code_router.core.inbound import ClientDialect, Inbound
from claude_code_router.dialects.gemini.array import ArrayFraming
from claude_code_router.dialects.gemini.door import COUNT, STREAM, asked, unwrapped, with_url

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_GOOGLES_HEADER = "x-goog-api-key"
_EVENT_STREAM = b"text/event-stream"
BODY_LIMIT_BYTES = 50 << 20  # the npm tool's own; Anthropic's API takes 32 MB


_DIALECTS: tuple[tuple[str, ClientDialect], ...] = (
    ("/chat/completions", "openai_chat"),
    ("/responses", "openai_responses"),
)


def dialect_of(path: str) -> ClientDialect:
    """What the caller of this path speaks; in it errors are told, too."""
    path = path.rstrip("/")
    for end, dialect in _DIALECTS:
        if path.endswith(end):
            return dialect
    return "gemini" if _GOOGLES.match(path) or asked(path) is not None else "anthropic"


_GOOGLES = re.compile(r"^(?:/ns/[^/]+)?/v\d+(?:alpha|beta)")


def _split_key(query: str) -> tuple[str, str]:
    """(the query without it, the key): Google's clients may write it there. It is a secret, and goes no further than the
    door."""
    if "key=" not in query:
        return query, ""
    pairs = parse_qsl(query, keep_blank_values=True)
    rest = [(name, value) for name, value in pairs if name != "key"]
    return urlencode(rest), next((value for name, value in pairs if name == "key"), "")


class Call:
    """One HTTP request and the way to answer it. A `delivery.Sink`."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope["query_string"].decode("latin-1")
        self.raw_headers: tuple[tuple[bytes, bytes], ...] = tuple(scope["headers"])
        self.header = {name.decode("latin-1"): value.decode("latin-1") for name, value in self.raw_headers}
        self.id = f"req_{os.urandom(12).hex()}"
        self.namespace = ""
        self.client_key = ""
        """Both are known when the caller was let in (`auth.visitor`)."""
        self.started = False
        self.dialect = dialect_of(self.path)
        if self.dialect == "anthropic" and _GOOGLES_HEADER in self.header:
            self.dialect = "gemini"  # its list of models has the same path in version 1
        self.asked = asked(self.path) if self.dialect == "gemini" else None
        """Model and method, where the URL says them."""
        if self.dialect == "gemini":
            self.query, key = _split_key(self.query)
            self.header = {_GOOGLES_HEADER: key, **self.header} if key else self.header
        self._receive = receive
        self._send = send
        self._array: ArrayFraming | None = None

    def unread(self, received_at: float) -> Inbound:
        """All but the body: enough for a record of a request whose body could not be read."""
        return Inbound(
            id=self.id,
            path=self.path,
            query=self.query,
            headers=self.raw_headers,
            header=self.header,
            body=b"",
            received_at=received_at,
            dialect=self.dialect,
        )

    async def read(self, inbound: Inbound) -> Inbound:
        """With the body. Raises BadRequest 413 when it is too large, ClientGone when the client leaves in the middle."""
        body = await self.body()
        if self.asked is not None:
            body = unwrapped(body) if self.asked.method == COUNT else body
            body = with_url(body, self.asked.model, stream=self.asked.method == STREAM)
        return msgspec.structs.replace(inbound, body=body)

    async def body(self, limit_bytes: int = BODY_LIMIT_BYTES) -> bytes:
        if self.header.get("content-encoding", "identity") not in ("identity", ""):
            raise BadRequest(
                "Compressed request bodies are not supported.",
                hint="Send the body without Content-Encoding.",
                status=415,
            )
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            size += len(part)
            if size > limit_bytes:
                allowed = f"{limit_bytes >> 20} MB" if limit_bytes >> 20 else f"{limit_bytes >> 10} kB"
                raise BadRequest(f"The request body is over {allowed}.", status=413, error_type="request_too_large")
            parts.append(part)
            more = message.get("more_body", False)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def gone(self) -> None:
        """Returns when the client has hung up. Only after the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, headers: Headers) -> None:
        self.started = True
        if self._wants_array() and any(value.startswith(_EVENT_STREAM) for name, value in headers):
            self._array = ArrayFraming()
            headers = [header for header in headers if header[0] != b"content-type"]
            headers.append((b"content-type", b"application/json; charset=utf-8"))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    def _wants_array(self) -> bool:
        """A stream was asked for, and not in the form that all other dialects have."""
        return self.asked is not None and self.asked.method == STREAM and "alt=sse" not in self.query.split("&")

    async def send(self, body: bytes) -> None:
        if self._array is not None:
            body = self._array.feed(body)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes = b"") -> None:
        if self._array is not None:
            body = self._array.feed(body) + self._array.close()
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def answer(
        self, status: int, body: bytes, headers: Headers | None = None, content_type: bytes = b"application/json"
    ) -> None:
        """A whole reply in one go."""
        known = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
        await self.start(status, known + (headers or []))
        await self.end(b"" if self.method == "HEAD" else body)


class KeptReply:
    """A sink that keeps a copy of what it passes on, for owners who have asked for bodies in their records, and for the
    scorer."""

    LIMIT_BYTES = 4 << 20

    def __init__(self, call: Call) -> None:
        self._call = call
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def kept(self) -> bytes:
        return b"".join(self._parts)

    @property
    def whole(self) -> bool:
        return self._size <= self.LIMIT_BYTES

    def _keep(self, body: bytes) -> None:
        if self._size < self.LIMIT_BYTES:
            self._parts.append(body[: self.LIMIT_BYTES - self._size])
        self._size += len(body)

    async def start(self, status: int, headers: Headers) -> None:
        await self._call.start(status, headers)

    async def send(self, body: bytes) -> None:
        self._keep(body)
        await self._call.send(body)

    async def end(self, body: bytes = b"") -> None:
        self._keep(body)
        await self._call.end(body)


class ClientGone(Exception):
    """The client hung up before its request was complete: nobody is left to answer."""
