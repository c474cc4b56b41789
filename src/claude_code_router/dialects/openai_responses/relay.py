"""Changes to a Responses request that is relayed: reasoning that another provider made is taken out, whole items."""

from __future__ import annotations

from collections.abc import Callable

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
    return _without_items(body, _MARK, _foreign) if _MARK in body else body


def strip_reasoning(body: bytes) -> bytes:
    """Without any reasoning item, whoever made it. The very same object when there are none."""
    mark = b'"reasoning"'
    return _without_items(body, mark, lambda item: mark in item and _item_decoder.decode(item).type == "reasoning")


def _without_items(body: bytes, mark: bytes, drop: Callable[[bytes], bool]) -> bytes:
    if mark not in body:
        return body
    try:
        given = [
            (start, end) for key, start, end in members(body) if key == "input" and body[start : start + 1] == b"["
        ]
        for start, end in reversed(given):
            items = [body[a:b] for a, b in elements(body, start, end)]
            kept = [item for item in items if not drop(item)]
            if len(kept) < len(items):
                body = b"".join((body[:start], b"[", b",".join(kept), b"]", body[end:]))
    except UNREADABLE:
        pass  # the upstream is the judge of it
    return body


def _foreign(item: bytes) -> bool:
    if _MARK not in item:
        return False
    read = _item_decoder.decode(item)
    return read.type == "reasoning" and (read.encrypted_content or "").startswith(MARK)
