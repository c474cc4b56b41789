"""The conversation as Responses input items.

Two rules shape everything here: each `function_call` needs exactly one `function_call_output`, and a `reasoning` item must
be followed by an item of the same answer. The turns are taken in windows, as for chat/completions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from claude_code_router.core.chat import (
    ChatRequest,
    Document,
    Image,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolReference,
    ToolResult,
    Turn,
)
from claude_code_router.dialects.openai_chat.messages import (
    NO_CONTENT,
    NO_RESULT,
    SEPARATOR,
    Window,
    call_arguments,
    windows,
)
from claude_code_router.dialects.openai_chat.names import WireIds, wire_name
from claude_code_router.dialects.openai_chat.notes import note
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_responses.reasoning import opened_item

Json = dict[str, object]
Item = Json | msgspec.Raw

_MAX_CALL_ID_CHARS = 64


def encode_items(chat: ChatRequest, quirks: ChatQuirks, origin: str) -> list[Item]:
    writer = _Writer(quirks, origin)
    for window in windows(chat.turns):
        writer.window(window)
    if not writer.items:
        writer.items.append({"type": "message", "role": "user", "content": [_text(NO_CONTENT)]})  # none is refused
    return writer.items


class _Writer:
    def __init__(self, quirks: ChatQuirks, origin: str) -> None:
        self.items: list[Item] = []
        self._quirks = quirks
        self._origin = origin
        self._ids = WireIds("any")

    def window(self, window: Window) -> None:
        calls = self._assistant(window.assistant)
        results = [part for turn in window.following for part in turn.parts if isinstance(part, ToolResult)]
        answered = self._outputs(calls, results)
        for turn in window.following:
            self._turn(turn, answered)

    def _assistant(self, parts: Sequence[Part]) -> list[tuple[ToolCall, str]]:
        """The assistant's items in their order; its calls with their ids on the wire."""
        calls: list[tuple[ToolCall, str]] = []
        reasoning: list[Item] = []
        said: list[str] = []
        for part in parts:
            if isinstance(part, Thinking):
                item = opened_item(part, self._origin)
                if item is not None:
                    self._flush(reasoning, said)
                    reasoning.append(msgspec.Raw(item))
            elif isinstance(part, ToolCall):
                self._flush(reasoning, said)
                wire_id = _fitting(self._ids.of(part.id))
                calls.append((part, wire_id))
                self.items += [*reasoning, self._call(part, wire_id)]
                reasoning.clear()
            elif text := _said(part):
                said.append(text)
        self._flush(reasoning, said)
        # Reasoning that is still held has nothing behind it (the reply was broken off): alone it would be refused.
        return calls

    def _flush(self, reasoning: list[Item], said: list[str]) -> None:
        if said:
            content = [{"type": "output_text", "text": SEPARATOR.join(said)}]
            self.items += [*reasoning, {"type": "message", "role": "assistant", "content": content}]
            reasoning.clear()
            said.clear()

    def _call(self, call: ToolCall, wire_id: str) -> Json:
        name = wire_name(call.name, self._quirks.tool_name_limit)
        return {"type": "function_call", "call_id": wire_id, "name": name, "arguments": call_arguments(call.input)}

    def _outputs(self, calls: Sequence[tuple[ToolCall, str]], results: list[ToolResult]) -> set[int]:
        """One output a call, in the calls' order; answers which results (by identity) were used."""
        answered: set[int] = set()
        for call, wire_id in calls:
            result = next((r for r in results if r.call_id == call.id and id(r) not in answered), None)
            output: object = NO_RESULT  # the client was interrupted, or has cut its history
            if result is not None:
                answered.add(id(result))
                output = self._output(result)
            self.items.append({"type": "function_call_output", "call_id": wire_id, "output": output})
        return answered

    def _output(self, result: ToolResult) -> object:
        """A string wherever it can be one; pictures and files stay where they are."""
        parts = [encoded for part in result.parts if (encoded := self._part(part)) is not None]
        if result.is_error:
            parts.insert(0, _text("Error:"))
        if all(part["type"] == "input_text" for part in parts):
            text = (" " if result.is_error else SEPARATOR).join(str(part["text"]) for part in parts[:2])
            rest = [str(part["text"]) for part in parts[2:]]
            return SEPARATOR.join([text, *rest]) or NO_CONTENT
        return parts

    def _turn(self, turn: Turn, answered: set[int]) -> None:
        if turn.role == "system":
            text = SEPARATOR.join(filter(None, (_said(part) for part in turn.parts)))
            if text:
                self._message(self._quirks.responses.late_system_role, [_text(text)])
            return
        parts: list[Json] = []
        for part in turn.parts:
            if isinstance(part, ToolResult):
                parts += self._orphan(part) if id(part) not in answered else []
            elif (encoded := self._part(part)) is not None:
                parts.append(encoded)
        if parts:
            self._message("user", parts)

    def _message(self, role: str, content: list[Json]) -> None:
        self.items.append({"type": "message", "role": role, "content": content})

    def _orphan(self, result: ToolResult) -> list[Json]:
        """A result whose call is not in the answer before it: as an output it would be refused."""
        shown = [encoded for part in result.parts if (encoded := self._part(part)) is not None]
        return [_text(f"[result of tool call {result.call_id}]"), *shown]

    def _part(self, part: Part) -> Json | None:
        """A content part; None for what says nothing, or is the assistant's."""
        if isinstance(part, Image):
            return self._image(part)
        if isinstance(part, Document):
            return self._document(part)
        if isinstance(part, Text | Opaque | ToolReference):
            text = _said(part)
            return _text(text) if text else None
        return None

    def _image(self, part: Image) -> Json:
        if not self._quirks.images or self._quirks.content_parts == "never":
            return _text("[image omitted: this model cannot see images]")
        return {"type": "input_image", "image_url": part.url or f"data:{part.media_type};base64,{part.data}"}

    def _document(self, part: Document) -> Json:
        title = part.title or "document"
        if part.text:
            return _text(f"{title}:\n{part.text}" if part.title else part.text)
        if part.data and self._quirks.files:
            filename = title if "." in title else f"{title}.{part.media_type.rpartition('/')[2] or 'pdf'}"
            data = f"data:{part.media_type};base64,{part.data}"
            return {"type": "input_file", "filename": filename, "file_data": data}
        if part.url and self._quirks.files:
            return {"type": "input_file", "file_url": part.url}
        where = f" at {part.url}" if part.url else ""
        return _text(f"[{title}{where} omitted: this model cannot read such a document]")


def _text(text: str) -> Json:
    return {"type": "input_text", "text": text}


def _said(part: Part) -> str:
    if isinstance(part, Text):
        return part.text
    if isinstance(part, Opaque):
        return note(part)
    if isinstance(part, ToolReference):
        return f"Loaded tools: {part.name}"
    if isinstance(part, Image | Document):
        return "[image omitted]" if isinstance(part, Image) else part.text or "[document omitted]"
    return ""


def _fitting(call_id: str) -> str:
    if len(call_id) <= _MAX_CALL_ID_CHARS:
        return call_id
    return f"call_{hashlib.sha256(call_id.encode()).hexdigest()[:32]}"


def instructions(system: Iterable[Text]) -> str:
    return SEPARATOR.join(part.text for part in system if part.text)
