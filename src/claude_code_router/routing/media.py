"""Images and documents in a conversation: where they are, and how many bytes of the body they are."""

from __future__ import annotations

import msgspec

from claude_code_router.routing import wire
from claude_code_router.routing.contents import Contents


class Media(msgspec.Struct, frozen=True, kw_only=True):
    images: int = 0
    last_image_at: int = -1
    """Index of the last message that holds an image; -1 when none does."""
    image_bytes: int = 0
    """Of the body, base64."""
    document_bytes: int = 0
    signature_bytes: int = 0
    """Of signed reasoning: base64 as well, and read as text by no model."""


def weigh(contents: Contents) -> Media:
    images = image_bytes = document_bytes = 0
    last_image_at = -1
    for place, kind, size in [(place, *piece) for place, block in contents.media for piece in _pieces(block)]:
        if kind == "image":
            images += 1
            image_bytes += size
            last_image_at = place
        else:
            document_bytes += size
    return Media(
        images=images,
        last_image_at=last_image_at,
        image_bytes=image_bytes,
        document_bytes=document_bytes,
        signature_bytes=contents.signature_bytes,
    )


def _pieces(block: wire.Block) -> list[tuple[str, int]]:
    """Kind and size of a block, or of what a tool result holds. Most tool results are plain strings: nothing to open."""
    if block.type == "image":
        return [("image", len(memoryview(block.source)))]
    if block.type == "document":
        source = wire.fields(block.source)
        if wire.text(source.get("type", wire.ABSENT)) == "base64":
            return [("document", len(memoryview(block.source)))]
    if block.type == "tool_result" and wire.is_array(block.content):
        return [
            piece for inner in wire.blocks(block.content) if inner.type != "tool_result" for piece in _pieces(inner)
        ]
    return []
