"""A picture to read and to paste."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any


def png(width: int = 32, height: int = 32, colour: tuple[int, int, int] = (200, 40, 40)) -> bytes:
    rows = (b"\0" + bytes(colour) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def image_block() -> dict[str, Any]:
    """As a front end pastes it into a stream-json message."""
    data = base64.b64encode(png()).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
