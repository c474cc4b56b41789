"""The client side: raw connections that time first event, end, and the age of every timestamped event."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import cast

_TEXT = re.compile(rb"t=\d{9,} |lorem ipsum ")
_SENT = re.compile(rb"t=(\d{9,}) ")
_HEADERS = {
    "accept": "application/json",
    "content-type": "application/json",
    "anthropic-version": "2023-06-01",
    "authorization": "Bearer bench",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,effort-2025-11-24",
    "user-agent": "claude-cli/2.1.330 (external, sdk-cli)",
    "x-claude-code-session-id": "8a7f2c1e-5b9d-4f3a-9c2e-1d0b7a6f5e4c",
    "x-app": "cli",
    "anthropic-dangerous-direct-browser-access": "true",
    "x-stainless-arch": "x64",
    "x-stainless-lang": "js",
    "x-stainless-os": "Linux",
    "x-stainless-package-version": "0.128.0",
    "x-stainless-retry-count": "0",
    "x-stainless-runtime": "node",
    "x-stainless-runtime-version": "v26.12.1",
    "x-stainless-timeout": "600",
}


class Unexpected(Exception):
    """The proxy did not answer with a full stream."""


@dataclass
class Timing:
    """Milliseconds since the request was written; `ages_ms` is how old each timestamped event was when it came in."""

    first_ms: float = 0.0
    total_ms: float = 0.0
    events: int = 0
    ages_ms: list[float] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self._timing = Timing()
        self._tail = b""
        self._head = b""
        self._sent_at = 0.0
        self._done: asyncio.Future[Timing] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, not an isinstance: uvloop's transports are not asyncio's by inheritance.
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, path: str, body: bytes) -> asyncio.Future[Timing]:
        head = [f"POST {path}?beta=true HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
        head += [f"{name}: {value}" for name, value in _HEADERS.items()]
        self._timing = Timing()
        self._head = self._tail = b""
        self._done = asyncio.get_running_loop().create_future()
        self._sent_at = time.perf_counter()
        self._transport.write("\r\n".join([*head, "", ""]).encode() + body)
        return self._done

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        timing = self._timing
        events = len(_TEXT.findall(data))
        if events:
            if not timing.events:
                timing.first_ms = (time.perf_counter() - self._sent_at) * 1000
            timing.events += events
            now = time.monotonic_ns()
            timing.ages_ms.extend((now - int(sent)) / 1e6 for sent in _SENT.findall(data))
        if not timing.events:
            self._head += data
        self._tail = (self._tail + data)[-7:]
        if self._tail.endswith(b"\r\n0\r\n\r\n") or (not timing.events and b"content-length" in self._head.lower()):
            timing.total_ms = (time.perf_counter() - self._sent_at) * 1000
            self._finish()

    def connection_lost(self, _: Exception | None) -> None:
        self._finish()

    def _finish(self) -> None:
        if self._done is None or self._done.done():
            return
        if self._timing.events and self._timing.total_ms:
            self._done.set_result(self._timing)
        else:
            self._done.set_exception(Unexpected(self._head[:600].decode("utf-8", "replace") or "connection lost"))


async def connect(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def one_by_one(port: int, body: bytes, *, count: int, budget_s: float) -> list[Timing]:
    """At most `count` requests on one connection, one after the other, and none begun after `budget_s`; at least one."""
    connection = await connect(port)
    until = time.perf_counter() + budget_s
    timings: list[Timing] = []
    while not timings or (len(timings) < count and time.perf_counter() < until):
        timings.append(await connection.ask("/v1/messages", body))
    connection.close()
    return timings


async def together(port: int, body: bytes, *, streams: int, over_s: float, path: str = "/v1/messages") -> list[Timing]:
    """`streams` requests at once, their starts spread evenly over `over_s`."""
    connections = [await connect(port) for _ in range(streams)]

    async def ask(number: int, connection: Connection) -> Timing:
        await asyncio.sleep(over_s * number / streams)
        return await connection.ask(path, body)

    timings = await asyncio.gather(*(ask(number, connection) for number, connection in enumerate(connections)))
    for connection in connections:
        connection.close()
    return list(timings)
