"""A stream for who has not asked for server-sent events (`alt=sse`): the same chunks as elements of one JSON array."""

from __future__ import annotations

import msgspec

from claude_code_router.dialects.gemini.client_errors import encode_error
from claude_code_router.dialects.sse import SSEDecoder
from claude_code_router.dialects.unreadable import UNREADABLE

_json_decoder = msgspec.json.Decoder(msgspec.Raw)


class ArrayFraming:
    """Event-stream bytes in, an array's bytes out. Each chunk keeps its own bytes. One that is no JSON (a relayed stream broke
    in the middle of it) would make the whole array unreadable: it is left out, and the array ends in an error, ours if nobody
    has told one."""

    def __init__(self) -> None:
        self._sse = SSEDecoder()
        self._begun = False
        self._owes_error = False

    def feed(self, chunk: bytes) -> bytes:
        """Blanks for what holds no whole chunk yet, so that a ping is one here too."""
        out = b"".join([self._element(data) for _, data in self._sse.feed(chunk)])
        return out or b"\n"

    def close(self) -> bytes:
        out = b"".join([self._element(data) for _, data in self._sse.close()])
        if self._owes_error:
            out += self._element(encode_error("api_error", "A part of the provider's answer cannot be read.", ""))
        return out + (b"]\n" if self._begun else b"[]\n")

    def _element(self, data: bytes) -> bytes:
        try:
            _json_decoder.decode(data)
        except UNREADABLE:
            self._owes_error = True
            return b""
        if data.startswith(b'{"error"'):
            self._owes_error = False
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + data
