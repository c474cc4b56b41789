"""One HTTP/2 connection and its streams: the only file that imports h2, the protocol without sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error, InvalidBodyLengthError
from h2.settings import SettingCodes, Settings
from hpack import HeaderTuple, NeverIndexedHeaderTuple

from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.failure import FailureKind
from claude_code_router.delivery.goaway import Goaway, GoawaySifter
from claude_code_router.delivery.http2_stream import Stream

_MOST_STREAMS = 100  # on one connection, whatever more the server would take: a lost packet holds up all of them
_IDLE_S = 30.0  # as for HTTP/1.1: below the 60 s of common load balancers
_STREAM_WINDOW_BYTES = 256 << 10
_CONNECTION_WINDOW_BYTES = _MOST_STREAMS * _STREAM_WINDOW_BYTES  # slow readers must not hold up the others
_MOST_HEADER_BYTES = 64 << 10
_MOST_FRAME_BYTES = 64 << 10  # many servers allow for more; the others' frames wait behind each
_LAST_STREAM_ID = 20_001  # h2 remembers a line of each of them; ten thousand requests are worth a handshake

_BREAKS = re.compile(rb"[\r\n\0]")
# Headers that give access stay out of the tables by which HTTP/2 makes repeated headers short, here and behind the server.
_SECRETS = re.compile(rb"auth|cookie|credential|key|passw|secret|signature|token")

# They speak about a connection, and HTTP/2 forbids them; `host` travels as `:authority`.
_NOT_SENT = frozenset(("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host", "te"))


_PING = b"are you?"


class NotTaken(TransportFailed):
    """The server did nothing with the request, and says so: it may be sent once more, or `in_http1`."""

    def __init__(self, message: str, *, in_http1: bool = False) -> None:
        super().__init__(FailureKind.RESET, message)
        self.in_http1 = in_http1


class Connection(asyncio.Protocol):
    """Made by the loop with a TLS transport. When that chose h2 (`is_http2`), streams are `open`ed while `has_room`."""

    def __init__(self, host: str, silence_s: float) -> None:
        self.host = host
        self.is_http2 = False
        self._silence_s = silence_s
        self.closed = asyncio.Event()
        self.ready = asyncio.Event()
        """The server has said what it allows, or the connection is lost."""
        self.lost: TransportFailed | None = None
        self._going = False
        self._expiry: asyncio.TimerHandle | None = None
        """When it was idle for long enough."""
        self._watch: asyncio.TimerHandle | None = None
        """While streams are open: is anybody there?"""
        self._heard = 0
        """How often the server has said anything."""
        self._sent_parts = 0
        """Of bodies. On a slow link they are a sign of life, and a PING behind them is late."""
        self._doubted = False
        """A stream was given up, and the server has not said anything since before that began."""
        self._streams: dict[int, Stream] = {}
        self._sifter = GoawaySifter()
        self._writable = True
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
        spent = self._going or self._doubted or self._h2.highest_outbound_stream_id >= _LAST_STREAM_ID
        return self.lost is None and not spent and len(self._streams) < most

    def open(self, method: str, authority: str, path: str, headers: Sequence[tuple[str, str]], size: int) -> Stream:
        """Send the headers of a request whose body has `size` bytes."""
        sent = [HeaderTuple(b":method", method.encode()), HeaderTuple(b":scheme", b"https")]
        sent.append(HeaderTuple(b":authority", authority.encode()))
        sent.append((NeverIndexedHeaderTuple if "?" in path else HeaderTuple)(b":path", path.encode()))
        names = set()
        for name, value in headers:
            lower = name.lower()
            names.add(lower)
            if lower not in _NOT_SENT:
                sent.append(_header(lower.encode(), value.encode("utf-8", "surrogateescape")))
        if size and "content-length" not in names:
            sent.append(HeaderTuple(b"content-length", str(size).encode()))
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
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(self._silence_s, self._check, self._signs, 0)
        stream = self._streams[id] = Stream(self, id, is_sent=not size, heard=self._heard)
        return stream

    async def send_body(self, stream: Stream, body: bytes) -> None:
        """All of it, as fast as the server takes it. Ends early when the reply is there without waiting for it."""
        at = 0
        while at < len(body) and not stream.is_over and stream.status < 400:
            window = self._h2.local_flow_control_window(stream.id)
            if window <= 0 or not self._writable:
                await stream.stirred()
                continue
            room = min(window, self._h2.max_outbound_frame_size, _MOST_FRAME_BYTES)
            part = body[at : at + room]
            at += len(part)
            stream.is_sent = at == len(body)
            self._h2.send_data(stream.id, part, end_stream=stream.is_sent)
            self._sent_parts += 1
            self._flush()
            if not stream.is_sent:
                await asyncio.sleep(0)  # a large body leaves room for the others

    def acknowledge(self, stream: Stream, size: int) -> None:
        """So many bytes were read: the server may send as many more."""
        if size and self.lost is None:
            self._h2.acknowledge_received_data(size, stream.id)
            self._flush()

    def drop(self, stream: Stream) -> None:
        """Nobody waits for it any more: the server is told at once."""
        if self._streams.get(stream.id) is stream and self.lost is None:
            self._h2.reset_stream(stream.id, ErrorCodes.CANCEL)
            if stream.heard == self._heard:
                self._doubted = True
                self._h2.ping(_PING)  # settles whether it is the server that is slow, or the connection dead
            self._flush()
        self._forget(stream)

    def close(self) -> None:
        if self.lost is None and self.is_http2:
            self._h2.close_connection()
            self._flush()
        self._lose(FailureKind.RESET, f"The connection to {self.host} was closed here.")

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by their class
        spoken = transport.get_extra_info("ssl_object")
        self.is_http2 = spoken is not None and spoken.selected_alpn_protocol() == "h2"
        if not self.is_http2:
            return
        self._rest()
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_CONNECTION_WINDOW_BYTES - 65_535)
        self._flush()

    def data_received(self, data: bytes) -> None:
        if self.lost is not None or not self.is_http2:
            return
        self._heard += 1
        self._doubted = False
        sifted, goaways = self._sifter.sift(data)
        try:
            for event in self._h2.receive_data(sifted):
                self._take(event)
        except (H2Error, ValueError) as error:
            self._flush()
            self._break_with(error)
            return
        self._flush()
        for goaway in goaways:
            self._leave(goaway)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._lose(FailureKind.RESET, "")
        self.closed.set()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._stir_senders()

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
                self._stir_senders()
            case WindowUpdated(stream_id=0):
                self._stir_senders()
            case WindowUpdated(stream_id=int(id)) if id in self._streams:
                self._streams[id].stir()
            case _:
                pass  # 1xx, trailers, PING: h2 has done what is to be done

    def _reset_of(self, stream: Stream, code: ErrorCodes | int) -> TransportFailed:
        name = code.name if isinstance(code, ErrorCodes) else str(code)
        if stream.status:
            return TransportFailed(FailureKind.CUT, f"{self.host} broke off the stream inside the reply ({name}).")
        if code in (ErrorCodes.REFUSED_STREAM, ErrorCodes.HTTP_1_1_REQUIRED):
            return NotTaken(f"{self.host} refused the stream ({name}).", in_http1=code == ErrorCodes.HTTP_1_1_REQUIRED)
        return TransportFailed(FailureKind.RESET, f"{self.host} broke off the stream before it answered ({name}).")

    def _leave(self, goaway: Goaway) -> None:
        """The server takes no new streams; those it has taken end as they would have."""
        self._going = True
        for stream in [stream for id, stream in self._streams.items() if id > goaway.last_stream_id]:
            self._forget(stream)
            stream.fail(NotTaken(f"{self.host} closed the connection before it took the request."))
        if goaway.error_code:
            self._lose(FailureKind.RESET, f"{self.host} gave up the connection (GOAWAY {goaway.error_code}).")
        elif not self._streams:
            self.close()

    def _break_with(self, error: Exception) -> None:
        """h2 refuses what the server says and gives up the connection, without saying which stream it was about."""
        told = f"{self.host} does not keep to HTTP/2: {type(error).__name__}."
        if len(self._streams) > 1:
            self._lose(FailureKind.RESET, told)  # all but one have done nothing wrong
        elif isinstance(error, InvalidBodyLengthError):
            self._lose(FailureKind.CUT, f"The reply of {self.host} has another length than it had announced.")
        else:
            self._lose(FailureKind.MALFORMED, told)

    @property
    def _signs(self) -> tuple[int, int]:
        """Of life."""
        return self._heard, self._sent_parts

    def _check(self, signs: tuple[int, int], pings: int) -> None:
        """`signs` are as they were when `pings` PINGs had been sent into the silence."""
        self._watch = None
        if not self._streams:
            return
        silent = signs == self._signs
        if silent and pings:
            self._lose(FailureKind.RESET, f"The connection to {self.host} is dead: a PING was not answered.")
            self.abort()
            return
        if silent:
            self._h2.ping(_PING)
            self._flush()
        wait_s = self._silence_s / 2 if silent else self._silence_s
        self._watch = asyncio.get_running_loop().call_later(wait_s, self._check, self._signs, int(silent))

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
        for timer in (self._expiry, self._watch):
            if timer is not None:
                timer.cancel()
        self.ready.set()
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

    def _stir_senders(self) -> None:
        for stream in self._streams.values():
            if not stream.is_sent:
                stream.stir()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _header(name: bytes, value: bytes) -> HeaderTuple:
    return (NeverIndexedHeaderTuple if _SECRETS.search(name) else HeaderTuple)(name, value)
