"""HTTP/2's GOAWAY frames, taken out of what a server sends. Pure.

h2 takes one for the end of the connection and refuses every frame after it. But a server that closes down gently sends one, and
then the rest of the replies that are on their way.
"""

from __future__ import annotations

from typing import NamedTuple

_HEAD_BYTES = 9
_GOAWAY = 7
_MOST_BYTES = 16_384  # a longer frame is not allowed to anyone: h2 shall say so


class Goaway(NamedTuple):
    last_stream_id: int
    """Streams above it were not taken."""
    error_code: int


class GoawaySifter:
    """For one connection. Any split of its bytes gives the same."""

    def __init__(self) -> None:
        self._held = b""
        """The begin of a frame: its head is not complete, or it is a GOAWAY that is not."""
        self._ahead = 0
        """Bytes of a frame that are still to come; its begin was passed on."""

    def sift(self, data: bytes) -> tuple[bytes, list[Goaway]]:
        """What h2 should see, and what it should not."""
        if self._held:
            data, self._held = self._held + data, b""
        found: list[Goaway] = []
        kept: list[bytes] = []
        start, at, end = 0, self._ahead, len(data)
        while at < end:
            length = int.from_bytes(data[at : at + 3], "big")
            is_goaway = end - at >= _HEAD_BYTES and data[at + 3] == _GOAWAY and 8 <= length <= _MOST_BYTES
            after = at + _HEAD_BYTES + length
            if end - at < _HEAD_BYTES or (is_goaway and after > end):
                self._held, end = data[at:], at
                break
            if is_goaway:
                kept.append(data[start:at])
                found.append(_read(data[at + _HEAD_BYTES : after]))
                start = after
            at = after
        self._ahead = at - end
        if not kept and end == len(data):
            return data, found
        return b"".join((*kept, data[start:end])), found


def _read(payload: bytes) -> Goaway:
    return Goaway(int.from_bytes(payload[:4], "big") & 0x7FFF_FFFF, int.from_bytes(payload[4:8], "big"))
