"""The content blocks of a Messages request, read into parts.

A block of a type that we do not know, or a known one in a form that has no word here, is kept whole as `Opaque`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import cast

import msgspec

from claude_code_router.core.chat import (
    Document,
    Image,
    Opaque,
    Part,
    ResultPart,
    Text,
    Thinking,
    ToolCall,
    ToolReference,
    ToolResult,
)
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.unreadable import UNREADABLE

Raw = msgspec.Raw


class Block(msgspec.Struct):
    """Every field that a known block type has; what differs between types stays Raw."""

    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    source: Raw = Raw()
    title: str | None = None
    context: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = Raw()
    tool_use_id: str | None = None
    tool_name: str | None = None
    content: Raw = Raw()
    is_error: bool | None = None
    cache_control: Raw = Raw()


class _Source(msgspec.Struct):
    type: str = ""
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    content: Raw = Raw()


class _Kind(msgspec.Struct):
    type: str


Content = str | list[Block] | None

_content_decoder = msgspec.json.Decoder(Content)
_raws_decoder = msgspec.json.Decoder(list[Raw])
_block_decoder = msgspec.json.Decoder(Block)
_kind_decoder = msgspec.json.Decoder(_Kind)
_source_decoder = msgspec.json.Decoder(_Source)


def wrong(path: str, error: Exception) -> BadRequest:
    """One sentence: where, what was found, what was expected. `path` is where the decoded text stands in the body."""
    if isinstance(error, UnicodeDecodeError):
        return BadRequest(f"{path or 'The request body'}: found bytes that are not UTF-8.")
    if isinstance(error, RecursionError):
        return BadRequest(f"{path or 'The request body'}: nested more deeply than can be read.")
    said, _, inner = str(error).partition(" - at `$")
    where = (path + inner.rstrip("`")).lstrip(".")
    expected, comma, found = said.partition(", got ")
    if comma and expected.startswith("Expected "):
        said = f"found {found}, expected {expected.removeprefix('Expected ')}"
    return BadRequest(f"{where or 'The request body'}: {said}.".replace("`", ""))


def read_content(raw: Raw, path: str) -> tuple[Part, ...]:
    """A message's content, or a tool result's: a string, an array of blocks, or null. Raises BadRequest."""
    if not bytes(raw):
        return ()
    try:
        content = _content_decoder.decode(raw)
    except (RecursionError, UnicodeDecodeError) as error:
        raise wrong(path, error) from error
    except UNREADABLE:
        return tuple(_block_by_block(raw, path))
    if not content:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    parts: list[Part] = []
    raws: list[Raw] | None = None
    for i, block in enumerate(content):
        read = _READERS.get(block.type)
        found = read(block, f"{path}[{i}]") if read else None
        if found is None:
            raws = raws if raws is not None else _raws_decoder.decode(raw)
            found = (Opaque(block.type, bytes(raws[i]).decode()),)
        parts.extend(found)
    return tuple(parts)


def _block_by_block(raw: Raw, path: str) -> Iterator[Part]:
    """For content of which some block does not fit: only blocks of known types must."""
    try:
        raws = _raws_decoder.decode(raw)
    except UNREADABLE as error:
        raise BadRequest(f"{path}: {_found(raw)}, expected a string or an array of content blocks.") from error
    for i, one in enumerate(raws):
        here = f"{path}[{i}]"
        try:
            kind = _kind_decoder.decode(one).type
            if kind in _READERS:
                block = _block_decoder.decode(one)
        except UNREADABLE as error:
            raise wrong(here, error) from error
        found = _READERS[kind](block, here) if kind in _READERS else None
        yield from found or (Opaque(kind, bytes(one).decode()),)


def _found(raw: Raw) -> str:
    names = {b"{": "found an object", b"t": "found true", b"f": "found false", b"n": "found null"}
    return names.get(bytes(raw)[:1], "found a number")


def _text(block: Block, path: str) -> tuple[Part, ...]:
    return (Text(_needed(block.text, path, "text"), _cached(block)),)


def _thinking(block: Block, _path: str) -> tuple[Part, ...]:
    return (Thinking(text=block.thinking or "", signature=block.signature or ""),)


def _redacted_thinking(block: Block, _path: str) -> tuple[Part, ...]:
    return (Thinking(redacted=block.data or ""),)


def _tool_use(block: Block, path: str) -> tuple[Part, ...]:
    arguments = bytes(block.input).decode() or "{}"
    return (ToolCall(_needed(block.id, path, "id"), _needed(block.name, path, "name"), arguments),)


def _tool_result(block: Block, path: str) -> tuple[Part, ...]:
    call_id = _needed(block.tool_use_id, path, "tool_use_id")
    parts = cast("tuple[ResultPart, ...]", tuple(_only_result_parts(read_content(block.content, f"{path}.content"))))
    return (ToolResult(call_id, parts, bool(block.is_error), _cached(block)),)


def _only_result_parts(parts: tuple[Part, ...]) -> Iterator[Part]:
    for part in parts:
        if isinstance(part, ToolResult):  # results do not nest; its parts are what there is to see
            yield from part.parts
        elif isinstance(part, ToolCall | Thinking):
            yield Opaque(type(part).__name__, part.input if isinstance(part, ToolCall) else part.text)
        else:
            yield part


def _tool_reference(block: Block, path: str) -> tuple[Part, ...]:
    return (ToolReference(_needed(block.tool_name or block.name, path, "tool_name")),)


def _image(block: Block, path: str) -> tuple[Part, ...] | None:
    source = _source(block, path)
    if source.type == "base64":
        media_type = source.media_type or "image/png"
        return (Image(media_type=media_type, data=_needed(source.data, path, "source.data"), cached=_cached(block)),)
    if source.type == "url":
        return (Image(url=_needed(source.url, path, "source.url"), cached=_cached(block)),)
    return None  # a file id means something at Anthropic only


def _document(block: Block, path: str) -> tuple[Part, ...] | None:
    source = _source(block, path)
    title = " - ".join(word for word in (block.title, block.context) if word)
    if source.type == "base64":
        return (Document(media_type=source.media_type or "application/pdf", title=title, data=source.data or ""),)
    if source.type == "text":
        return (Document(media_type=source.media_type or "text/plain", title=title, text=source.data or ""),)
    if source.type == "url":
        return (Document(title=title, url=source.url or ""),)
    if source.type == "content":
        inner = read_content(source.content, f"{path}.source.content")
        text = "\n\n".join(part.text for part in inner if isinstance(part, Text))
        return (Document(media_type="text/plain", title=title, text=text), *(p for p in inner if isinstance(p, Image)))
    return None


def _source(block: Block, path: str) -> _Source:
    if not bytes(block.source):
        raise BadRequest(f"{path}.source: found nothing, expected the {block.type}'s source.")
    try:
        return _source_decoder.decode(block.source)
    except UNREADABLE as error:
        raise wrong(f"{path}.source", error) from error


def _cached(block: Block) -> bool:
    return bytes(block.cache_control) not in (b"", b"null")


def _needed(value: str | None, path: str, field: str) -> str:
    if value is None:
        raise BadRequest(f"{path}.{field}: found nothing, expected a string.")
    return value


_READERS: Mapping[str, Callable[[Block, str], tuple[Part, ...] | None]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "tool_reference": _tool_reference,
    "image": _image,
    "document": _document,
}
"""Type -> reader; None from a reader means: keep it opaque."""
