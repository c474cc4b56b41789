"""Server-sent events, both ways: the only SSE loop in the house.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html (§9.2.6) on bytes, because a chunk of the network
may end inside a character. Two deliberate differences: an event without an `event:` line has an empty name instead
of "message", since a reader of Anthropic streams has to tell the two apart; and `close` gives out an event that the
stream ended without its blank line, since several chat/completions servers end with a bare `data: [DONE]`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from claude_code_router.core.errors import BadReply

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""No model says so much in one event; a server that never ends its line must not fill our memory. (Anthropic's own
request limit is 32 MB.)"""

_BOM = b"\xef\xbb\xbf"
_SHOWN_BYTES = 40


class SSEEvent(NamedTuple):
    event: bytes
    """Empty when there was no `event:` line."""
    data: bytes


class SSEDecoder:
    """Bytes in, any split; whole events out. Raises BadReply when one event exceeds `MAX_EVENT_BYTES`.

    `skip`: the name of events that the reader does not want to see, where it is their first line. Most of a stream is one
    kind of event, and an observer that waits for the others should not pay for each of them.
    """

    __slots__ = ("_after_cr", "_at_start", "_held", "_held_bytes", "_other", "_skip")

    def __init__(self, skip: bytes = b"") -> None:
        self._skip = b"event: %b\n" % skip if skip else b""
        self._other = re.compile(rb"\n\n(?!%b)" % re.escape(self._skip)) if skip else None
        self._held: list[bytes] = []  # pieces of the unfinished event, line ends already LF
        self._held_bytes = 0
        self._at_start = True
        self._after_cr = False  # the last byte was a CR: a LF right behind it belongs to it

    @property
    def at_boundary(self) -> bool:
        """Nothing of an unfinished event is held: another event may be put in between here."""
        return not self._held_bytes or not b"".join(self._held).strip(b"\n")

    @property
    def unfinished(self) -> bytes:
        """How the event begins that is not complete yet, some bytes of it; empty when there is none."""
        return b"".join(self._held[:_SHOWN_BYTES]).lstrip(b"\n")[:_SHOWN_BYTES] if self._held else b""

    @property
    def in_line(self) -> bool:
        """The unfinished event ends inside a line."""
        return bool(self._held) and not self._held[-1].endswith(b"\n")

    def feed(self, chunk: bytes) -> list[SSEEvent]:
        if self._at_start:
            chunk = self._without_bom(chunk)
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_lf_only(chunk)
        if not chunk:
            return []
        if b"\n" not in chunk:  # cannot end an event: do not search the held bytes again
            self._hold(chunk)
            return []
        if self._held_bytes:
            chunk = b"".join(self._held) + chunk
            self._held.clear()
            self._held_bytes = 0
        end = chunk.rfind(b"\n\n") + 2
        if end == 1:  # no event is complete
            self._hold(chunk)
            return []
        if end < len(chunk):
            self._hold(chunk[end:])
        return [event for block in self._blocks(chunk, end) if (event := _parse(block)) is not None]

    def close(self) -> list[SSEEvent]:
        """The event that the stream left unfinished, if it has data. The decoder is empty afterwards."""
        rest = b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        event = _parse(rest) if rest else None
        return [] if event is None else [event]

    def _blocks(self, chunk: bytes, end: int) -> list[bytes]:
        """The events that are complete at `end`, but for those to skip: these are not even cut out."""
        if self._other is None:
            return chunk[: end - 2].split(b"\n\n")
        skipped = chunk.startswith(self._skip)
        if skipped and chunk.find(b"\n\n") == end - 2:  # one event, as most chunks are
            return []
        starts = [found.end() for found in self._other.finditer(chunk, 0, end)]
        if not skipped:
            starts.insert(0, 0)
        return [chunk[start : chunk.find(b"\n\n", start)] for start in starts if start < end]

    def _hold(self, piece: bytes) -> None:
        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > MAX_EVENT_BYTES:
            self._held.clear()
            self._held_bytes = 0
            raise BadReply(f"The provider sent an event of more than {MAX_EVENT_BYTES} bytes without ending it.")

    def _without_bom(self, chunk: bytes) -> bytes:
        start = b"".join(self._held) + chunk
        self._held.clear()
        self._held_bytes = 0
        if len(start) < len(_BOM) and _BOM.startswith(start):
            if start:
                self._hold(start)
            return b""
        self._at_start = False
        return start.removeprefix(_BOM)

    def _with_lf_only(self, chunk: bytes) -> bytes:
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if chunk.endswith(b"\r"):
            self._after_cr = True
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _parse(block: bytes) -> SSEEvent | None:
    """One block of lines; None when it has no data (comments, keep-alives)."""
    # The two shapes that nearly every event has, without a loop.
    if block.startswith(b"data: ") and b"\n" not in block:
        return SSEEvent(b"", block[6:])
    if block.startswith(b"event: "):
        name, _, data = block.partition(b"\n")
        if data.startswith(b"data: ") and b"\n" not in data:
            return SSEEvent(name[7:], data[6:])
    return _parse_lines(block)


def _parse_lines(block: bytes) -> SSEEvent | None:
    name = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
        # An empty field name is a comment; `id`, `retry` and unknown fields mean nothing to a reader of replies.
    joined = b"\n".join(data)
    return SSEEvent(name, joined) if joined else None


def encode_event(event: bytes, data: bytes) -> bytes:
    """One event on the wire. `data` is one line (JSON has no raw line ends)."""
    return b"event: %b\ndata: %b\n\n" % (event, data)
