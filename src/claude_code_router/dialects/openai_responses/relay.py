"""Changes to a Responses request that is relayed: reasoning that another provider made is taken out, whole items."""

from __future__ import annotations

import msgspec

from claude_code_router.dialects.anthropic_messages.spans import elements, members
from claude_code_router.dialects.provenance import MARK
from claude_code_router.dialects.unreadable import UNREADABLE

_MARK = MARK.encode()


class _Item(msgspec.Struct):
    type: str = ""
    encrypted_content: str | None = None


_item_decoder = msgspec.json.Decoder(_Item)


def strip_foreign_reasoning(body: bytes) -> bytes:
    """Without the reasoning items that we made of other models' thinking (client_reasoning.py). The very same object when there
    are none."""
    if _MARK not in body:
        return body
    try:
        given = [
            (start, end) for key, start, end in members(body) if key == "input" and body[start : start + 1] == b"["
        ]
        for start, end in reversed(given):
            kept = [body[a:b] for a, b in elements(body, start, end) if not _foreign(body[a:b])]
            body = b"".join((body[:start], b"[", b",".join(kept), b"]", body[end:]))
    except UNREADABLE:
        pass  # the upstream is the judge of it
    return body


def _foreign(item: bytes) -> bool:
    if _MARK not in item:
        return False
    read = _item_decoder.decode(item)
    return read.type == "reasoning" and (read.encrypted_content or "").startswith(MARK)
