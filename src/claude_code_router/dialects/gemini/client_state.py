"""The thinking of other makers, carried by a Gemini client: inside the thought signature of the part behind it, which such
clients give back as they got it.

A client may drop thoughts from its history, and does not touch a call's signature: so the thinking's text goes along with
what its maker signed. Signatures are bytes in base64 here, and clients write them anew in either alphabet.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Sequence

import msgspec

from claude_code_router.core.chat import Thinking
from claude_code_router.dialects.provenance import MAX_PAYLOAD_BYTES
from claude_code_router.dialects.unreadable import UNREADABLE

_HEAD = b"ccr1thoughts"
MARK = base64.b64encode(_HEAD)
"""Every signature of ours begins so: twelve bytes are sixteen characters, whatever follows."""

_decoder = msgspec.json.Decoder(list[Thinking])
_STANDARD = str.maketrans("-_", "+/")


def sealed(thinking: Sequence[Thinking]) -> str:
    return base64.b64encode(_HEAD + zlib.compress(msgspec.json.encode(thinking), 6)).decode()


def unsealed(signature: str) -> Iterable[Thinking]:
    """Nothing for everybody else's signatures, and for damaged ones."""
    if not signature.startswith(MARK.decode()):
        return ()
    text = signature.translate(_STANDARD).rstrip("=")
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4))[len(_HEAD) :]
        inflater = zlib.decompressobj()
        inflated = inflater.decompress(packed, MAX_PAYLOAD_BYTES)
        return _decoder.decode(inflated) if inflater.eof else ()
    except (binascii.Error, zlib.error, ValueError, *UNREADABLE):
        return ()
