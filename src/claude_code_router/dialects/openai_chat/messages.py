"""The conversation as chat/completions messages.

The rule that shapes everything here: an assistant message with tool calls must be followed at once by one `tool` message
for each of its calls. So the turns are taken in windows: one assistant message (several in a row are merged, as
Anthropic does) and everything up to the next one.
"""

from __future__ import annotations

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
from claude_code_router.dialects.openai_chat.names import WireIds, wire_name
from claude_code_router.dialects.openai_chat.notes import note
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reasoning import replay

Json = dict[str, object]

NO_CONTENT = "(no content)"
NO_RESULT = "[no result]"
SEPARATOR = "\n\n"
"""Between text blocks that become one string: they were apart, and must not run into each other."""


class Window(msgspec.Struct):
    assistant: list[Part]
    following: list[Turn]


def encode_messages(chat: ChatRequest, model: str, quirks: ChatQuirks, extra_system: str = "") -> list[Json]:
    """`extra_system` goes behind the system prompt."""
    writer = _Writer(model, quirks)
    writer.system((*chat.system, Text(extra_system)))
    for window in windows(chat.turns):
        writer.window(window)
    return writer.messages


def windows(turns: Iterable[Turn]) -> list[Window]:
    """Each assistant message with everything up to the next one; the first window may have none."""
    found = [Window([], [])]
    for turn in turns:
        if turn.role != "assistant":
            found[-1].following.append(turn)
        elif found[-1].assistant and not found[-1].following:
            found[-1].assistant.extend(turn.parts)
        else:
            found.append(Window(list(turn.parts), []))
    return found


class _Writer:
    def __init__(self, model: str, quirks: ChatQuirks) -> None:
        self.messages: list[Json] = []
        self._model = model
        self._quirks = quirks
        self._ids = WireIds(quirks.tool_id)

    def system(self, texts: Iterable[Text]) -> None:
        parts = [self._text(part) for part in texts if part.text]
        if parts:
            self.messages.append({"role": self._quirks.system_role, "content": _content(parts)})

    def window(self, window: Window) -> None:
        calls = [part for part in window.assistant if isinstance(part, ToolCall)]
        wire_ids = [self._ids.of(call.id) for call in calls]
        self._assistant(window.assistant, calls, wire_ids)
        results = [part for turn in window.following for part in turn.parts if isinstance(part, ToolResult)]
        shown, answered = self._tool_messages(calls, wire_ids, results)
        self._rest(window.following, shown, answered, after_tools=bool(calls))

    def _assistant(self, parts: Sequence[Part], calls: Sequence[ToolCall], wire_ids: Sequence[str]) -> None:
        text = SEPARATOR.join(filter(None, (self._said(part) for part in parts)))
        thinking = [part for part in parts if isinstance(part, Thinking)]
        reasoning = replay(thinking, self._model, self._quirks, with_calls=bool(calls))
        if not (text or calls or reasoning):
            return  # only Claude's own thinking was in it: an empty message would be refused
        message: Json = {"role": "assistant", "content": text}
        if not text and calls:
            if self._quirks.empty_assistant_content == "omit":
                del message["content"]
            elif self._quirks.empty_assistant_content == "null":
                message["content"] = None
        message.update(reasoning)
        if calls:
            message["tool_calls"] = [self._call(call, wire) for call, wire in zip(calls, wire_ids, strict=True)]
        self.messages.append(message)

    def _said(self, part: Part) -> str:
        """Plain text in any case: many servers take no list as an assistant's content."""
        if isinstance(part, Text):
            return part.text
        if isinstance(part, Opaque):
            return note(part)
        if isinstance(part, ToolReference):
            return f"Loaded tools: {part.name}"
        if isinstance(part, Image | Document):
            return "[image omitted]" if isinstance(part, Image) else part.text or "[document omitted]"
        return (
            ""  # tool calls and thinking have members of their own; a tool result has no place in an assistant's turn
        )

    def _call(self, call: ToolCall, wire_id: str) -> Json:
        function = {"name": wire_name(call.name, self._quirks.tool_name_limit), "arguments": call_arguments(call.input)}
        return {"id": wire_id, "type": "function", "function": function, **self._quirks.tool_call_extra}

    def _tool_messages(
        self, calls: Sequence[ToolCall], wire_ids: Sequence[str], results: list[ToolResult]
    ) -> tuple[list[Json], set[int]]:
        """Writes one message a call, in the calls' order. Answers the parts that such a message cannot hold (images), and
        which results (by identity) were used."""
        shown: list[Json] = []
        answered: set[int] = set()
        for call, wire_id in zip(calls, wire_ids, strict=True):
            result = next((r for r in results if r.call_id == call.id and id(r) not in answered), None)
            if result is None:
                # The client was interrupted, or has cut its history: every call must be answered all the same.
                self.messages.append({"role": "tool", "tool_call_id": wire_id, "content": NO_RESULT})
                continue
            answered.add(id(result))
            text, others = self._result(result, call.name)
            content: object = text
            if result.cached and self._quirks.cache_control:
                content = [_cached({"type": "text", "text": text})]
            self.messages.append({"role": "tool", "tool_call_id": wire_id, "content": content})
            shown.extend(others)
        return shown, answered

    def _result(self, result: ToolResult, tool: str) -> tuple[str, list[Json]]:
        """The result's text, and what can only be shown in a user message."""
        others: list[Json] = []
        lines: list[str] = []
        loaded: list[str] = []
        for part in result.parts:
            if isinstance(part, ToolReference):
                loaded.append(part.name)
                continue
            encoded = self._part(part)
            if encoded is None:
                continue
            if encoded["type"] == "text":
                lines.append(str(encoded["text"]))
            else:
                kind = "image" if encoded["type"] == "image_url" else "file"
                lines.append(f"[{kind}: see the next user message]")
                others += [{"type": "text", "text": f"[{kind} from the result of {tool}]"}, encoded]
        if loaded:
            lines.append(f"Loaded tools: {', '.join(loaded)}")
        text = SEPARATOR.join(lines) or NO_CONTENT
        return (f"Error: {text}" if result.is_error else text), others

    def _rest(self, turns: Sequence[Turn], shown: list[Json], answered: set[int], *, after_tools: bool) -> None:
        """What the user and the system say behind the tool results, in its order."""
        user = list(shown)
        for turn in turns:
            if turn.role == "system" and not self._quirks.one_system_message:
                self._user(user)
                user = []
                self.system(part if isinstance(part, Text) else Text(self._said(part)) for part in turn.parts)
            elif turn.role == "system":
                self._remind(user, turn, before_prompt=not after_tools)
            else:
                user.extend(self._user_parts(turn.parts, answered))
        said_nothing = any(turn.role == "user" for turn in turns) and not user and not after_tools
        if said_nothing and (not self.messages or self.messages[-1]["role"] == "assistant"):
            user = [{"type": "text", "text": NO_CONTENT}]  # an empty turn is refused, a missing one breaks the order
        self._user(user)

    def _remind(self, user: list[Json], turn: Turn, *, before_prompt: bool) -> None:
        """Claude Code's own form for servers that refuse system messages (2.1.330): before the prompt, or behind the tool
        results."""
        text = SEPARATOR.join(filter(None, (self._said(part) for part in turn.parts)))
        if not text:
            return
        reminder = self._text(Text(f"<system-reminder>\n{text}\n</system-reminder>"))
        if before_prompt and user and user[-1]["type"] == "text":
            user.insert(len(user) - 1, reminder)
        else:
            user.append(reminder)

    def _user_parts(self, parts: Iterable[Part], answered: set[int]) -> list[Json]:
        encoded: list[Json] = []
        for part in parts:
            if isinstance(part, ToolResult):
                if id(part) in answered:
                    continue
                # Its call is not in the assistant message before it: as a tool message it would be refused.
                text, others = self._result(part, "a tool")
                encoded += [{"type": "text", "text": f"[result of tool call {part.call_id}]\n{text}"}, *others]
            elif isinstance(part, ToolReference):
                encoded.append({"type": "text", "text": f"Loaded tools: {part.name}"})
            elif (one := self._part(part)) is not None:
                encoded.append(one)
        return encoded

    def _user(self, parts: list[Json]) -> None:
        if not parts:
            return
        last = self.messages[-1] if self.messages else {}
        if last.get("role") == "user" or (last.get("role") == "tool" and not self._quirks.user_after_tool):
            before = last["content"]
            parts = [*(before if isinstance(before, list) else [{"type": "text", "text": before}]), *parts]
            last["content"] = _content(parts)
        else:
            self.messages.append({"role": "user", "content": _content(parts)})

    def _part(self, part: Part) -> Json | None:
        """A content part; None for what says nothing or has no place in a user message."""
        if isinstance(part, Text):
            return self._text(part) if part.text else None
        if isinstance(part, Image):
            return self._image(part)
        if isinstance(part, Document):
            return self._document(part)
        if isinstance(part, Opaque):
            return {"type": "text", "text": note(part)}
        return None  # thinking and calls are the assistant's

    def _text(self, part: Text) -> Json:
        encoded: Json = {"type": "text", "text": part.text}
        return _cached(encoded) if part.cached and self._quirks.cache_control else encoded

    def _image(self, part: Image) -> Json:
        if not self._quirks.images or self._quirks.content_parts == "never":
            return {"type": "text", "text": "[image omitted: this model cannot see images]"}
        url = part.url or f"data:{part.media_type};base64,{part.data}"
        encoded: Json = {"type": "image_url", "image_url": {"url": url}}
        return _cached(encoded) if part.cached and self._quirks.cache_control else encoded

    def _document(self, part: Document) -> Json:
        title = part.title or "document"
        if part.text:
            return {"type": "text", "text": f"{title}:\n{part.text}" if part.title else part.text}
        if part.data and self._quirks.files and self._quirks.content_parts != "never":
            filename = title if "." in title else f"{title}.{part.media_type.rpartition('/')[2] or 'pdf'}"
            data = f"data:{part.media_type};base64,{part.data}"
            return {"type": "file", "file": {"filename": filename, "file_data": data}}
        where = f" at {part.url}" if part.url else ""
        return {"type": "text", "text": f"[{title}{where} omitted: this model cannot read such a document]"}


def _content(parts: list[Json]) -> object:
    """A plain string wherever it can be one: every server takes that."""
    if all(part["type"] == "text" and "cache_control" not in part for part in parts):
        return SEPARATOR.join(str(part["text"]) for part in parts)
    return parts


def _cached(part: Json) -> Json:
    # The time to live is left out: who takes the mark from others knows `ephemeral` only (OpenRouter, DashScope, 2026-11).
    return {**part, "cache_control": {"type": "ephemeral"}}


def call_arguments(text: str) -> str:
    """Verbatim when it is an object, as it nearly always is."""
    text = text.strip()
    if text.startswith("{"):
        return text
    return "{}" if text in ("", "null", '""') else f'{{"input":{text}}}'
