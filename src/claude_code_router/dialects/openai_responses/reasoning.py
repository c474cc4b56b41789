"""Reasoning items, carried by the client inside the signatures of thinking blocks.

With `store: false` the server keeps nothing: the item goes back to it as it came, byte for byte, with its id and its
encrypted content. Such content is bound to the model and the account that made it; any other server gets none of it.
"""

from __future__ import annotations

import msgspec

from claude_code_router.core.chat import Thinking
from claude_code_router.dialects.provenance import mint, opened
from claude_code_router.dialects.unreadable import UNREADABLE

_KIND = "responses"


class _Minted(msgspec.Struct):
    origin: str
    item: msgspec.Raw


_decoder = msgspec.json.Decoder(_Minted)


def mint_item(item: bytes, origin: str) -> str:
    """A signature that holds the reasoning item's own JSON. `origin` is the target that made it (`provider,model`)."""
    return mint(_KIND, msgspec.json.encode(_Minted(origin, msgspec.Raw(item))).decode())


def opened_item(part: Thinking, origin: str) -> bytes | None:
    """The item's JSON, byte for byte, when this target made it; None for everybody else's reasoning."""
    found = opened(part.signature)
    if found is None or found[0] != _KIND:
        return None
    try:
        minted = _decoder.decode(found[1])
    except UNREADABLE:
        return None
    item = bytes(minted.item)
    return item if minted.origin == origin and item.startswith(b"{") else None
