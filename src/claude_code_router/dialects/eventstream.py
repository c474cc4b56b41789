"""AWS's binary event stream (application/vnd.amazon.eventstream), decoded: what a Bedrock reply is framed in.

https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html, read 2026-11: total length, headers' length, CRC of these
two, headers, payload, CRC of all before it; big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from zlib import crc32

from claude_code_router.core.errors import BadReply

MAX_MESSAGE_BYTES = 24 * 1024 * 1024
"""AWS's own limit of a message is 16 MB of payload and 128 kB of headers; a wrong length must not fill our memory."""

_PRELUDE = struct.Struct(">III")
_OVERHEAD_BYTES = _PRELUDE.size + 4
_FIXED_BYTES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Header types of a fixed length: booleans, integers, a timestamp, a UUID."""
_STRING = 7
_TEXTS = frozenset({6, _STRING})
"""Bytes and strings: their length stands before them."""


class Message(NamedTuple):
    headers: Mapping[str, str]
    """Those whose value is text."""
    payload: bytes


class EventStreamDecoder:
    """Bytes in, any split; whole messages out. Raises BadReply when they are no event stream."""

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def at_boundary(self) -> bool:
        return not self._held

    def feed(self, chunk: bytes) -> list[Message]:
        self._held += chunk
        messages: list[Message] = []
        at = 0
        while (size := self._size(at)) and len(self._held) - at >= size:
            messages.append(_message(bytes(self._held[at : at + size])))
            at += size
        del self._held[:at]
        return messages

    def _size(self, at: int) -> int:
        """Of the message that begins at `at`; 0 when its prelude is not in yet."""
        if len(self._held) - at < _PRELUDE.size:
            return 0
        size, headers_size, checksum = _PRELUDE.unpack_from(self._held, at)
        if crc32(self._held[at : at + 8]) != checksum:
            raise BadReply("The reply is no event stream: a message's prelude is damaged.")
        if not headers_size + _OVERHEAD_BYTES <= size <= MAX_MESSAGE_BYTES:
            raise BadReply(f"A message of the event stream says that it has {size} bytes.")
        return int(size)


def _message(data: bytes) -> Message:
    _, headers_size, _ = _PRELUDE.unpack_from(data)
    (checksum,) = struct.unpack_from(">I", data, len(data) - 4)
    if crc32(data[:-4]) != checksum:
        raise BadReply("The reply is no event stream: a message is damaged.")
    end = _PRELUDE.size + headers_size
    return Message(_headers(data[_PRELUDE.size : end]), data[end:-4])


def _headers(data: bytes) -> dict[str, str]:
    try:
        return dict(_text_headers(data))
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise BadReply("A message of the event stream has headers that cannot be read.") from error


def _text_headers(data: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(data):
        size = data[at]
        name = data[at + 1 : at + 1 + size].decode()
        kind = data[at + 1 + size]
        at += size + 2
        if kind not in _TEXTS:
            at += _FIXED_BYTES[kind]
            continue
        (size,) = struct.unpack_from(">H", data, at)
        if kind == _STRING:
            yield name, data[at + 2 : at + 2 + size].decode()
        at += 2 + size
