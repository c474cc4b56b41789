"""One HTTP/2 connection without sockets: any split of the server's bytes gives the same replies."""

import asyncio
import gzip
import zlib
from itertools import pairwise

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.errors import TransportFailed
from claude_code_router.delivery.http2_connection import Connection
from claude_code_router.delivery.http2_stream import Stream

BODIES = st.lists(st.lists(st.binary(min_size=1, max_size=60), max_size=4), min_size=1, max_size=4)


class _Spoken:
    def selected_alpn_protocol(self) -> str:
        return "h2"


class _Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"ssl_object": _Spoken()})
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def _split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    return [data[start:end] for start, end in pairwise(places)]


def _answer(request_bytes: bytes, bodies: list[list[bytes]], coding: str = "") -> bytes:
    """What a server sends for as many streams, their pieces interleaved."""
    server = H2Connection(H2Configuration(client_side=False))
    server.initiate_connection()
    server.receive_data(request_bytes)
    headers = [(":status", "200"), *([("content-encoding", coding)] if coding else [])]
    for number in range(len(bodies)):
        server.send_headers(2 * number + 1, headers)
    for piece in range(max(len(body) for body in bodies)):
        for number, body in enumerate(bodies):
            if piece < len(body):
                server.send_data(2 * number + 1, body[piece])
    for number in range(len(bodies)):
        server.end_stream(2 * number + 1)
    return server.data_to_send()


async def _replies(bodies: list[list[bytes]], cuts: list[int], *, coding: str = "", size: int = 0) -> list[bytes]:
    """As they are read; `size` of the server's bytes never come."""
    wire, connection = _Wire(), Connection("h", 30.0)
    connection.connection_made(wire)
    streams = [connection.open("POST", "h", "/", [("x-a", str(number))], 0) for number in range(len(bodies))]
    answer = _answer(bytes(wire.written), bodies, coding)
    for part in _split(answer[: len(answer) - size], cuts):
        connection.data_received(part)
    connection.connection_lost(None)
    return [await _read(stream) for stream in streams]


async def _read(stream: Stream) -> bytes:
    await stream.answered()
    body = b""
    while chunk := await stream.next_chunk():
        body += chunk
    return body


@given(BODIES, st.lists(st.integers(0, 600)))
def test_any_split_gives_the_same(bodies: list[list[bytes]], cuts: list[int]) -> None:
    """Interleaved streams come apart as they were, whatever the lumps in which they came."""
    assert asyncio.run(_replies(bodies, cuts)) == [b"".join(body) for body in bodies]


@given(st.sampled_from(("gzip", "members", "deflate", "bare")), st.binary(max_size=300), st.lists(st.integers(0, 600)))
def test_any_split_of_compressed_replies(coding: str, body: bytes, cuts: list[int]) -> None:
    """Decoded to the same: gzip of one member or several, deflate with zlib's header or without."""
    if coding == "gzip":
        sent = gzip.compress(body)
    elif coding == "members":
        sent = b"".join(gzip.compress(part) for part in _split(body, [100, 100, 200]))
    else:
        deflate = zlib.compressobj(wbits=-15 if coding == "bare" else 15)
        sent = deflate.compress(body) + deflate.flush()
    pieces = [piece for piece in _split(sent, cuts) if piece]
    named = "gzip" if coding in ("gzip", "members") else "deflate"
    assert asyncio.run(_replies([pieces], cuts, coding=named)) == [body]


@given(BODIES, st.lists(st.integers(0, 600)), st.integers(1, 500))
def test_what_is_cut_is_never_whole(bodies: list[list[bytes]], cuts: list[int], missing: int) -> None:
    """However little is missing at the end, the stream that it belongs to fails."""
    with pytest.raises(TransportFailed):
        asyncio.run(_replies(bodies, cuts, size=missing))


def _with_large_windows(size: int, silence_s: float) -> tuple[Connection, Stream]:
    """A server that takes a body of `size` bytes in one go, and in large frames."""
    wire, connection = _Wire(), Connection("h", silence_s)
    connection.connection_made(wire)
    server = H2Connection(H2Configuration(client_side=False))
    server.local_settings = Settings(client=False, initial_values={SettingCodes.MAX_FRAME_SIZE: 1 << 20})
    server.initiate_connection()
    stream = connection.open("POST", "h", "/", [], size)
    server.receive_data(bytes(wire.written))
    server.increment_flow_control_window(1 << 29)
    server.increment_flow_control_window(1 << 29, 1)
    connection.data_received(server.data_to_send())
    return connection, stream


async def test_a_large_body_leaves_room_for_the_others() -> None:
    """Whatever the server's windows and frames, and the socket's buffer, allow."""
    size = 8 << 20
    connection, stream = _with_large_windows(size, silence_s=30.0)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while not stream.is_sent:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(other())
        group.create_task(connection.send_body(stream, bytes(size)))
    assert turns > 100
    connection.connection_lost(None)


async def test_a_slow_upload_is_no_dead_connection() -> None:
    """A server with large windows says nothing while a body trickles to it, and a PING would wait behind what is on its way."""
    size = 10 * (64 << 10)
    connection, stream = _with_large_windows(size, silence_s=0.1)

    async def trickle() -> None:
        while not stream.is_sent:
            connection.pause_writing()
            await asyncio.sleep(0.04)
            connection.resume_writing()
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(trickle())
        group.create_task(connection.send_body(stream, bytes(size)))
    assert (stream.is_sent, connection.lost) == (True, None)
    connection.connection_lost(None)
