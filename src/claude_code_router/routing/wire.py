"""The few parts of an Anthropic request that routing reads, decoded from the bytes. Everything else is skipped unread.

Optional fields are kept as raw bytes and opened one by one, so that a wrong type in one of them never spoils the rest:
the upstream is the judge of what it accepts. Only what routing cannot do without is insisted on.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from claude_code_router.core.errors import BadRequest
from claude_code_router.core.surrogates import without_half_pairs

_T = TypeVar("_T")
ABSENT = msgspec.Raw()
"""The value of a field that is not there; always this very object."""
_EMPTY_LIST = msgspec.Raw(b"[]")


class Block(msgspec.Struct, gc=False):
    """One content block. `content` is the inside of a tool result."""

    type: str = ""
    text: msgspec.Raw = ABSENT
    content: msgspec.Raw = ABSENT
    source: msgspec.Raw = ABSENT
    signature: msgspec.Raw = ABSENT
    name: msgspec.Raw = ABSENT
    is_error: msgspec.Raw = ABSENT


class Message(msgspec.Struct, gc=False):
    role: str
    content: str | list[Block] = ""
    output_config: msgspec.Raw = ABSENT

    @property
    def blocks(self) -> list[Block]:
        """Empty when the content is one plain string."""
        return [] if isinstance(self.content, str) else self.content

    @property
    def texts(self) -> list[str]:
        if isinstance(self.content, str):
            return [self.content]
        return [text(block.text) for block in self.content if block.type == "text"]

    def texts_with(self, *words: bytes) -> list[str]:
        """Those that may hold all of these words, rare ones first. They are of characters that no client writes as escapes;
        most texts are not even decoded."""
        if isinstance(self.content, str):
            return [self.content]
        raws = [(block.text, bytes(block.text)) for block in self.content if block.type == "text"]
        return [text(raw) for raw, held in raws if all(word in held for word in words)]


class OfferedTool(msgspec.Struct, gc=False):
    name: str = ""
    type: str = ""


class Body(msgspec.Struct, gc=False):
    model: str
    messages: list[Message]
    system: msgspec.Raw = ABSENT
    tools: list[OfferedTool] | None = None
    metadata: msgspec.Raw = ABSENT
    thinking: msgspec.Raw = ABSENT
    output_config: msgspec.Raw = ABSENT
    stream: msgspec.Raw = ABSENT
    max_tokens: msgspec.Raw = ABSENT
    stop_sequences: msgspec.Raw = ABSENT
    tool_choice: msgspec.Raw = ABSENT
    speed: msgspec.Raw = ABSENT
    temperature: msgspec.Raw = ABSENT
    top_p: msgspec.Raw = ABSENT
    top_k: msgspec.Raw = ABSENT


_OPTIONAL = tuple(name for name in Body.__struct_fields__ if name not in ("model", "messages", "tools"))
_BODY = msgspec.json.Decoder(Body)
_BLOCKS = msgspec.json.Decoder(list[Block])
_BLOCK = msgspec.json.Decoder(Block)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TOOL = msgspec.json.Decoder(OfferedTool)
_TEXT = msgspec.json.Decoder(str)
_INTEGER = msgspec.json.Decoder(int)
_FLAG = msgspec.json.Decoder(bool)

UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_TOO_DEEP = "The request body is nested too deeply to be read."


def decode_body(body: bytes) -> Body:
    """Raises BadRequest in one sentence: what was found where, and what was expected."""
    try:
        return _BODY.decode(body)
    except msgspec.ValidationError:
        return _decode_field_by_field(body)
    except RecursionError:
        raise BadRequest(_TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        mended = without_half_pairs(body)
        if mended != body:  # read with them mended; what is relayed keeps them, and the upstream is the judge
            return decode_body(mended)
        raise BadRequest(f"The request body is not valid JSON: {error}.") from None


def blocks(content: msgspec.Raw) -> list[Block]:
    """The blocks of a system prompt or a tool result; a plain string is one text block; odd ones are left out."""
    kind = found(content)
    if kind == "a string":
        return [Block(type="text", text=content)]
    if kind != "an array":
        return []
    try:
        return _BLOCKS.decode(content)
    except UNREADABLE:
        return _decode_each(content, _BLOCK)


def texts(content: msgspec.Raw) -> list[str]:
    return [text(block.text) for block in blocks(content) if block.type == "text"]


def fields(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return _FIELDS.decode(raw) if found(raw) == "an object" else {}
    except UNREADABLE:
        return {}


def items(raw: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return _RAWS.decode(raw) if found(raw) == "an array" else []
    except UNREADABLE:
        return []


def text(raw: msgspec.Raw) -> str:
    try:
        return _TEXT.decode(raw) if found(raw) == "a string" else ""
    except UNREADABLE:
        return _mended_text(bytes(raw))


def _mended_text(raw: bytes) -> str:
    try:
        return _TEXT.decode(without_half_pairs(raw))
    except UNREADABLE:
        return ""


def integer(raw: msgspec.Raw) -> int | None:
    try:
        return _INTEGER.decode(raw) if found(raw) == "a number" else None
    except UNREADABLE:
        return None


def flag(raw: msgspec.Raw) -> bool:
    try:
        return _FLAG.decode(raw) if found(raw) == "true or false" else False
    except UNREADABLE:
        return False


_ARRAY = ord("[")
_KINDS = {
    ord('"'): "a string", _ARRAY: "an array", ord("{"): "an object",
    ord("t"): "true or false", ord("f"): "true or false", ord("n"): "null",
}  # fmt: skip


def found(raw: msgspec.Raw | bytes) -> str:
    """What kind of JSON value stands here, in words."""
    view = memoryview(raw)
    return _KINDS.get(view[0], "a number") if len(view) else "nothing"


def is_array(raw: msgspec.Raw) -> bool:
    view = memoryview(raw)
    return len(view) > 0 and view[0] == _ARRAY


def _decode_field_by_field(body: bytes) -> Body:
    """The slow way, taken when a type is wrong somewhere: says which required field it was, or reads around an optional one."""
    stripped = body.lstrip()
    if found(stripped) != "an object":
        raise _wrong("The request body", stripped, "an object")
    try:
        given = _FIELDS.decode(body)
    except RecursionError:
        raise BadRequest(_TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The request body is not valid JSON: {error}.") from None
    model = given.get("model", ABSENT)
    if found(model) != "a string":
        raise _wrong("model", model, "a string")
    messages = given.get("messages", ABSENT)
    if found(messages) != "an array":
        raise _wrong("messages", messages, "an array")
    optional = {name: given[name] for name in _OPTIONAL if name in given}
    return Body(
        model=text(model),
        messages=[_decode_message(raw, place) for place, raw in enumerate(items(messages))],
        tools=_decode_each(given.get("tools", ABSENT), _TOOL),
        **optional,
    )


def _decode_message(raw: msgspec.Raw, place: int) -> Message:
    if found(raw) != "an object":
        raise _wrong(f"messages[{place}]", raw, "an object")
    given = fields(raw)
    role = given.get("role", ABSENT)
    if found(role) != "a string":
        raise _wrong(f"messages[{place}].role", role, "a string")
    content = given.get("content", _EMPTY_LIST)
    match found(content):
        case "a string":
            said: str | list[Block] = text(content)
        case "an array":
            said = blocks(content)
        case _:
            raise _wrong(f"messages[{place}].content", content, "a string or an array")
    return Message(text(role), said, given.get("output_config", ABSENT))


def _decode_each(raw: msgspec.Raw, decoder: msgspec.json.Decoder[_T]) -> list[_T]:
    kept: list[_T] = []
    for item in items(raw):
        try:
            kept.append(decoder.decode(item))
        except UNREADABLE:
            continue
    return kept


def _wrong(path: str, raw: msgspec.Raw | bytes, expected: str) -> BadRequest:
    return BadRequest(f"{path}: found {found(raw)}; expected {expected}.")
