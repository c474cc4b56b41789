"""One HTTP/2 connection and its streams: the only file that imports h2, the protocol without sockets."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Sequence
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RemoteSettingsChanged, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.failure import FailureKind
from claude_code_router.delivery.goaway import Goaway, GoawaySifter

_MOST_STREAMS = 100  # on one connection, whatever more the server would take: a lost packet holds up all of them
_IDLE_S = 30.0  # as for HTTP/1.1: below the 60 s of common load balancers
_STREAM_WINDOW_BYTES = 256 << 10
_CONNECTION_WINDOW_BYTES = _MOST_STREAMS * _STREAM_WINDOW_BYTES  # slow readers must not hold up the others
_MOST_DECODED_BYTES = 1 << 20  # in one go, of a compressed reply
_MOST_HEADER_BYTES = 64 << 10
_LAST_STREAM_ID = 2**31 - 3

_BREAKS = re.compile(rb"[\r\n\0]")

# They speak about a connection, and HTTP/2 forbids them; `host` travels as `:authority`.
_NOT_SENT = frozenset(("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host", "te"))


class NotTaken(TransportFailed):
    """The server did nothing with the request, and says so: it may be sent once more."""


class Connection(asyncio.Protocol):
    """Made by the loop with a TLS transport that chose h2. Streams are `open`ed while `has_room`."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.closed = asyncio.Event()
        self.ready = asyncio.Event()
        """The server has said what it allows, or the connection is lost."""
        self.lost: TransportFailed | None = None
        self._going = False
        self._expiry: asyncio.TimerHandle | None = None
        """When it was idle for long enough."""
        self._streams: dict[int, Stream] = {}
        self._sifter = GoawaySifter()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._h2.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: _STREAM_WINDOW_BYTES,
                SettingCodes.MAX_HEADER_LIST_SIZE: _MOST_HEADER_BYTES,
            },
        )

    @property
    def has_room(self) -> bool:
        most = min(_MOST_STREAMS, self._h2.remote_settings.max_concurrent_streams)
        spent = self._going or self._h2.highest_outbound_stream_id >= _LAST_STREAM_ID
        return self.lost is None and not spent and len(self._streams) < most

    def open(self, method: str, authority: str, path: str, headers: Sequence[tuple[str, str]], size: int) -> Stream:
        """Send the headers of a request whose body has `size` bytes."""
        sent = [(b":method", method.encode()), (b":scheme", b"https")]
        sent += [(b":authority", authority.encode()), (b":path", path.encode())]
        names = set()
        for name, value in headers:
            lower = name.lower()
            names.add(lower)
            if lower not in _NOT_SENT:
                sent.append((lower.encode(), value.encode("utf-8", "surrogateescape")))
        if size and "content-length" not in names:
            sent.append((b"content-length", str(size).encode()))
        id = self._h2.get_next_available_stream_id()
        refused = TransportFailed(
            FailureKind.UNSUPPORTED, f"The request to {self.host} has headers that cannot be sent."
        )
        if any(_BREAKS.search(text) for pair in sent for text in pair):
            raise refused  # h2 would send them, and whoever speaks HTTP/1.1 behind the server would see two headers
        try:
            self._h2.send_headers(id, sent, end_stream=not size)
        except H2Error as error:
            self._going = True  # what h2 thinks of this stream is not to be built on
            raise refused from error
        self._flush()
        if self._expiry is not None:
            self._expiry.cancel()
        stream = self._streams[id] = Stream(self, id, is_sent=not size)
        return stream

    async def send_body(self, stream: Stream, body: bytes) -> None:
        """All of it, as fast as the server takes it. Ends early when the reply is there without waiting for it."""
        at = 0
        while at < len(body) and not stream.is_over and stream.status < 400:
            room = min(self._h2.local_flow_control_window(stream.id), self._h2.max_outbound_frame_size)
            if room <= 0:
                await stream.stirred()
                continue
            part = body[at : at + room]
            at += len(part)
            stream.is_sent = at == len(body)
            self._h2.send_data(stream.id, part, end_stream=stream.is_sent)
            self._flush()
            await self._writable.wait()

    def acknowledge(self, stream: Stream, size: int) -> None:
        """So many bytes were read: the server may send as many more."""
        if size and self.lost is None:
            self._h2.acknowledge_received_data(size, stream.id)
            self._flush()

    def drop(self, stream: Stream) -> None:
        """Nobody waits for it any more: the server is told at once."""
        if self._streams.get(stream.id) is stream and self.lost is None:
            self._h2.reset_stream(stream.id, ErrorCodes.CANCEL)
            self._flush()
        self._forget(stream)

    def close(self) -> None:
        if self.lost is None:
            self._h2.close_connection()
            self._flush()
        self._lose(FailureKind.RESET, f"The connection to {self.host} was closed here.")

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by their class
        self._rest()
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_CONNECTION_WINDOW_BYTES - 65_535)
        self._flush()

    def data_received(self, data: bytes) -> None:
        if self.lost is not None:
            return
        sifted, goaways = self._sifter.sift(data)
        try:
            for event in self._h2.receive_data(sifted):
                self._take(event)
        except (H2Error, ValueError) as error:
            self._flush()
            self._lose(FailureKind.MALFORMED, f"{self.host} does not keep to HTTP/2: {type(error).__name__}.")
            return
        self._flush()
        for goaway in goaways:
            self._leave(goaway)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._lose(FailureKind.RESET, "")
        self.closed.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # What the server says.

    def _take(self, event: Event) -> None:
        match event:
            case DataReceived():
                stream = self._streams.get(event.stream_id)
                if stream is None:
                    self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                else:
                    stream.received(event.data, event.flow_controlled_length)
            case ResponseReceived(stream_id=int(id)) if id in self._streams:
                self._streams[id].begin([(bytes(name), bytes(value)) for name, value in event.headers])
            case StreamEnded(stream_id=int(id)) if id in self._streams:
                stream = self._streams[id]
                if stream.is_sent:
                    self._forget(stream)
                stream.end()
            case StreamReset(stream_id=int(id)) if id in self._streams:
                stream = self._streams[id]
                self._forget(stream)
                stream.fail(self._reset_of(stream, event.error_code))
            case RemoteSettingsChanged():
                self.ready.set()
                self._stir_all()
            case _:
                self._stir_all()  # a window may have opened; the rest concerns nobody

    def _reset_of(self, stream: Stream, code: ErrorCodes | int) -> TransportFailed:
        name = code.name if isinstance(code, ErrorCodes) else str(code)
        if code == ErrorCodes.REFUSED_STREAM:
            return NotTaken(FailureKind.RESET, f"{self.host} refused the stream ({name}).")
        if stream.status:
            return TransportFailed(FailureKind.CUT, f"{self.host} broke off the stream inside the reply ({name}).")
        return TransportFailed(FailureKind.RESET, f"{self.host} broke off the stream before it answered ({name}).")

    def _leave(self, goaway: Goaway) -> None:
        """The server takes no new streams; those it has taken end as they would have."""
        self._going = True
        for stream in [stream for id, stream in self._streams.items() if id > goaway.last_stream_id]:
            self._forget(stream)
            stream.fail(NotTaken(FailureKind.RESET, f"{self.host} closed the connection before it took the request."))
        if goaway.error_code:
            self._lose(FailureKind.RESET, f"{self.host} gave up the connection (GOAWAY {goaway.error_code}).")
        elif not self._streams:
            self.close()

    def _lose(self, kind: FailureKind, message: str) -> None:
        """The streams learn of it as a cut when their reply has begun, as of `kind` otherwise."""
        if self.lost is None:
            told = message or f"{self.host} closed the connection before it answered."
            self.lost = TransportFailed(kind, told)
            for stream in self._streams.values():
                cut = message or f"The connection to {self.host} broke inside the reply."
                failed = (FailureKind.CUT, cut) if stream.status else (kind, told)
                stream.fail(TransportFailed(*failed))
            self._streams.clear()
        if self._expiry is not None:
            self._expiry.cancel()
        self.ready.set()
        self._writable.set()
        if self._transport is not None:
            self._transport.close()

    def _forget(self, stream: Stream) -> None:
        self._streams.pop(stream.id, None)
        if self._streams or self.lost is not None:
            return
        if self._going:
            self.close()
        else:
            self._rest()

    def _rest(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_later(_IDLE_S, self.close)

    def _stir_all(self) -> None:
        for stream in self._streams.values():
            stream.stir()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


class Stream:
    """A `delivery.transport.UpstreamReply`, once `answered` has returned."""

    def __init__(self, connection: Connection, id: int, *, is_sent: bool) -> None:
        self.id = id
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.is_sent = is_sent
        """The request is out whole."""
        self._connection = connection
        self._chunks: list[bytes] = []
        self._unread_bytes = 0
        """As flow control counts them: with padding."""
        self._ended = False
        self._failure: TransportFailed | None = None
        self._stirred = asyncio.Event()
        self._decoder: _Decoder | None = None

    @property
    def is_over(self) -> bool:
        return self._ended or self._failure is not None

    async def answered(self) -> None:
        """The headers are in. Raises TransportFailed."""
        while not self.status:
            if self._failure is not None:
                raise self._failure
            await self.stirred()
        coding = next((value for name, value in self.headers if name == "content-encoding"), "").strip().lower()
        if coding in ("gzip", "x-gzip", "deflate"):
            self._decoder = _Decoder(coding)
        elif coding not in ("", "identity"):
            raise TransportFailed(
                FailureKind.MALFORMED, f"{self._connection.host} compressed its reply unasked ({coding})."
            )

    async def next_chunk(self) -> bytes:
        while True:
            chunk = self._read()
            if chunk:
                return chunk
            if self._failure is not None:
                raise self._failure
            if self._ended:
                if self._decoder is not None and not self._decoder.is_whole:
                    raise self._broken()
                return b""
            await self.stirred()

    def close(self) -> None:
        self._connection.acknowledge(self, self._unread_bytes)
        self._unread_bytes = 0
        self._chunks.clear()
        self._connection.drop(self)

    def _read(self) -> bytes:
        if self._decoder is not None and self._decoder.has_more:
            return self._decode(b"")
        if not self._chunks:
            return b""
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        size, self._unread_bytes = self._unread_bytes, 0
        self._connection.acknowledge(self, size)
        if self._decoder is None:
            return data
        return self._decode(data)

    def _decode(self, data: bytes) -> bytes:
        assert self._decoder is not None
        try:
            return self._decoder.decode(data)
        except zlib.error as error:
            raise self._broken() from error

    def _broken(self) -> TransportFailed:
        return TransportFailed(FailureKind.CUT, f"The compressed reply of {self._connection.host} is broken.")

    async def stirred(self) -> None:
        """Something has happened to this stream, or to what it may send."""
        self._stirred.clear()
        await self._stirred.wait()

    # What the connection calls.

    def stir(self) -> None:
        self._stirred.set()

    def begin(self, headers: list[tuple[bytes, bytes]]) -> None:
        text = [(name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
                for name, value in headers]  # fmt: skip
        self.status = next((int(value) for name, value in text if name == ":status"), 502)
        self.headers = [(name, value) for name, value in text if not name.startswith(":")]
        self.stir()

    def received(self, data: bytes, size: int) -> None:
        self._unread_bytes += size
        if data:
            self._chunks.append(data)
            self.stir()

    def end(self) -> None:
        self._ended = True
        self.stir()

    def fail(self, failure: TransportFailed) -> None:
        if not self._ended:
            self._failure = failure
        self.stir()


class _Decoder:
    """gzip and deflate, a bounded piece at a time."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._inner: zlib._Decompress | None = None
        self._rest = b""
        self.has_more = False

    @property
    def is_whole(self) -> bool:
        return self._inner is None or self._inner.eof

    def decode(self, data: bytes) -> bytes:
        if self._inner is None:
            # "deflate" means zlib's format, and some servers send it without zlib's header.
            bare = self._coding == "deflate" and data[0] & 0x0F != 8
            self._inner = zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS | 32)
        decoded = self._inner.decompress(self._rest + data, _MOST_DECODED_BYTES)
        self._rest = self._inner.unconsumed_tail
        self.has_more = not self._inner.eof and (bool(self._rest) or len(decoded) == _MOST_DECODED_BYTES)
        return decoded
