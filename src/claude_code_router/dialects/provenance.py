"""Who minted a thinking block's signature.

An Anthropic client sends thinking blocks back as it got them. Blocks that we made from another model's reasoning carry
a signature of ours, so that they can be told from Claude's own: they are removed on the way to Claude (which would
answer 400 "Invalid signature"), and unwrapped on the way back to the kind of server that they came from. The
signature never imitates a real one. It holds whatever state the server wants back, so the router itself keeps none.
"""

from __future__ import annotations

import base64
import binascii
import zlib

MARK = "ccr1~~~~~~~~~~~~~~~~~~~~."
"""Every signature of ours starts so. Anthropic's are base64, which has no tilde. So long, and of so few characters, because
every relayed body is searched for it: CPython's search skips by the needle's length (600 kB: 75 µs instead of 280)."""

MAX_PAYLOAD_BYTES = 8 * 1024 * 1024
"""A payload comes back through the client, so it is not trusted to be small once inflated."""


def mint(kind: str, payload: str) -> str:
    """A signature for a block of ours. `kind` names the form of replay (letters, digits, `_`); `payload` is any text."""
    if not payload:
        return MARK + kind
    return f"{MARK}{kind}.{base64.urlsafe_b64encode(zlib.compress(payload.encode(), 6)).decode()}"


def opened(signature: str) -> tuple[str, str] | None:
    """(kind, payload) of a signature of ours; None for everybody else's and for damaged ones."""
    if not signature.startswith(MARK):
        return None
    kind, _, packed = signature[len(MARK) :].partition(".")
    if not kind:
        return None
    if not packed:
        return kind, ""
    try:
        inflater = zlib.decompressobj()
        payload = inflater.decompress(base64.urlsafe_b64decode(packed.encode()), MAX_PAYLOAD_BYTES)
        return (kind, payload.decode()) if inflater.eof else None
    except (binascii.Error, zlib.error, ValueError):
        return None
