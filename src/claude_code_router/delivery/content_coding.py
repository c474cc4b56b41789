"""Content codings of replies: gzip and deflate. Pure."""

from __future__ import annotations

import zlib

_MOST_DECODED_BYTES = 1 << 20  # in one go: a small body may stand for a very large one


class Decoder:
    """A bounded piece at a time. Raises zlib.error."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._inner: zlib._Decompress | None = None
        self._rest = b""
        self.has_more = False
        """Without any further bytes."""

    @property
    def is_whole(self) -> bool:
        """It may end here."""
        return self._inner is None or (self._inner.eof and not self._rest)

    def decode(self, data: bytes) -> bytes:
        data, self._rest = self._rest + data, b""
        if self._inner is None or (self._inner.eof and data):
            self._inner = self._begun(data[0])
        decoded = self._inner.decompress(data, _MOST_DECODED_BYTES)
        # Behind the end of a gzip member there may be another one (RFC 1952).
        self._rest = self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail
        self.has_more = bool(self._rest) or (not self._inner.eof and len(decoded) == _MOST_DECODED_BYTES)
        return decoded

    def _begun(self, first: int) -> zlib._Decompress:
        if self._coding != "deflate":
            return zlib.decompressobj(zlib.MAX_WBITS | 32)
        # "deflate" means zlib's format, and some servers send it without zlib's header.
        return zlib.decompressobj(zlib.MAX_WBITS if first & 0x0F == 8 else -zlib.MAX_WBITS)
