"""A chat/completions request, read into a ChatRequest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from claude_code_router.core.chat import (
    ChatRequest,
    Document,
    Image,
    Part,
    ResultPart,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.openai_chat.wording import (
    JSON_ONLY,
    WEB_SEARCH,
    data_url,
    effort_of,
    read_fields,
    schema_of,
    wrong,
)
from claude_code_router.dialects.unreadable import UNREADABLE

_COVERED = frozenset(
    {
        *(
            "model",
            "messages",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "max_tokens",
            "max_completion_tokens",
            "stop",
        ),
        *(
            "temperature",
            "top_p",
            "top_k",
            "stream",
            "stream_options",
            "response_format",
            "reasoning_effort",
            "reasoning",
        ),
        *("user", "safety_identifier", "prompt_cache_key", "web_search_options", "functions", "function_call"),
    }
)


class _Function(msgspec.Struct):
    name: str = ""
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    arguments: Any = None


class _Call(msgspec.Struct):
    id: str | None = None
    type: str | None = None
    function: _Function | None = None
    custom: dict[str, Any] | None = None


class _Message(msgspec.Struct):
    role: str
    content: Any = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None
    tool_call_id: str | None = None
    name: str | None = None
    reasoning_content: Any = None
    thinking_blocks: Any = None


class _Tool(msgspec.Struct):
    type: str = "function"
    function: _Function | None = None
    custom: dict[str, Any] | None = None


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message]
    tools: list[_Tool] | None = None
    functions: list[_Function] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stream: bool | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    reasoning: dict[str, Any] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    web_search_options: dict[str, Any] | None = None
    n: int | None = None


_body_decoder = msgspec.json.Decoder(_Body)


def decode_request(body: bytes) -> ChatRequest:
    """Raises BadRequest in one sentence: path, what was found, what was expected."""
    fields = read_fields(body)
    try:
        read = _body_decoder.decode(body)
    except UNREADABLE as error:
        raise wrong(error) from error
    if read.n is not None and read.n != 1:
        raise BadRequest(f"n: found {read.n}, expected 1: this route leads to a provider that gives one answer.")
    system, turns = _conversation(read.messages)
    if (read.response_format or {}).get("type") == "json_object":
        system = (*system, Text(JSON_ONLY))
    effort = effort_of(read.reasoning_effort or (read.reasoning or {}).get("effort"))
    return ChatRequest(
        model=read.model,
        system=system,
        turns=turns,
        tools=tuple(_tools(read)),
        tool_choice=_tool_choice(read),
        max_tokens=read.max_completion_tokens if read.max_completion_tokens is not None else read.max_tokens,
        temperature=read.temperature,
        top_p=read.top_p,
        top_k=read.top_k,
        stop=(read.stop,) if isinstance(read.stop, str) else tuple(read.stop or ()),
        stream=bool(read.stream),
        thinking=effort.thinking,
        effort=effort.level,
        json_schema=schema_of((read.response_format or {}).get("json_schema")),
        user_id=read.prompt_cache_key or read.safety_identifier or read.user or "",
        unknown=tuple(name for name in fields if name not in _COVERED),
    )


def _conversation(messages: list[_Message]) -> tuple[tuple[Text, ...], tuple[Turn, ...]]:
    """System messages at the beginning are the system prompt; results of one answer's calls are one user turn with what the
    user says behind them."""
    system: list[Text] = []
    turns: list[Turn] = []
    for i, message in enumerate(messages):
        match message.role:
            case "system" | "developer":
                texts = [part for part in _parts(message.content, f"messages[{i}].content") if isinstance(part, Text)]
                if turns:
                    turns.append(Turn("system", tuple(texts)))
                else:
                    system += texts
            case "user":
                turns.append(Turn("user", tuple(_parts(message.content, f"messages[{i}].content"))))
            case "assistant":
                turns.append(Turn("assistant", tuple(_assistant(message, i))))
            case "tool" | "function":
                turns.append(Turn("user", (_result(message, i),)))
            case other:
                raise BadRequest(
                    f'messages[{i}].role: found "{other}", expected system, developer, user, assistant or tool.'
                )
    return tuple(system), tuple(_merged(turns))


def _merged(turns: list[Turn]) -> Iterator[Turn]:
    held: Turn | None = None
    for turn in turns:
        if held is not None and held.role == turn.role == "user":
            held = Turn("user", held.parts + turn.parts)
            continue
        if held is not None:
            yield held
        held = turn
    if held is not None:
        yield held


def _assistant(message: _Message, i: int) -> Iterator[Part]:
    yield from _thinking(message)
    yield from _parts(message.content, f"messages[{i}].content")
    if message.refusal and not message.content:
        yield Text(message.refusal)
    for call in message.tool_calls or ():
        if call.function is not None:
            yield ToolCall(call.id or "", call.function.name, _arguments(call.function.arguments))
        elif call.custom is not None:
            text = msgspec.json.encode({"input": call.custom.get("input", "")}).decode()
            yield ToolCall(call.id or "", str(call.custom.get("name", "")), text)
    if message.function_call is not None:
        yield ToolCall(
            message.function_call.name, message.function_call.name, _arguments(message.function_call.arguments)
        )


def _thinking(message: _Message) -> Iterator[Thinking]:
    """Our own `thinking_blocks` (encoder.py) bring back what their maker signed. The bare text of `reasoning_content` nobody
    has signed."""
    blocks = message.thinking_blocks if isinstance(message.thinking_blocks, list) else []
    for block in blocks:
        if not isinstance(block, dict):
            continue
        if block.get("type") == "redacted_thinking":
            yield Thinking(redacted=str(block.get("data") or ""))
        else:
            yield Thinking(text=str(block.get("thinking") or ""), signature=str(block.get("signature") or ""))
    if not blocks and isinstance(message.reasoning_content, str) and message.reasoning_content:
        yield Thinking(text=message.reasoning_content)


def _result(message: _Message, i: int) -> ToolResult:
    parts = [part for part in _parts(message.content, f"messages[{i}].content") if isinstance(part, ResultPart)]
    return ToolResult(message.tool_call_id or message.name or "", tuple(parts))


def _parts(content: Any, path: str) -> Iterator[Part]:
    if content is None:
        return
    if isinstance(content, str):
        if content:
            yield Text(content)
        return
    if not isinstance(content, list):
        raise BadRequest(f"{path}: found {type(content).__name__}, expected a string or an array of content parts.")
    for i, part in enumerate(content):
        if isinstance(part, str):
            yield Text(part)
        elif isinstance(part, dict):
            yield from _part(part, f"{path}[{i}]")


def _part(part: dict[str, Any], path: str) -> Iterator[Part]:
    match part.get("type"):
        case "text" | "input_text" | "output_text":
            if part.get("text"):
                yield Text(str(part["text"]), cached=part.get("cache_control") is not None)
        case "refusal":
            yield Text(str(part.get("refusal") or ""))
        case "image_url":
            image = part.get("image_url")
            url = image.get("url") if isinstance(image, dict) else image
            if not isinstance(url, str):
                raise BadRequest(f"{path}.image_url.url: found nothing, expected a URL.")
            media_type, data = data_url(url)
            yield Image(media_type=media_type, data=data) if data else Image(url=url)
        case "file":
            yield from _file(part.get("file"))
        case "input_audio":
            raise BadRequest(f"{path}: audio cannot be carried to this route's provider.")
        case other:
            raise BadRequest(f'{path}.type: found "{other}", expected text, image_url or file.')


def _file(file: Any) -> Iterator[Part]:
    if not isinstance(file, dict):
        return
    media_type, data = data_url(str(file.get("file_data") or ""))
    title = str(file.get("filename") or "")
    if data:
        yield Document(media_type=media_type, title=title, data=data)
    else:
        yield Text(f"[file {title or file.get('file_id') or ''} omitted: only its own provider holds it]")


def _arguments(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "{}" if value is None else msgspec.json.encode(value).decode()


def _tools(body: _Body) -> Iterator[Tool]:
    for i, tool in enumerate(body.tools or ()):
        if tool.type == "custom" and tool.custom is not None:
            raise BadRequest(f"tools[{i}]: custom tools cannot be carried to this route's provider.")
        if tool.function is None:
            continue
        yield _tool(tool.function, f"tools[{i}].function")
    for i, function in enumerate(body.functions or ()):
        yield _tool(function, f"functions[{i}]")
    if body.web_search_options is not None:
        yield WEB_SEARCH


def _tool(function: _Function, path: str) -> Tool:
    if not function.name:
        raise BadRequest(f"{path}.name: found nothing, expected a string.")
    tool = Tool(name=function.name, description=function.description or "")
    if bytes(function.parameters) in (b"", b"null"):
        return tool
    return msgspec.structs.replace(tool, schema=msgspec.Raw(bytes(function.parameters)))


def _tool_choice(body: _Body) -> ToolChoice | None:
    parallel = body.parallel_tool_calls is not False
    choice, name = body.tool_choice, ""
    if isinstance(choice, dict):
        function = choice.get("function") or choice.get("custom") or choice
        name = str(function.get("name") or "") if isinstance(function, dict) else ""
        choice = "tool" if name else "auto"
    modes: dict[Any, Literal["auto", "any", "tool", "none"]] = {
        "auto": "auto", "none": "none", "required": "any", "any": "any", "tool": "tool",
    }  # fmt: skip
    if choice is None and parallel:
        return None
    return ToolChoice(mode=modes.get(str(choice), "auto"), name=name, parallel=parallel)
