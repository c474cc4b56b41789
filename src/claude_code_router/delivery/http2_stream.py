"""One HTTP/2 stream as its reader sees it."""

from __future__ import annotations

import asyncio
import zlib
from typing import Protocol

from claude_code_router.core.errors import TransportFailed
from claude_code_router.core.failure import FailureKind
from claude_code_router.delivery.content_coding import Decoder


class Carrier(Protocol):
    """What a stream needs of its connection."""

    host: str

    def acknowledge(self, stream: Stream, size: int) -> None:
        """So many bytes were read: the server may send as many more."""

    def drop(self, stream: Stream) -> None:
        """Nobody waits for it any more."""


class Stream:
    """A `delivery.transport.UpstreamReply`, once `answered` has returned."""

    def __init__(self, carrier: Carrier, id: int, *, is_sent: bool, heard: int) -> None:
        self.id = id
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.is_sent = is_sent
        """The request is out whole."""
        self.heard = heard
        """How often the server had said anything when it began."""
        self._carrier = carrier
        self._chunks: list[bytes] = []
        self._unread_bytes = 0
        """As flow control counts them: with padding."""
        self._missing_bytes: int | None = None
        """Of what `content-length` has announced."""
        self._ended = False
        self._failure: TransportFailed | None = None
        self._stirred = asyncio.Event()
        self._decoder: Decoder | None = None

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
            self._decoder = Decoder(coding)
        elif coding not in ("", "identity"):
            message = f"{self._carrier.host} compressed its reply unasked ({coding})."
            raise TransportFailed(FailureKind.MALFORMED, message)

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
        self._carrier.acknowledge(self, self._unread_bytes)
        self._unread_bytes = 0
        self._chunks.clear()
        self._carrier.drop(self)

    def _read(self) -> bytes:
        if self._decoder is not None and self._decoder.has_more:
            return self._decode(b"")
        if not self._chunks:
            return b""
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        size, self._unread_bytes = self._unread_bytes, 0
        self._carrier.acknowledge(self, size)
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
        return TransportFailed(FailureKind.CUT, f"The compressed reply of {self._carrier.host} is broken.")

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
        self._missing_bytes = next((int(value) for name, value in self.headers if name == "content-length"), None)
        self.stir()

    def received(self, data: bytes, size: int) -> None:
        if not data:  # nothing but padding: nobody would read it
            self._carrier.acknowledge(self, size)
            return
        self._unread_bytes += size
        self._chunks.append(data)
        if self._missing_bytes is not None:
            self._missing_bytes -= len(data)
        self.stir()

    def end(self) -> None:
        if self._missing_bytes:
            message = f"{self._carrier.host} ended its reply before the length that it had announced."
            self.fail(TransportFailed(FailureKind.CUT, message))
        self._ended = True
        self.stir()

    def fail(self, failure: TransportFailed) -> None:
        if not self._ended:
            self._failure = failure
        self.stir()
