"""The few parts of OpenAI's two kinds of request that routing reads, put into the same form as an Anthropic request's
(`wire.Body`), so that marks, media and rules are the same for every client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from claude_code_router.core.errors import BadRequest
from claude_code_router.routing import wire
from claude_code_router.routing.marks import is_search
from claude_code_router.routing.wire import ABSENT, Block, Body, Message, OfferedTool

_WEB_SEARCH = "web_search_20250305"
"""OpenAI's hosted search (`web_search`, `web_search_preview`, `web_search_options`) in the words of the webSearch rule."""
_ANY = msgspec.Raw(b'{"type":"any"}')
_SEARCH = msgspec.Raw(b'{"type":"tool","name":"web_search"}')
_CLIENTS_OWN = frozenset({"function", "custom", "local_shell", "shell", "apply_patch", "namespace", "tool_search", ""})
"""Tools that the client runs itself."""

_encode = msgspec.json.Encoder().encode


class _ChatMessage(msgspec.Struct, gc=False):
    role: str
    content: msgspec.Raw = ABSENT
    tool_call_id: msgspec.Raw = ABSENT
    thinking_blocks: msgspec.Raw = ABSENT


class _Piece(msgspec.Struct, gc=False):
    """A content part of either dialect."""

    type: str = ""
    text: msgspec.Raw = ABSENT
    image_url: msgspec.Raw = ABSENT
    file: msgspec.Raw = ABSENT
    file_data: msgspec.Raw = ABSENT


class _Item(msgspec.Struct, gc=False):
    """An input item of the Responses API."""

    type: str = "message"
    role: str = ""
    content: msgspec.Raw = ABSENT
    output: msgspec.Raw = ABSENT
    encrypted_content: msgspec.Raw = ABSENT


class _Function(msgspec.Struct, gc=False):
    name: str = ""


class _Tool(msgspec.Struct, gc=False):
    type: str = ""
    name: str = ""
    function: _Function | None = None


_PIECES = msgspec.json.Decoder(list[_Piece])
_MESSAGES = msgspec.json.Decoder(list[_ChatMessage])
_ITEMS = msgspec.json.Decoder(list[_Item])
_TOOLS = msgspec.json.Decoder(list[_Tool])
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_chat(body: bytes) -> tuple[Body, str]:
    """(the request, what names its session). Raises BadRequest in one sentence."""
    given = _fields(body)
    listed = _required_list(given, "messages")
    try:
        found = _MESSAGES.decode(listed)
    except wire.UNREADABLE as error:
        raise BadRequest(f"messages: {error}.") from None
    effort = wire.text(given.get("reasoning_effort", ABSENT)) or _inside(given, "reasoning", "effort")
    tools = _tools(given)
    if "web_search_options" in given and wire.found(given["web_search_options"]) == "an object":
        tools.append(OfferedTool("web_search", _WEB_SEARCH))
    schema = wire.fields(wire.fields(given.get("response_format", ABSENT)).get("json_schema", ABSENT))
    limit = given.get("max_completion_tokens", given.get("max_tokens", ABSENT))
    return _body(given, [_chat_message(one) for one in found], tools, effort, schema, limit), _session(given)


def read_responses(body: bytes) -> tuple[Body, str]:
    """(the request, what names its session). Raises BadRequest in one sentence."""
    given = _fields(body)
    said = given.get("input", ABSENT)
    match wire.found(said):
        case "a string":
            messages = [Message("user", wire.text(said))]
        case "an array":
            try:
                messages = [_item(one) for one in _ITEMS.decode(said)]
            except wire.UNREADABLE as error:
                raise BadRequest(f"input: {error}.") from None
        case other:
            raise BadRequest(f"input: found {other}, expected a string or an array.")
    effort = _inside(given, "reasoning", "effort")
    schema = wire.fields(wire.fields(given.get("text", ABSENT)).get("format", ABSENT))
    limit = given.get("max_output_tokens", ABSENT)
    return _body(given, messages, _tools(given), effort, schema, limit), _session(given)


def _body(
    given: Mapping[str, msgspec.Raw],
    messages: list[Message],
    tools: list[OfferedTool],
    effort: str,
    schema: Mapping[str, msgspec.Raw],
    limit: msgspec.Raw,
) -> Body:
    output: dict[str, object] = {"effort": effort} if effort not in ("", "none") else {}
    if "schema" in schema:
        output["format"] = {"schema": schema["schema"]}
    thinking = {"type": "disabled" if effort == "none" else "adaptive"}
    return Body(
        model=wire.text(given["model"]),
        messages=messages,
        system=given.get("instructions", ABSENT),
        tools=tools or None,
        thinking=msgspec.Raw(_encode(thinking)) if effort else ABSENT,
        output_config=msgspec.Raw(_encode(output)) if output else ABSENT,
        stream=given.get("stream", ABSENT),
        max_tokens=limit,
        stop_sequences=given.get("stop", ABSENT),
        tool_choice=_choice(given),
    )


def _fields(body: bytes) -> Mapping[str, msgspec.Raw]:
    try:
        given = _FIELDS.decode(body)
    except msgspec.ValidationError:
        raise BadRequest(f"The request body: found {wire.found(body.lstrip())}, expected an object.") from None
    except RecursionError:
        raise BadRequest("The request body is nested too deeply to be read.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The request body is not valid JSON: {error}.") from None
    model = given.get("model", ABSENT)
    if wire.found(model) != "a string":
        raise BadRequest(f"model: found {wire.found(model)}, expected a string.")
    return given


def _required_list(given: Mapping[str, msgspec.Raw], name: str) -> msgspec.Raw:
    raw = given.get(name, ABSENT)
    if wire.found(raw) != "an array":
        raise BadRequest(f"{name}: found {wire.found(raw)}, expected an array.")
    return raw


def _chat_message(message: _ChatMessage) -> Message:
    if message.role in ("tool", "function"):
        return Message("user", [Block(type="tool_result", content=_raw_blocks(message.content))])
    role = "system" if message.role == "developer" else message.role
    content = _content(message.content)
    if message.thinking_blocks is not ABSENT:
        signed = [Block(type="thinking", signature=message.thinking_blocks)]
        content = [*signed, *([Block(type="text", text=message.content)] if isinstance(content, str) else content)]
    return Message(role, content)


def _item(item: _Item) -> Message:
    if item.type == "reasoning":
        return Message("assistant", [Block(type="thinking", signature=item.encrypted_content)])
    if item.type.endswith("_output"):
        return Message("user", [Block(type="tool_result", content=_raw_blocks(item.output))])
    if item.type != "message":
        return Message("assistant", [])
    return Message("system" if item.role == "developer" else item.role or "user", _content(item.content))


def _content(raw: msgspec.Raw) -> str | list[Block]:
    if wire.found(raw) == "a string":
        return wire.text(raw)
    return [_block(piece) for piece in _pieces(raw)]


def _pieces(raw: msgspec.Raw) -> Iterable[_Piece]:
    if wire.found(raw) != "an array":
        return ()
    try:
        return _PIECES.decode(raw)
    except wire.UNREADABLE:
        return ()


def _block(piece: _Piece) -> Block:
    match piece.type:
        case "text" | "input_text" | "output_text":
            return Block(type="text", text=piece.text)
        case "image_url" | "input_image":
            return Block(type="image", source=piece.image_url)
        case "file" | "input_file":
            source = _encode(
                {"type": "base64", "data": piece.file if piece.file is not ABSENT else piece.file_data or None}
            )
            return Block(type="document", source=msgspec.Raw(source))
        case other:
            return Block(type=other)


def _raw_blocks(raw: msgspec.Raw) -> msgspec.Raw:
    """A tool's result in Anthropic's form, when it holds more than words."""
    if wire.found(raw) != "an array":
        return raw
    pieces = [piece for piece in _pieces(raw) if piece.image_url is not ABSENT]
    return msgspec.Raw(_encode([{"type": "image", "source": piece.image_url} for piece in pieces])) if pieces else raw


def _tools(given: Mapping[str, msgspec.Raw]) -> list[OfferedTool]:
    raw = given.get("tools", ABSENT)
    try:
        found = _TOOLS.decode(raw) if wire.found(raw) == "an array" else []
    except wire.UNREADABLE:
        return []
    return [_offered(tool) for tool in found]


def _offered(tool: _Tool) -> OfferedTool:
    name = tool.name or (tool.function.name if tool.function else "")
    if is_search(tool.type):
        return OfferedTool(name or "web_search", _WEB_SEARCH)
    return OfferedTool(name or tool.type, "" if tool.type in _CLIENTS_OWN else tool.type)


def _choice(given: Mapping[str, msgspec.Raw]) -> msgspec.Raw:
    """What must be called, in Anthropic's form. The models made for searching search whenever they are given options for it."""
    chosen = given.get("tool_choice", ABSENT)
    if wire.found(chosen) == "a string":
        return _ANY if wire.text(chosen) == "required" else _searching(given)
    fields = wire.fields(chosen)
    kind = wire.text(fields.get("type", ABSENT))
    if kind == "allowed_tools":
        inner = wire.fields(fields.get("allowed_tools", ABSENT)) or fields  # chat/completions wraps them once more
        if wire.text(inner.get("mode", ABSENT)) != "required":
            return _searching(given)
        kinds = {wire.text(wire.fields(one).get("type", ABSENT)) for one in wire.items(inner.get("tools", ABSENT))}
        return _SEARCH if kinds and all(map(is_search, kinds)) else _ANY
    if is_search(kind):
        return _SEARCH
    return _ANY if kind else _searching(given)


def _searching(given: Mapping[str, msgspec.Raw]) -> msgspec.Raw:
    return _SEARCH if "web_search_options" in given and "search" in wire.text(given["model"]) else ABSENT


def _inside(given: Mapping[str, msgspec.Raw], name: str, member: str) -> str:
    return wire.text(wire.fields(given.get(name, ABSENT)).get(member, ABSENT))


def _session(given: Mapping[str, msgspec.Raw]) -> str:
    """Codex and others set the cache's key to their conversation's id; `user` is a person, and better than nothing."""
    return wire.text(given.get("prompt_cache_key", ABSENT)) or wire.text(given.get("user", ABSENT))
