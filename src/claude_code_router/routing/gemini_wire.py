"""The few parts of a generateContent request that routing reads, put into the same form as an Anthropic request's
(`wire.Body`). Its model and `stream` stand in the body (the door has put them there). Google takes names in two spellings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from claude_code_router.core.errors import BadRequest
from claude_code_router.routing import wire
from claude_code_router.routing.wire import ABSENT, Block, Body, Message, OfferedTool

Raw = msgspec.Raw

_WEB_SEARCH = "web_search_20250305"
"""Google's search in the words of the webSearch rule."""
_LEVELS = {"MINIMAL": "low", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "XHIGH": "xhigh"}
_RESULT = Raw(b'"tool result"')
_TRUE = Raw(b"true")

_encode = msgspec.json.Encoder().encode


class _Part(msgspec.Struct, gc=False, rename="camel"):
    text: Raw = ABSENT
    thought: Raw = ABSENT
    thought_signature: Raw = ABSENT
    function_call: Raw = ABSENT
    function_response: Raw = ABSENT
    inline_data: Raw = ABSENT
    file_data: Raw = ABSENT


class _SnakePart(msgspec.Struct, gc=False):
    function_call: Raw = ABSENT
    function_response: Raw = ABSENT
    inline_data: Raw = ABSENT
    file_data: Raw = ABSENT


class _Content(msgspec.Struct, gc=False):
    role: str | None = None
    parts: Raw = ABSENT


_CONTENTS = msgspec.json.Decoder(list[_Content])
_PARTS = msgspec.json.Decoder(list[_Part])
_SNAKE_PARTS = msgspec.json.Decoder(list[_SnakePart])
_FIELDS = msgspec.json.Decoder(dict[str, Raw])


def read_gemini(body: bytes) -> Body:
    """Raises BadRequest in one sentence."""
    try:
        given = _FIELDS.decode(body)
    except msgspec.ValidationError:
        raise BadRequest(f"The request body: found {wire.found(body.lstrip())}, expected an object.") from None
    except RecursionError:
        raise BadRequest("The request body is nested too deeply to be read.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The request body is not valid JSON: {error}.") from None
    listed = given.get("contents", ABSENT)
    if wire.found(listed) != "an array":
        raise BadRequest(f"contents: found {wire.found(listed)}, expected an array.")
    try:
        messages = [_message(content) for content in _CONTENTS.decode(listed)]
    except wire.UNREADABLE as error:
        raise BadRequest(f"contents: {error}.") from None
    config = wire.fields(_either(given, "generationConfig", "generation_config"))
    thinking, effort = _thinking(wire.fields(_either(config, "thinkingConfig", "thinking_config")))
    output: dict[str, object] = {"effort": effort} if effort else {}
    schema = _either(config, "responseJsonSchema", "responseSchema", "response_json_schema", "response_schema")
    if schema is not ABSENT:
        output["format"] = {"schema": schema}
    return Body(
        model=wire.text(given.get("model", ABSENT)),
        messages=messages,
        system=_system(_either(given, "systemInstruction", "system_instruction")),
        tools=list(_tools(given.get("tools", ABSENT))) or None,
        thinking=Raw(_encode(thinking)) if thinking else ABSENT,
        output_config=Raw(_encode(output)) if output else ABSENT,
        stream=given.get("stream", ABSENT),
        max_tokens=_either(config, "maxOutputTokens", "max_output_tokens"),
        stop_sequences=_either(config, "stopSequences", "stop_sequences"),
        temperature=config.get("temperature", ABSENT),
    )


def _either(fields: Mapping[str, Raw], *names: str) -> Raw:
    return next((fields[name] for name in names if name in fields), ABSENT)


def _message(content: _Content) -> Message:
    return Message("assistant" if content.role == "model" else "user", list(_blocks(content.parts)))


def _blocks(raw: Raw) -> Iterator[Block]:
    if wire.found(raw) == "an object":
        raw = Raw(b"[%b]" % bytes(raw))
    if wire.found(raw) != "an array":
        return
    try:
        snake: list[_SnakePart] = _SNAKE_PARTS.decode(raw) if b"_" in bytes(raw) else []
        parts = _PARTS.decode(raw)
    except wire.UNREADABLE:
        return  # who carries them out is the judge of them
    for at, part in enumerate(parts):
        if snake:
            _fill(part, snake[at])
        if part.thought_signature is not ABSENT:
            yield Block(type="thinking", signature=part.thought_signature)
        yield from _block(part)


def _fill(part: _Part, snake: _SnakePart) -> None:
    for name in snake.__struct_fields__:
        if getattr(part, name) is ABSENT:
            setattr(part, name, getattr(snake, name))


def _block(part: _Part) -> Iterator[Block]:
    if part.function_call is not ABSENT:
        yield Block(type="tool_use", name=wire.fields(part.function_call).get("name", ABSENT))
    elif part.function_response is not ABSENT:
        yield _result(wire.fields(part.function_response))
    elif part.inline_data is not ABSENT:
        yield _media(part.inline_data)
    elif part.file_data is not ABSENT:
        yield _media(part.file_data)
    elif part.text is not ABSENT and bytes(part.thought) != b"true":
        yield Block(type="text", text=part.text)


def _result(response: Mapping[str, Raw]) -> Block:
    said = wire.fields(response.get("response", ABSENT))
    pictures = [block for part in wire.items(response.get("parts", ABSENT)) for block in _blocks(part)]
    images = [{"type": "image", "source": block.source} for block in pictures if block.type == "image"]
    return Block(
        type="tool_result",
        content=Raw(_encode(images)) if images else _RESULT,
        is_error=_TRUE if said.keys() == {"error"} else ABSENT,
    )


def _media(raw: Raw) -> Block:
    fields = wire.fields(raw)
    if wire.text(_either(fields, "mimeType", "mime_type")).startswith("image/"):
        return Block(type="image", source=raw)
    kind = b'{"type":"base64",' if "data" in fields else b'{"type":"url",'
    return Block(type="document", source=Raw(kind + bytes(raw).lstrip()[1:]))


def _system(raw: Raw) -> Raw:
    if wire.found(raw) == "a string":
        return raw
    parts = wire.fields(raw).get("parts", ABSENT)
    texts = [wire.text(block.text) for block in _blocks(parts) if block.type == "text"]
    return Raw(_encode("\n".join(texts))) if texts else ABSENT


def _tools(raw: Raw) -> Iterator[OfferedTool]:
    for tool in wire.items(raw):
        for name, value in wire.fields(tool).items():
            if name in ("functionDeclarations", "function_declarations"):
                named = [wire.text(wire.fields(one).get("name", ABSENT)) for one in wire.items(value)]
                yield from (OfferedTool(one) for one in named)
            elif name in ("googleSearch", "google_search", "googleSearchRetrieval", "google_search_retrieval"):
                yield OfferedTool("web_search", _WEB_SEARCH)
            else:
                yield OfferedTool(name, name)


def _thinking(config: Mapping[str, Raw]) -> tuple[dict[str, object], str]:
    """In Anthropic's words, and the effort. A budget of 0 switches thinking off, -1 leaves it to the model."""
    level = _LEVELS.get(wire.text(_either(config, "thinkingLevel", "thinking_level")).upper(), "")
    if level:
        return {"type": "adaptive"}, level
    budget = wire.integer(_either(config, "thinkingBudget", "thinking_budget"))
    if budget is None:
        shown = wire.flag(_either(config, "includeThoughts", "include_thoughts"))
        return ({"type": "adaptive"} if shown else {}), ""
    if budget > 0:
        return {"type": "enabled", "budget_tokens": budget}, ""
    return {"type": "disabled" if budget == 0 else "adaptive"}, ""
