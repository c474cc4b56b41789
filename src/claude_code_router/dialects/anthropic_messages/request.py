"""A Messages request, read into a ChatRequest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar, cast

import msgspec

from claude_code_router.core.chat import ChatRequest, Role, Text, Tool, ToolChoice, Turn
from claude_code_router.core.errors import BadRequest
from claude_code_router.dialects.anthropic_messages.blocks import read_content, wrong
from claude_code_router.dialects.unreadable import UNREADABLE, mend

Raw = msgspec.Raw
T = TypeVar("T")

BILLING_PREFIX = "x-anthropic-billing-header:"
"""Claude Code's attribution block, `system[0]`. api.anthropic.com takes it out again; for everybody else it would be
prompt text that differs per conversation and so spoils their prefix caches (client 2.1.330, seen 2026-11)."""


class _Format(msgspec.Struct):
    type: str = ""
    schema: Raw = Raw()


class _OutputConfig(msgspec.Struct):
    effort: str | None = None
    format: _Format | None = None


class _Message(msgspec.Struct):
    role: str
    content: Raw = Raw()
    output_config: _OutputConfig | None = None


class _Thinking(msgspec.Struct):
    type: str = ""
    budget_tokens: int | None = None


class _ToolChoice(msgspec.Struct):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Tool(msgspec.Struct):
    name: str | None = None
    description: str | None = None
    input_schema: Raw = Raw()
    type: str | None = None
    defer_loading: bool | None = None


class _Metadata(msgspec.Struct):
    user_id: str | None = None


_fields_decoder = msgspec.json.Decoder(dict[str, Raw])

_COVERED = frozenset(
    {
        *("model", "messages", "system", "tools", "tool_choice", "max_tokens", "stream", "metadata"),
        *("temperature", "top_p", "top_k", "stop_sequences", "thinking", "output_config", "output_format"),
    }
)

_SERVER_TOOLS = ("web_search_", "web_fetch_", "code_execution_", "tool_search_tool_", "advisor_", "mcp_toolset")
"""Tools that the provider runs itself, by the beginning of their dated type (API reference, 2026-11)."""

_CLIENT_SCHEMAS: Mapping[str, bytes] = {
    "bash_": b'{"type":"object","properties":{"command":{"type":"string"},"restart":{"type":"boolean"}}}',
    "text_editor_": b'{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace",'
    b'"insert"]},"path":{"type":"string"},"file_text":{"type":"string"},"old_str":{"type":"string"},"new_str":'
    b'{"type":"string"},"insert_line":{"type":"integer"},"insert_text":{"type":"string"},"view_range":{"type":"array",'
    b'"items":{"type":"integer"}}},"required":["command","path"]}',
}
"""Tools that the client runs and Claude knows by their dated type alone: another model has to be told the arguments."""

_ANY_OBJECT = b'{"type":"object","properties":{}}'


def decode_request(body: bytes) -> ChatRequest:
    """Raises BadRequest in one sentence: path, what was found, what was expected."""
    try:
        return _decode(body)
    except (BadRequest, *UNREADABLE) as error:
        mended = mend(body)
        if mended == body:
            raise error if isinstance(error, BadRequest) else wrong("", error) from error
    try:
        return _decode(mended)
    except UNREADABLE as error:
        raise wrong("", error) from error


def _decode(body: bytes) -> ChatRequest:
    fields = _fields_decoder.decode(body)
    output = _read(fields, "output_config", _OutputConfig)
    turns, turn_effort = _turns(fields)
    thinking = _read(fields, "thinking", _Thinking)
    metadata = _read(fields, "metadata", _Metadata)
    return ChatRequest(
        model=_required(fields, "model", str),
        system=_system(fields.get("system", Raw())),
        turns=turns,
        tools=tuple(_tool(tool, i) for i, tool in enumerate(_read(fields, "tools", list[_Tool]) or ())),
        tool_choice=_tool_choice(_read(fields, "tool_choice", _ToolChoice)),
        max_tokens=_read(fields, "max_tokens", int),
        temperature=_read(fields, "temperature", float),
        top_p=_read(fields, "top_p", float),
        top_k=_read(fields, "top_k", int),
        stop=tuple(_read(fields, "stop_sequences", list[str]) or ()),
        stream=_read(fields, "stream", bool) or False,
        thinking=thinking.type if thinking else "",
        thinking_budget=thinking.budget_tokens if thinking else None,
        effort=turn_effort or (output.effort if output else None) or "",
        json_schema=_json_schema(output, _read(fields, "output_format", _Format)),
        user_id=(metadata.user_id if metadata else None) or "",
        unknown=tuple(name for name in fields if name not in _COVERED),
    )


def _read(fields: Mapping[str, Raw], name: str, kind: type[T]) -> T | None:
    """A top-level field of that kind; None when it is absent or null."""
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        return cast("T | None", msgspec.json.decode(raw, type=kind | None))
    except UNREADABLE as error:
        raise wrong(name, error) from error


def _required(fields: Mapping[str, Raw], name: str, kind: type[T]) -> T:
    value = _read(fields, name, kind)
    if value is None:
        raise BadRequest(f"{name}: found nothing, expected {'an array' if kind is not str else 'a string'}.")
    return value


def _turns(fields: Mapping[str, Raw]) -> tuple[tuple[Turn, ...], str]:
    """The conversation, and the effort that its last directive asks for (empty when none does)."""
    turns: list[Turn] = []
    effort = ""
    for i, message in enumerate(_required(fields, "messages", list[_Message])):
        if message.role not in ("user", "assistant", "system"):
            raise BadRequest(f'messages[{i}].role: found "{message.role}", expected user, assistant or system.')
        if message.role == "system" and message.output_config and message.output_config.effort:
            effort = message.output_config.effort
        parts = read_content(message.content, f"messages[{i}].content")
        # Claude Code --bare sends system messages that carry nothing but output_config: a directive, no turn.
        if parts or message.role != "system":
            turns.append(Turn(cast("Role", message.role), parts))
    return tuple(turns), effort


def _system(raw: Raw) -> tuple[Text, ...]:
    if not bytes(raw):
        return ()
    parts = read_content(raw, "system")
    texts: list[Text] = []
    for i, part in enumerate(parts):
        if not isinstance(part, Text):
            raise BadRequest(f"system[{i}]: found a {type(part).__name__.lower()} block, expected text.")
        if part.text.startswith(BILLING_PREFIX):
            # Its own block ends with it; where somebody has merged the prompt behind it, only its line goes.
            rest = part.text.partition("\n")[2]
            part = Text(rest, part.cached)
        if part.text:
            texts.append(part)
    return tuple(texts)


def _tool(tool: _Tool, i: int) -> Tool:
    kind = tool.type or ""
    if kind.startswith(_SERVER_TOOLS):
        return Tool(name=tool.name or kind, description=tool.description or "", server_type=kind)
    if not tool.name:
        raise BadRequest(f"tools[{i}].name: found nothing, expected a string.")
    schema = bytes(tool.input_schema)
    if schema in (b"", b"null"):
        schema = next((known for start, known in _CLIENT_SCHEMAS.items() if kind.startswith(start)), _ANY_OBJECT)
    return Tool(
        name=tool.name,
        description=tool.description or "",
        schema=Raw(schema),
        deferred=bool(tool.defer_loading),
    )


def _tool_choice(choice: _ToolChoice | None) -> ToolChoice | None:
    if choice is None:
        return None
    if choice.type not in ("auto", "any", "tool", "none"):
        raise BadRequest(f'tool_choice.type: found "{choice.type}", expected auto, any, tool or none.')
    mode = cast('Literal["auto", "any", "tool", "none"]', choice.type)
    return ToolChoice(mode=mode, name=choice.name or "", parallel=not choice.disable_parallel_tool_use)


def _json_schema(output: _OutputConfig | None, older: _Format | None) -> Raw | None:
    for form in (output.format if output else None, older):
        if form is not None and bytes(form.schema) and form.type == "json_schema":
            return Raw(bytes(form.schema))
    return None
