"""Images and documents in a conversation: where they are, and how many bytes of the body they are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from claude_code_router.routing import wire

_HOLDERS = frozenset({"image", "document", "tool_result"})


class Media(msgspec.Struct, frozen=True, kw_only=True):
    images: int = 0
    last_image_at: int = -1
    """Index of the last message that holds an image; -1 when none does."""
    image_bytes: int = 0
    """Of the body, base64."""
    document_bytes: int = 0
    signature_bytes: int = 0
    """Of signed reasoning: base64 as well, and read as text by no model."""


def look(messages: Sequence[wire.Message]) -> Media:
    images = image_bytes = document_bytes = signature_bytes = 0
    last_image_at = -1
    held: list[tuple[int, wire.Block]] = []
    for place, message in enumerate(messages):
        for block in message.blocks:
            if block.signature is not wire.ABSENT:
                signature_bytes += len(memoryview(block.signature))
            if block.type in _HOLDERS:
                held.append((place, block))
    for place, kind, size in [(place, *piece) for place, block in held for piece in _pieces(block)]:
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
        signature_bytes=signature_bytes,
    )


def _pieces(block: wire.Block) -> list[tuple[str, int]]:
    """Kind and size of a block, or of what a tool result holds. Most tool results are plain strings: nothing to open."""
    if block.type == "image":
        return [("image", len(memoryview(block.source)))]
    if block.type == "document":
        source = wire.fields(block.source)
        if wire.text(source.get("type", wire.ABSENT)) == "base64":
            return [("document", len(memoryview(block.source)))]
    if block.type == "tool_result" and wire.found(block.content) == "an array":
        return [
            piece for inner in wire.blocks(block.content) if inner.type != "tool_result" for piece in _pieces(inner)
        ]
    return []
