"""What stands in a Responses stream or body, read with patience: nearly every member may be missing or of another shape."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from claude_code_router.dialects.unreadable import UNREADABLE, mend

T = TypeVar("T")


class Event(msgspec.Struct):
    """One event of the stream. Which members it has depends on `type`."""

    type: str = ""
    delta: Any = None
    output_index: Any = None
    content_index: Any = None
    item_id: Any = None
    item: msgspec.Raw = msgspec.Raw()
    part: Any = None
    text: Any = None
    arguments: Any = None
    annotation: Any = None
    response: msgspec.Raw = msgspec.Raw()
    error: Any = None
    code: Any = None
    message: Any = None


class Item(msgspec.Struct):
    """One item of a response's `output`."""

    type: str = ""
    id: Any = None
    call_id: Any = None
    name: Any = None
    arguments: Any = None
    input: Any = None
    content: Any = None
    summary: Any = None
    encrypted_content: Any = None
    action: Any = None


class Response(msgspec.Struct):
    id: Any = None
    model: Any = None
    status: Any = None
    error: Any = None
    incomplete_details: Any = None
    output: list[msgspec.Raw] | None = None
    usage: Any = None
    object: Any = None
    message: Any = None


event_decoder = msgspec.json.Decoder(Event)
item_decoder = msgspec.json.Decoder(Item)
response_decoder = msgspec.json.Decoder(Response)


def word(value: object) -> str:
    return value if isinstance(value, str) else ""


def joined(parts: object, *types: str) -> list[str]:
    """The texts of the list's members of those types."""
    if not isinstance(parts, list):
        return []
    found = [part for part in parts if isinstance(part, dict) and part.get("type") in types]
    return [text for part in found if (text := word(part.get("text")) or word(part.get("refusal")))]


def citations(part: object) -> list[dict[str, Any]]:
    listed = part.get("annotations") if isinstance(part, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def decoded(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    try:
        return decoder.decode(data)
    except UNREADABLE:
        # Half a character at an event's edge must not end the whole answer.
        return decoder.decode(mend(data))
