"""Images and documents in a conversation: where they are, and how many bytes of the body they are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from claude_code_router.routing import wire

_SOURCE = b'"source"'  # every image and document block has one


class Media(msgspec.Struct, frozen=True, kw_only=True):
    images: int = 0
    last_image_at: int = -1
    """Index of the last message that holds an image; -1 when none does."""
    image_bytes: int = 0
    """Of the body, base64."""
    document_bytes: int = 0


def look(messages: Sequence[wire.Message]) -> Media:
    """Opens only user messages in which the word `"source"` stands: most conversations cost one search."""
    images = image_bytes = document_bytes = 0
    last_image_at = -1
    for place, message in enumerate(messages):
        if message.role != "user" or _SOURCE not in bytes(message.content):
            continue
        for kind, size in _pieces(message.content):
            if kind == "image":
                images += 1
                image_bytes += size
                last_image_at = place
            else:
                document_bytes += size
    return Media(images=images, last_image_at=last_image_at, image_bytes=image_bytes, document_bytes=document_bytes)


def _pieces(content: msgspec.Raw, *, inside_result: bool = False) -> list[tuple[str, int]]:
    pieces: list[tuple[str, int]] = []
    for block in wire.blocks(content):
        if block.type == "image":
            pieces.append(("image", len(memoryview(block.source))))
        elif block.type == "document" and wire.text(wire.fields(block.source).get("type", msgspec.Raw())) == "base64":
            pieces.append(("document", len(memoryview(block.source))))
        elif block.type == "tool_result" and not inside_result:
            pieces += _pieces(block.content, inside_result=True)
    return pieces
