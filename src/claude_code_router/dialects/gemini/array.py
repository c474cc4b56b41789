"""A stream for who has not asked for server-sent events (`alt=sse`): the same chunks as elements of one JSON array."""

from __future__ import annotations

from claude_code_router.dialects.sse import SSEDecoder


class ArrayFraming:
    """Event-stream bytes in, an array's bytes out. Each chunk keeps its own bytes."""

    def __init__(self) -> None:
        self._sse = SSEDecoder()
        self._begun = False

    def feed(self, chunk: bytes) -> bytes:
        """Blanks for what holds no whole chunk yet, so that a ping is one here too."""
        out = b"".join([self._element(data) for _, data in self._sse.feed(chunk)])
        return out or b"\n"

    def close(self) -> bytes:
        out = b"".join([self._element(data) for _, data in self._sse.close()])
        return out + (b"]\n" if self._begun else b"[]\n")

    def _element(self, data: bytes) -> bytes:
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + data
