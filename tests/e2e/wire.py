"""HTTP down to the byte: a client that sends exactly what it is told, and an upstream that keeps exactly what it got."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httptools

LIMIT_S = 30.0


@dataclass
class Answer:
    """A whole reply as it arrived."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, f"{name} was sent {len(found)} times"
        return found[0] if found else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[str, str]:
        """Type and message of Anthropic's error envelope; fails when it is none."""
        envelope = self.json
        assert envelope["type"] == "error", envelope
        return envelope["error"]["type"], envelope["error"]["message"]

    head_only: bool = False
    """A HEAD's reply announces a body that never comes."""

    # httptools' callbacks

    def on_headers_complete(self) -> None:
        self.complete = self.head_only

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


async def exchange(url: str, request: bytes) -> Answer:
    """Send these bytes, read one reply, hang up."""
    place = urlsplit(url)
    async with asyncio.timeout(LIMIT_S):
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            writer.write(request)
            answer = Answer(head_only=request.startswith(b"HEAD "))
            parser = httptools.HttpResponseParser(answer)
            while not answer.complete and (data := await reader.read(65536)):
                parser.feed_data(data)
            answer.status = parser.get_status_code()
            return answer
        finally:
            writer.close()


def request_bytes(
    url: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, method: str = "POST"
) -> bytes:
    place = urlsplit(url)
    sent = {
        "host": place.netloc,
        "content-type": "application/json",
        "content-length": str(len(body)),
        **(headers or {}),
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


async def post(url: str, body: object, headers: Mapping[str, str] | None = None, path: str = "/v1/messages") -> Answer:
    """`body` as it is when it is bytes, else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await exchange(url, request_bytes(url, path, data, headers))


async def get(url: str, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
    return await exchange(url, request_bytes(url, path, b"", headers, method))


@dataclass
class Taken:
    """One request as the tap got it."""

    line: str
    headers: list[tuple[str, str]]
    """In order, names as they were written."""
    body: bytes

    def named(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


class Tap:
    """An upstream that keeps raw requests and answers each with the bytes in `reply`."""

    def __init__(self) -> None:
        self.reply = b""
        self.taken: list[Taken] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *fields = head.strip().split("\r\n")
                headers = [(name, value.strip()) for name, _, value in (f.partition(":") for f in fields)]
                taken = Taken(line, headers, b"")
                [length] = taken.named("content-length")
                taken.body = await reader.readexactly(int(length))
                self.taken.append(taken)
                writer.write(self.reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def tap() -> AsyncIterator[Tap]:
    it = Tap()
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0, limit=64 << 20)
    it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield it
    finally:
        server.close()


def http_reply(body: bytes, headers: Mapping[str, str] | None = None, status: str = "200 OK") -> bytes:
    sent = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    return "\r\n".join([f"HTTP/1.1 {status}", *(f"{n}: {v}" for n, v in sent.items()), "", ""]).encode("latin-1") + body


def http_stream(chunks: list[bytes], headers: Mapping[str, str] | None = None) -> bytes:
    sent = {"content-type": "text/event-stream", "transfer-encoding": "chunked", **(headers or {})}
    head = "\r\n".join(["HTTP/1.1 200 OK", *(f"{n}: {v}" for n, v in sent.items()), "", ""]).encode("latin-1")
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
