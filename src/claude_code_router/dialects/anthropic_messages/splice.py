"""Changes to a request that is relayed: only the bytes that must change do. Prompt caches and signed thinking live on
prefixes that are equal byte for byte, so nothing here ever writes the rest of the body anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

import msgspec

from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.anthropic_messages.spans import elements, members
from claude_code_router.dialects.provenance import MARK
from claude_code_router.dialects.unreadable import UNREADABLE

_MODEL_FIRST = re.compile(rb'[ \t\n\r]*\{[ \t\n\r]*"model"[ \t\n\r]*:[ \t\n\r]*("[^"\\]*")')
"""Claude Code (2.1.330) and the SDKs write the model first."""

_TAG_WORD = b"CCR-SUBAGENT-MODEL"
_TAG = re.compile(
    rb"(?:<|\\u003c)CCR-SUBAGENT-MODEL(?:>|\\u003e).*?(?:<|\\u003c)(?:/|\\/|\\u002f)CCR-SUBAGENT-MODEL(?:>|\\u003e)",
    re.IGNORECASE | re.DOTALL,
)
_USER_MESSAGES_SEARCHED = 2
"""Claude Code 2.x puts reminders into a first user message of their own; the subagent's prompt may then be the second."""

NO_CONTENT = "(no content)"
"""Stands where nothing would be left: the API refuses empty text and empty messages. Claude Code uses the same words."""

_encode = msgspec.json.Encoder().encode


class _Model(msgspec.Struct):
    model: str


class _Message(msgspec.Struct):
    role: str = ""
    content: msgspec.Raw = msgspec.Raw(b"null")


class _Block(msgspec.Struct):
    type: str = ""
    signature: msgspec.Raw = msgspec.Raw(b'""')


_model_decoder = msgspec.json.Decoder(_Model)
_message_decoder = msgspec.json.Decoder(_Message)
_block_decoder = msgspec.json.Decoder(_Block)


def splice_model(body: bytes, model: str, asked: str | None = None) -> bytes:
    """The same bytes with another top-level model. Raises BadRequest when the body is no JSON object with a model.

    `asked`: the model that a reader of the whole body has found. A second "model" at the top would win over the first one at
    the upstream; where the first one is what was found, the body need not be read again to rule that out.
    """
    name = _encode(model)
    first = _MODEL_FIRST.match(body)
    try:
        if first is not None:
            view = memoryview(body)  # slices of it are joined without being copied before
            spliced = b"".join((view[: first.start(1)], name, view[first.end(1) :]))
            known = asked is not None and first[1] == _encode(asked)
            if known or _model_decoder.decode(spliced).model == model:
                return spliced
        spans = [(start, end) for key, start, end in members(body) if key == "model"]
    except UNREADABLE as error:
        raise BadRequest(f"The request body is not a JSON object that can be read ({error}).") from error
    if not spans:
        raise BadRequest('The request has no "model".')
    return _replaced(body, [(start, end, name) for start, end in spans])


def strip_subagent_tag(body: bytes) -> bytes:
    """Without `<CCR-SUBAGENT-MODEL>…</CCR-SUBAGENT-MODEL>` in the system prompt's blocks and the first two user messages:
    it is a word to the router, not to the model. The very same object when there is none."""
    if _TAG_WORD not in body or _TAG.search(body) is None:
        return body
    try:
        cuts = [cut for start, end in _tagged_texts(body) for cut in _tag_cuts(body, start, end)]
    except UNREADABLE:
        return body  # not ours to judge here: reading the signals has said what is wrong with it
    return _replaced(body, sorted(cuts)) if cuts else body


def strip_minted_thinking(body: bytes) -> bytes:
    """Without the thinking blocks whose signature we minted: Claude knows only its own. Whole blocks, because one without
    its signature is refused. The very same object when there are none."""
    mark = MARK.encode()
    return _without_blocks(body, mark, _is_minted) if mark in body else body


def strip_thinking(body: bytes) -> bytes:
    """Without any thinking block, whoever made it. The very same object when there are none."""
    return _without_blocks(body, b"thinking", _is_thinking)


def _without_blocks(body: bytes, mark: bytes, drop: Callable[[bytes], bool]) -> bytes:
    """`mark` stands in every block that is to be dropped."""
    try:
        cuts = [
            cut
            for key, start, end in members(body)
            if key == "messages"
            for cut in _thinking_cuts(body, start, end, mark, drop)
        ]
    except UNREADABLE:
        return body
    return _replaced(body, cuts) if cuts else body


Cut = tuple[int, int, bytes]


def _replaced(body: bytes, cuts: list[Cut]) -> bytes:
    pieces: list[bytes] = []
    at = 0
    for start, end, replacement in cuts:
        pieces += (body[at:start], replacement)
        at = end
    pieces.append(body[at:])
    return b"".join(pieces)


def _tagged_texts(body: bytes) -> Iterator[tuple[int, int]]:
    """Spans of the strings in which the tag counts."""
    for key, start, end in members(body):
        if key == "system":
            yield from _texts(body, start, end)
        elif key == "messages":
            for content in islice(_user_contents(body, start, end), _USER_MESSAGES_SEARCHED):
                yield from _texts(body, *content)


def _user_contents(body: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span of each user message's content."""
    for first, last in elements(body, start, end):
        fields = {name: (a, b) for name, a, b in members(body, first, last)}
        if body[slice(*fields.get("role", (0, 0)))] == b'"user"':
            yield fields.get("content", (0, 0))


def _texts(body: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A string itself, or the `text` of each text block of an array."""
    if body[start : start + 1] == b'"':
        yield start, end
    elif body[start : start + 1] == b"[":
        for first, last in elements(body, start, end):
            if body[first : first + 1] == b"{":
                yield from (
                    (a, b) for key, a, b in members(body, first, last) if key == "text" and body[a : a + 1] == b'"'
                )


def _tag_cuts(body: bytes, start: int, end: int) -> list[Cut]:
    cuts = [(tag.start(), tag.end(), b"") for tag in _TAG.finditer(body, start + 1, end - 1)]
    if cuts and not msgspec.json.decode(_replaced(body[:end], cuts)[start:], type=str).strip():
        return [(start, end, _encode(NO_CONTENT))]
    return cuts


def _thinking_cuts(body: bytes, start: int, end: int, mark: bytes, drop: Callable[[bytes], bool]) -> Iterator[Cut]:
    for first, last in elements(body, start, end):
        if body.find(mark, first, last) < 0:
            continue
        message = _message_decoder.decode(body[first:last])
        if message.role == "assistant" and bytes(message.content)[:1] == b"[":
            content = next((a, b) for key, a, b in members(body, first, last) if key == "content")
            yield from _block_cuts(body, elements(body, *content), drop)


def _block_cuts(body: bytes, blocks: list[tuple[int, int]], drop: Callable[[bytes], bool]) -> Iterator[Cut]:
    dropped = [drop(body[start:end]) for start, end in blocks]
    if blocks and all(dropped):
        yield blocks[0][0], blocks[-1][1], _encode({"type": "text", "text": NO_CONTENT})
        return
    kept_before = False
    for i, (start, end) in enumerate(blocks):
        if not dropped[i]:
            kept_before = True
        elif kept_before:  # takes the comma in front of it along
            yield blocks[i - 1][1], end, b""
        else:  # takes the comma behind it along; there is one, since something behind is kept
            yield start, blocks[i + 1][0], b""


def _is_minted(block: bytes) -> bool:
    if MARK.encode() not in block:
        return False
    decoded = _block_decoder.decode(block)
    return decoded.type == "thinking" and bytes(decoded.signature).startswith(b'"' + MARK.encode())


def _is_thinking(block: bytes) -> bool:
    return b"thinking" in block and _block_decoder.decode(block).type in ("thinking", "redacted_thinking")
