"""A Responses request, read into a ChatRequest. Stateless: the whole conversation stands in `input`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from claude_code_router.core.chat import (
    ChatRequest,
    Document,
    Image,
    Opaque,
    Part,
    ResultPart,
    Role,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.openai_chat.wording import (
    JSON_ONLY,
    data_url,
    effort_of,
    entries,
    members,
    read_fields,
    schema_of,
    wrong,
)
from claude_code_router.dialects.openai_responses.client_reasoning import thinking_of
from claude_code_router.dialects.openai_responses.client_tools import INPUT, joined, read_tools
from claude_code_router.dialects.unreadable import UNREADABLE

_COVERED = frozenset(
    {
        *(
            "model",
            "input",
            "instructions",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "max_output_tokens",
            "stream",
        ),
        *(
            "temperature",
            "top_p",
            "reasoning",
            "text",
            "user",
            "safety_identifier",
            "prompt_cache_key",
            "store",
            "include",
        ),
    }
)


class _Body(msgspec.Struct):
    model: str
    input: str | list[dict[str, Any]]
    instructions: str | list[Any] | None = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    reasoning: dict[str, Any] | None = None
    text: dict[str, Any] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    background: bool | None = None


_body_decoder = msgspec.json.Decoder(_Body)


def decode_request(body: bytes) -> ChatRequest:
    """Raises BadRequest in one sentence, also for what only a server that keeps conversations can do."""
    fields = read_fields(body)
    try:
        read = _body_decoder.decode(body)
    except UNREADABLE as error:
        raise wrong(error) from error
    _refuse_state(read)
    system, turns = _conversation(
        [{"role": "user", "content": read.input}] if isinstance(read.input, str) else read.input
    )
    if isinstance(read.instructions, str) and read.instructions:
        system = (Text(read.instructions), *system)
    form = members((read.text or {}).get("format"))
    if form.get("type") == "json_object":
        system = (*system, Text(JSON_ONLY))
    effort = effort_of((read.reasoning or {}).get("effort"))
    return ChatRequest(
        model=read.model,
        system=system,
        turns=turns,
        tools=tuple(tool for tool, _ in read_tools(read.tools)),
        tool_choice=_tool_choice(read),
        max_tokens=read.max_output_tokens,
        temperature=read.temperature,
        top_p=read.top_p,
        stream=bool(read.stream),
        thinking=effort.thinking,
        effort=effort.level,
        json_schema=schema_of(form),
        user_id=read.prompt_cache_key or read.safety_identifier or read.user or "",
        unknown=tuple(name for name in fields if name not in _COVERED),
    )


def _refuse_state(body: _Body) -> None:
    for name, value in (
        ("previous_response_id", body.previous_response_id),
        ("conversation", body.conversation),
        ("background", body.background),
    ):
        if value:
            raise BadRequest(
                f"{name}: the router keeps no responses, so there is nothing that it could go on from.",
                hint="Send the whole conversation in `input`, with `store: false`.",
            )


def _conversation(items: list[dict[str, Any]]) -> tuple[tuple[Text, ...], tuple[Turn, ...]]:
    """What the system says at the beginning is the system prompt. Items of one side that follow each other are one turn."""
    system: list[Text] = []
    turns: list[tuple[Role, list[Part]]] = []
    for i, item in enumerate(items):
        role, parts = _item(item, f"input[{i}]")
        if role == "system" and not turns:
            system += [part for part in parts if isinstance(part, Text)]
        elif turns and turns[-1][0] == role and role != "system":
            turns[-1][1].extend(parts)
        elif parts:
            turns.append((role, parts))
    return tuple(system), tuple(Turn(role, tuple(parts)) for role, parts in turns)


def _item(item: Mapping[str, Any], path: str) -> tuple[Role, list[Part]]:
    kind = str(item.get("type") or "message")
    if kind == "message":
        roles: dict[Any, Role] = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
        role = roles.get(str(item.get("role")))
        if role is None:
            raise BadRequest(f'{path}.role: found "{item.get("role")}", expected user, assistant, system or developer.')
        return role, list(_content(item.get("content"), f"{path}.content"))
    if kind == "item_reference":
        raise BadRequest(f"{path}: the router keeps no items that could be referred to.", hint="Send the item itself.")
    reader = _READERS.get(kind)
    if reader is None:
        if kind in ("web_search_call", "compaction", "configuration_update"):
            return "assistant", []
        return "assistant", [Opaque(kind, msgspec.json.encode(item).decode())]
    return reader(item, path)


def _function_call(item: Mapping[str, Any], path: str) -> tuple[Role, list[Part]]:
    del path
    arguments = item.get("arguments")
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
    return "assistant", [ToolCall(_call_id(item), _name(item), text)]


def _custom_call(item: Mapping[str, Any], path: str) -> tuple[Role, list[Part]]:
    del path
    text = msgspec.json.encode({INPUT: item.get("input") or ""}).decode()
    return "assistant", [ToolCall(_call_id(item), _name(item), text)]


def _output(item: Mapping[str, Any], path: str) -> tuple[Role, list[Part]]:
    parts = [part for part in _content(item.get("output"), f"{path}.output") if isinstance(part, ResultPart)]
    return "user", [ToolResult(_call_id(item), tuple(parts))]


def _reasoning(item: Mapping[str, Any], path: str) -> tuple[Role, list[Part]]:
    del path
    listed = entries(item.get("summary")) or entries(item.get("content"))
    texts = [str(part.get("text") or "") for part in listed if isinstance(part, dict)]
    encrypted = item.get("encrypted_content")
    return "assistant", [thinking_of(texts, encrypted if isinstance(encrypted, str) else "")]


_READERS: Mapping[str, Callable[[Mapping[str, Any], str], tuple[Role, list[Part]]]] = {
    "function_call": _function_call,
    "custom_tool_call": _custom_call,
    "function_call_output": _output,
    "custom_tool_call_output": _output,
    "reasoning": _reasoning,
}


def _call_id(item: Mapping[str, Any]) -> str:
    return str(item.get("call_id") or item.get("id") or "")


def _name(item: Mapping[str, Any]) -> str:
    return joined(str(item.get("name") or ""), str(item.get("namespace") or ""))


def _content(content: Any, path: str) -> Iterator[Part]:
    if isinstance(content, str):
        if content:
            yield Text(content)
    elif isinstance(content, list):
        for i, part in enumerate(content):
            if isinstance(part, dict):
                yield from _part(part, f"{path}[{i}]")
    elif content is not None:
        raise BadRequest(f"{path}: found {type(content).__name__}, expected a string or an array of content parts.")


def _part(part: Mapping[str, Any], path: str) -> Iterator[Part]:
    match part.get("type"):
        case "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text":
            if part.get("text"):
                yield Text(str(part["text"]))
        case "refusal":
            yield Text(str(part.get("refusal") or ""))
        case "input_image":
            yield _image(part, path)
        case "input_file":
            yield _file(part)
        case other:
            raise BadRequest(
                f'{path}.type: found "{other}", expected input_text, output_text, input_image or input_file.'
            )


def _image(part: Mapping[str, Any], path: str) -> Part:
    url = part.get("image_url")
    if not isinstance(url, str) or not url:
        if part.get("file_id"):
            return Text("[image omitted: only its own provider holds it]")
        raise BadRequest(f"{path}.image_url: found nothing, expected a URL.")
    media_type, data = data_url(url)
    return Image(media_type=media_type, data=data) if data else Image(url=url)


def _file(part: Mapping[str, Any]) -> Part:
    title = str(part.get("filename") or "")
    media_type, data = data_url(str(part.get("file_data") or ""))
    if data:
        return Document(media_type=media_type, title=title, data=data)
    if part.get("file_url"):
        return Document(title=title, url=str(part["file_url"]))
    return Text(f"[file {title or part.get('file_id') or ''} omitted: only its own provider holds it]")


def _tool_choice(body: _Body) -> ToolChoice | None:
    choice, name = body.tool_choice, ""
    parallel = body.parallel_tool_calls is not False
    if isinstance(choice, dict):
        if choice.get("type") == "allowed_tools":
            choice = choice.get("mode")
        elif str(choice.get("type")).startswith("web_search"):
            choice, name = "tool", "web_search"
        else:
            name = joined(str(choice.get("name") or ""), str(choice.get("namespace") or ""))
            choice = "tool" if name else "auto"
    modes: dict[Any, Literal["auto", "any", "tool", "none"]] = {
        "auto": "auto", "none": "none", "required": "any", "tool": "tool",
    }  # fmt: skip
    if choice is None and parallel:
        return None
    return ToolChoice(mode=modes.get(str(choice), "auto"), name=name, parallel=parallel)
