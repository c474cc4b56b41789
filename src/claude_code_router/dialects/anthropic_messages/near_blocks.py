"""The blocks and messages of a request for a server that is not Anthropic (near_relay.py): each is either kept, byte for byte,
or written anew with its other members' values as they were."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from claude_code_router.core.chat import Document, Opaque
from claude_code_router.dialects.anthropic_messages.blocks import read_content
from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayQuirks
from claude_code_router.dialects.anthropic_messages.spans import elements, members
from claude_code_router.dialects.anthropic_messages.splice import NO_CONTENT
from claude_code_router.dialects.openai_chat.notes import note

Cut = tuple[int, int, bytes]
Span = tuple[int, int]
Fields = dict[str, msgspec.Raw]

_SERVER_BLOCKS = re.compile(
    rb'"(server_tool_use|mcp_tool_use|mcp_tool_result|container_upload|\w+_tool_result|search_result)"'
)
_REMINDER = "<system-reminder>\n{}\n</system-reminder>"
_PLAIN_CACHE = msgspec.Raw(b'{"type":"ephemeral"}')
_EMPTY = (b"", b"null")


class _Role(msgspec.Struct):
    role: str = ""


_role = msgspec.json.Decoder(_Role)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode


def list_cuts(body: bytes, spans: Sequence[Span], changed: Sequence[bytes | None]) -> list[Cut]:
    """What makes of an array's elements what `changed` says: the same bytes keep them, None takes them out."""
    cuts: list[Cut] = []
    kept_before = False
    for at, ((start, end), new) in enumerate(zip(spans, changed, strict=True)):
        if new is not None:
            kept_before = True
            if new != body[start:end]:
                cuts.append((start, end, new))
        elif kept_before:  # takes the comma in front of it along
            cuts.append((spans[at - 1][1], end, b""))
        else:  # takes the comma behind it along, when something is behind
            cuts.append((start, spans[at + 1][0] if at + 1 < len(spans) else end, b""))
    return cuts


class Blocks:
    def __init__(self, quirks: RelayQuirks) -> None:
        self._quirks = quirks
        self._needles = tuple(_needles(quirks))
        """What a message or block must contain to be looked into. One search each: that is faster than one pattern for all."""

    def _is_plain(self, raw: bytes) -> bool:
        return not any(needle in raw for needle in self._needles)

    def messages(self, body: bytes, start: int, end: int) -> list[Cut]:
        self._needles = tuple(needle for needle in self._needles if body.find(needle, start, end) >= 0)
        if not self._needles:
            return []
        spans = elements(body, start, end)
        changed: list[bytes | None] = []
        before = -1  # the last message that stays
        for first, last in spans:
            new = self._message(body, first, last)
            if isinstance(new, bytes):
                changed.append(new)
                before = len(changed) - 1
                continue
            previous = changed[before] if before >= 0 else None
            changed.append(None)
            if not new:
                continue  # a directive without words
            if previous is not None and _role.decode(previous).role == "user":
                changed[before] = _appended(previous, new)
            else:
                changed[-1] = _encode({"role": "user", "content": new})
                before = len(changed) - 1
        return list_cuts(body, spans, changed)

    def _message(self, body: bytes, start: int, end: int) -> bytes | list[msgspec.Raw]:
        """The message's bytes; the reminder blocks of a system turn that must not be one."""
        raw = body[start:end]
        if self._is_plain(raw):
            return raw
        fields = _fields.decode(raw)
        if bytes(fields.get("role", b"")) == b'"system"' and not self._quirks.system_turns:
            return self._reminders(bytes(fields.get("content", b"")))
        kept = dict(fields)
        if not (self._quirks.betas and self._quirks.turn_settings):
            kept.pop("output_config", None)
        if not self._quirks.betas:
            kept.pop("clear_at", None)
        content = bytes(fields.get("content", b""))
        if content.startswith(b"["):
            kept["content"] = msgspec.Raw(self._content(content))
        if bytes(kept.get("content", b"")) == content:
            return raw if kept.keys() == fields.keys() else _encode(kept)
        return _encode(kept)

    def _reminders(self, content: bytes) -> list[msgspec.Raw]:
        if content in _EMPTY:
            return []
        texts = (
            [_text.decode(content)] if content.startswith(b'"') else [_text_of(raw) for raw in _raws.decode(content)]
        )
        said = "\n\n".join(text for text in texts if text)
        return [msgspec.Raw(_encode({"type": "text", "text": _REMINDER.format(said)}))] if said else []

    def _content(self, content: bytes) -> bytes:
        spans = elements(content, 0, len(content))
        changed = [self.block(content[start:end]) for start, end in spans]
        if spans and all(new is None for new in changed):
            return _encode([{"type": "text", "text": NO_CONTENT}])
        return applied(content, list_cuts(content, spans, changed))

    def block(self, raw: bytes) -> bytes | None:
        """The block's bytes, the same when nothing is wrong with it; None when it goes."""
        if self._is_plain(raw):
            return raw
        fields = _fields.decode(raw)
        kind = bytes(fields.get("type", b"")).strip(b'"')
        quirks = self._quirks
        if kind == b"redacted_thinking" and not quirks.redacted_thinking:
            return None
        if kind == b"image" and not quirks.images:
            return _words("[image omitted: this model cannot see images]")
        if kind == b"document" and not quirks.documents:
            return _words(_document(raw))
        if kind == b"tool_reference" and not quirks.betas:
            name = _text.decode(fields["tool_name"]) if "tool_name" in fields else ""
            return _words(f"Loaded tools: {name}")
        if quirks.server_tools is not None and kind != b"tool_result" and _SERVER_BLOCKS.match(b'"%b"' % kind):
            return _words(note(Opaque(kind.decode(), raw.decode())))
        kept = dict(fields)
        self.cache_control(kept)
        if not quirks.betas:
            kept.pop("caller", None)
        content = bytes(fields.get("content", b""))
        if kind == b"tool_result" and content.startswith(b"["):
            kept["content"] = msgspec.Raw(self._content(content))
        same = kept.keys() == fields.keys() and all(bytes(kept[key]) == bytes(fields[key]) for key in fields)
        return raw if same else _encode(kept)

    def cache_control(self, fields: Fields) -> None:
        """The mark as this server takes it, in place."""
        if "cache_control" not in fields or self._quirks.cache_control == "keep":
            return
        if self._quirks.cache_control == "drop" or bytes(fields["cache_control"]) in _EMPTY:
            del fields["cache_control"]
        else:
            fields["cache_control"] = _PLAIN_CACHE


def _needles(quirks: RelayQuirks) -> Iterator[bytes]:
    if not quirks.system_turns:
        yield b'"system"'
    if quirks.cache_control != "keep":
        yield b'"cache_control"'
    if quirks.server_tools is not None:
        yield from (
            b'"server_tool_use"',
            b'_tool_result"',
            b'"mcp_tool_use"',
            b'"container_upload"',
            b'"search_result"',
        )
    if not quirks.betas:
        yield from (b'"tool_reference"', b'"caller"', b'"output_config"', b'"clear_at"')
    if not quirks.turn_settings:
        yield b'"output_config"'
    if not quirks.images:
        yield b'"image"'
    if not quirks.documents:
        yield b'"document"'
    if not quirks.redacted_thinking:
        yield b'"redacted_thinking"'


def applied(body: bytes, cuts: Sequence[Cut]) -> bytes:
    """The very same object without cuts."""
    if not cuts:
        return body
    pieces: list[bytes] = []
    at = 0
    for start, end, replacement in sorted(cuts):
        pieces += (body[at:start], replacement)
        at = end
    return b"".join((*pieces, body[at:]))


def _document(raw: bytes) -> str:
    """A text document is its text."""
    read = read_content(msgspec.Raw(b"[%b]" % raw), "document")
    documents = [part for part in read if isinstance(part, Document)]
    if not documents or not documents[0].text:
        return "[document omitted: this model cannot read such a document]"
    title = f"{documents[0].title}:\n" if documents[0].title else ""
    return f"{title}{documents[0].text}"


def _words(text: str) -> bytes:
    return _encode({"type": "text", "text": text})


def _text_of(raw: msgspec.Raw) -> str:
    fields = _fields.decode(raw)
    return _text.decode(fields["text"]) if bytes(fields.get("type", b"")) == b'"text"' and "text" in fields else ""


def _appended(message: bytes, blocks: Sequence[msgspec.Raw]) -> bytes:
    """With more blocks behind its own, which stay byte for byte."""
    start, end = next((start, end) for key, start, end in members(message) if key == "content")
    content = message[start:end]
    more = b",".join(bytes(block) for block in blocks)
    if content.startswith(b"["):
        inner = content[:-1].rstrip()
        content = b"%b%b%b]" % (inner, b"" if inner == b"[" else b",", more)
    elif _text.decode(content):
        content = b'[{"type":"text","text":%b},%b]' % (content, more)
    else:
        content = b"[%b]" % more
    return message[:start] + content + message[end:]
