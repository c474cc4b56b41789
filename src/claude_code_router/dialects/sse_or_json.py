"""A reply's body, whatever came: an event stream or one JSON text. Which, is seen from the bytes, not from what was asked
for: some servers answer a streaming request with one JSON body (mostly an error), and some stream what was to be whole."""

from __future__ import annotations

from claude_code_router.core.errors import BadReply
from claude_code_router.dialects.sse import SSEDecoder, SSEEvent

BLANK = b" \t\r\n"
MAX_BODY_BYTES = 64 << 20
"""What a JSON body may fill of our memory."""
MAX_BLANK_BYTES = 1 << 16
_BOM = b"\xef\xbb\xbf"


class SSEOrJSON:
    """Bytes in, any split. `feed` gives the events of a stream; a JSON body is held until `close`."""

    def __init__(self) -> None:
        self._sse = SSEDecoder()
        self._whole: list[bytes] | None = None
        self._held_bytes = 0
        self._start: bytes | None = b""  # blank bytes before it is known what the body is

    def feed(self, chunk: bytes) -> list[SSEEvent]:
        """Raises BadReply for an event or a body without end."""
        if self._whole is not None:
            self._hold(chunk, self._whole)
            return []
        if self._start is not None:
            chunk = self._start + chunk
            begin = chunk.removeprefix(_BOM).lstrip(BLANK)
            if not begin or _BOM.startswith(begin):
                self._start = chunk if len(chunk) < MAX_BLANK_BYTES else b""
                return []
            self._start = None
            if begin[:1] in b"{[":  # no line of an event stream begins so
                self._whole = []
                self._hold(begin, self._whole)
                return []
        return self._sse.feed(chunk)

    def _hold(self, chunk: bytes, pieces: list[bytes]) -> None:
        pieces.append(chunk)
        self._held_bytes += len(chunk)
        if self._held_bytes > MAX_BODY_BYTES:
            pieces.clear()
            raise BadReply(f"The provider's answer is over {MAX_BODY_BYTES >> 20} MB.")

    def close(self) -> tuple[list[SSEEvent], bytes | None]:
        """What the stream left unfinished, and the JSON body when it was one."""
        if self._whole is not None:
            return [], b"".join(self._whole).strip(BLANK)
        return self._sse.close(), None
