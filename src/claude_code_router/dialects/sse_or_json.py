"""A reply's body, whatever came: an event stream or one JSON text. Which, is seen from the bytes, not from what was asked
for: some servers answer a streaming request with one JSON body (mostly an error), and some stream what was to be whole."""

from __future__ import annotations

from claude_code_router.dialects.sse import SSEDecoder, SSEEvent

BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


class SSEOrJSON:
    """Bytes in, any split. `feed` gives the events of a stream; a JSON body is held until `close`."""

    def __init__(self) -> None:
        self._sse = SSEDecoder()
        self._whole: list[bytes] | None = None
        self._start: bytes | None = b""  # blank bytes before it is known what the body is

    def feed(self, chunk: bytes) -> list[SSEEvent]:
        """Raises BadReply for an event without end."""
        if self._whole is not None:
            self._whole.append(chunk)
            return []
        if self._start is not None:
            chunk = self._start + chunk
            begin = chunk.removeprefix(_BOM).lstrip(BLANK)
            if not begin or _BOM.startswith(begin):
                self._start = chunk
                return []
            self._start = None
            if begin[:1] in b"{[":  # no line of an event stream begins so
                self._whole = [begin]
                return []
        return self._sse.feed(chunk)

    def close(self) -> tuple[list[SSEEvent], bytes | None]:
        """What the stream left unfinished, and the JSON body when it was one."""
        if self._whole is not None:
            return [], b"".join(self._whole).strip(BLANK)
        return self._sse.close(), None
