"""One HTTP/2 connection without sockets: any split of the server's bytes gives the same replies."""

import asyncio
import gzip
import zlib
from itertools import pairwise

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.errors import TransportFailed
from claude_code_router.delivery.http2_connection import Connection, Stream

BODIES = st.lists(st.lists(st.binary(min_size=1, max_size=60), max_size=4), min_size=1, max_size=4)


class _Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

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
    wire, connection = _Wire(), Connection("h")
    connection.connection_made(wire)
    streams = [connection.open("POST", "h", "/", [("x-a", str(number))], 0) for number in range(len(bodies))]
    answer = _answer(wire.written, bodies, coding)
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


@given(st.sampled_from(("gzip", "deflate", "bare")), st.binary(max_size=300), st.lists(st.integers(0, 600)))
def test_any_split_of_compressed_replies(coding: str, body: bytes, cuts: list[int]) -> None:
    """Decoded to the same, with zlib's header or without."""
    if coding == "gzip":
        sent = gzip.compress(body)
    else:
        deflate = zlib.compressobj(wbits=-15 if coding == "bare" else 15)
        sent = deflate.compress(body) + deflate.flush()
    pieces = [piece for piece in _split(sent, cuts) if piece]
    named = "gzip" if coding == "gzip" else "deflate"
    assert asyncio.run(_replies([pieces], cuts, coding=named)) == [body]


@given(BODIES, st.lists(st.integers(0, 600)), st.integers(1, 500))
def test_what_is_cut_is_never_whole(bodies: list[list[bytes]], cuts: list[int], missing: int) -> None:
    """However little is missing at the end, the stream that it belongs to fails."""
    with pytest.raises(TransportFailed):
        asyncio.run(_replies(bodies, cuts, size=missing))
