"""A real HTTP/2 server over TLS, whose every move a test decides."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingAckReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hpack import HeaderTuple

PEM = Path(__file__).parents[2] / "e2e" / "self_signed.pem"


class Asked:
    """One request, and the means to answer it."""

    def __init__(self, connection: ServedConnection, id: int, headers: Sequence[HeaderTuple]) -> None:
        self.connection = connection
        self.id = id
        self.headers = [(bytes(name), bytes(value)) for name, value in headers]
        self.never_indexed = {bytes(header[0]) for header in headers if not header.indexable}
        self.body = b""
        self.whole = asyncio.Event()
        self.said_bytes = 0
        self.reset: int | None = None
        self.reset_at_s = 0.0

    def begin(self, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.connection.h2.send_headers(self.id, [(":status", str(status)), *headers])
        self.connection.flush()

    async def say(self, data: bytes, *, end: bool = False) -> None:
        h2 = self.connection.h2
        for at in range(0, len(data), 16_000):
            part = data[at : at + 16_000]
            while self.reset is None and h2.local_flow_control_window(self.id) < len(part):
                self.connection.windows.clear()
                await self.connection.windows.wait()
            if self.reset is not None:
                return
            h2.send_data(self.id, part)
            self.said_bytes += len(part)
            self.connection.flush()
        if end and self.reset is None:
            h2.end_stream(self.id)
            self.connection.flush()

    def break_off(self, code: ErrorCodes = ErrorCodes.INTERNAL_ERROR) -> None:
        self.connection.h2.reset_stream(self.id, code)
        self.connection.flush()


Answer = Callable[[Asked], Awaitable[None]]


class ServedConnection(asyncio.Protocol):
    def __init__(self, server: H2Server) -> None:
        self._server = server
        self._asked: dict[int, Asked] = {}
        self.windows = asyncio.Event()
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self.goodbye: int | None = None
        self.pings_answered = 0

    @property
    def is_first(self) -> bool:
        return self._server.connections[0] is self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._server.connections.append(self)
        most = {SettingCodes.MAX_CONCURRENT_STREAMS: self._server.most_streams}
        self.h2.local_settings = Settings(client=False, initial_values=most)
        self.h2.initiate_connection()
        self.flush()

    def data_received(self, data: bytes) -> None:
        with contextlib.suppress(ProtocolError):
            for event in self.h2.receive_data(data):
                self._take(event)
        self.flush()

    def _take(self, event: object) -> None:
        match event:
            case RequestReceived(stream_id=int(id)):
                asked = self._asked[id] = Asked(self, id, cast("Sequence[HeaderTuple]", event.headers))
                self._server.asked.append(asked)
                self._server.start(asked)
            case DataReceived(stream_id=int(id)):
                self._asked[id].body += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, id)
            case StreamEnded(stream_id=int(id)):
                self._asked[id].whole.set()
            case StreamReset(stream_id=int(id)):
                self._asked[id].reset = int(event.error_code)
                self._asked[id].reset_at_s = asyncio.get_running_loop().time()
                self.windows.set()
            case WindowUpdated():
                self.windows.set()
            case PingAckReceived():
                self.pings_answered += 1
            case ConnectionTerminated():
                self.goodbye = event.last_stream_id
                self.transport.close()

    def goaway(self, last_stream_id: int, code: int = 0) -> None:
        """By hand: h2's own would end the streams as well."""
        payload = last_stream_id.to_bytes(4, "big") + code.to_bytes(4, "big")
        self.transport.write(len(payload).to_bytes(3, "big") + b"\x07\x00\x00\x00\x00\x00" + payload)

    def flush(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self.h2.data_to_send())


class H2Server:
    def __init__(self, answer: Answer, group: asyncio.TaskGroup, most_streams: int) -> None:
        self.url = ""
        self.answer = answer
        self.most_streams = most_streams
        self.asked: list[Asked] = []
        self.connections: list[ServedConnection] = []
        self._group = group
        self._answering: list[asyncio.Task[None]] = []

    def start(self, asked: Asked) -> None:
        async def answer() -> None:
            await self.answer(asked)

        self._answering.append(self._group.create_task(answer()))

    async def stop(self) -> None:
        for task in self._answering:
            task.cancel()
        for connection in self.connections:
            connection.transport.abort()
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def h2_server(answer: Answer, *, most_streams: int = 100, alpn: str = "h2") -> AsyncIterator[H2Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    context.set_alpn_protocols([alpn])
    async with asyncio.TaskGroup() as group:
        it = H2Server(answer, group, most_streams)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: ServedConnection(it), "127.0.0.1", 0, ssl=context)
        it.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield it
        finally:
            server.close()
            await it.stop()
