"""The frames that we exchange with the Node child: a JSON header, and a request's body as it came beside it.

`ccr1`, the header's length, the body's length (4 bytes each, big-endian), the header, the body. The mark at the front tells
a frame from what a script wrote past its console straight into the pipe.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

MARK = b"ccr1"
_HEAD = struct.Struct(">4sII")
HEADER_LIMIT_BYTES = 1 << 20
BODY_LIMIT_BYTES = 64 << 20


class BadFrame(Exception):
    """The stream is lost: nothing behind this point can be read."""


class Frame(NamedTuple):
    header: Mapping[str, Any]
    body: bytes


def encode(header: Mapping[str, object], body: bytes = b"") -> tuple[bytes, bytes]:
    """In two pieces, so that a large body is not copied."""
    text = msgspec.json.encode(header)
    return _HEAD.pack(MARK, len(text), len(body)) + text, body


class FrameDecoder:
    """Any split of the bytes gives the same frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[Frame]:
        """Raises BadFrame."""
        self._buffer += chunk
        frames = []
        while (size := self._whole()) is not None:
            header_bytes, body_bytes = size
            start = _HEAD.size + header_bytes
            header = self._header(bytes(self._buffer[_HEAD.size : start]))
            frames.append(Frame(header, bytes(self._buffer[start : start + body_bytes])))
            del self._buffer[: start + body_bytes]
        return frames

    def _whole(self) -> tuple[int, int] | None:
        """The two lengths when a whole frame is there."""
        if not MARK.startswith(self._buffer[: len(MARK)]):
            raise BadFrame("it wrote into the router's own channel")
        if len(self._buffer) < _HEAD.size:
            return None
        _, header_bytes, body_bytes = _HEAD.unpack_from(self._buffer)
        if header_bytes > HEADER_LIMIT_BYTES or body_bytes > BODY_LIMIT_BYTES:
            raise BadFrame("its answer is too large")
        return (header_bytes, body_bytes) if len(self._buffer) >= _HEAD.size + header_bytes + body_bytes else None

    def _header(self, text: bytes) -> Mapping[str, Any]:
        try:
            return msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            raise BadFrame("it wrote into the router's own channel") from None
