"""The conversation as Messages turns. User and assistant alternate, the first is the user's; each `tool_use` is answered by a
`tool_result` at the very beginning of the next user message, and no other result may stand there."""

from __future__ import annotations

import re
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
from claude_code_router.dialects.openai_chat.messages import NO_CONTENT, NO_RESULT, Window, windows
from claude_code_router.dialects.openai_chat.names import WireIds, wire_name
from claude_code_router.dialects.openai_chat.notes import note
from claude_code_router.dialects.provenance import MARK
from claude_code_router.dialects.unreadable import UNREADABLE

Json = dict[str, object]

_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")
_GO_ON = "Continue."
"""Where a conversation ends with the assistant's words and the model takes no beginning of its own answer."""


def encode_turns(chat: ChatRequest, *, mid_system: bool, prefill: bool, images: bool) -> list[Json]:
    writer = _Writer(mid_system=mid_system, images=images)
    for window in windows(chat.turns):
        writer.window(window)
    return writer.finished(prefill=prefill)


def in_tool_loop_without_thinking(chat: ChatRequest) -> bool:
    """The last answer called tools and its thinking is not there to be given back: models that think by budget refuse that."""
    last = windows(chat.turns)[-1]
    calls = any(isinstance(part, ToolCall) for part in last.assistant)
    return calls and not any(isinstance(part, Thinking) and _own(part) for part in last.assistant)


def _own(part: Thinking) -> bool:
    """Claude's: signed, and not by us."""
    return bool(part.redacted) or (bool(part.signature) and not part.signature.startswith(MARK))


class _Writer:
    def __init__(self, *, mid_system: bool, images: bool) -> None:
        self._messages: list[tuple[str, list[Json]]] = []
        self._ids = WireIds("any")
        self._mid_system = mid_system
        self._images = images

    def window(self, window: Window) -> None:
        calls = [part for part in window.assistant if isinstance(part, ToolCall)]
        ids = [_NOT_IN_IDS.sub("_", self._ids.of(call.id)) for call in calls]
        self._add("assistant", self._assistant(window.assistant, dict(zip(map(id, calls), ids, strict=True))))
        results = [part for turn in window.following for part in turn.parts if isinstance(part, ToolResult)]
        answered = self._results(calls, ids, results)
        for turn in window.following:
            self._turn(turn, answered)

    def finished(self, *, prefill: bool) -> list[Json]:
        if not self._messages or self._messages[0][0] == "assistant":
            self._messages.insert(0, ("user", [_text(NO_CONTENT)]))
        role, content = self._messages[-1]
        if role == "assistant":
            if not prefill or content[-1]["type"] != "text":
                self._add("user", [_text(_GO_ON)])
            else:
                content[-1]["text"] = str(content[-1]["text"]).rstrip()
        return [{"role": role, "content": content} for role, content in self._messages]

    def _add(self, role: str, content: Iterable[Json]) -> None:
        content = list(content)
        if not content:
            return
        if self._messages and self._messages[-1][0] == role:
            self._messages[-1][1].extend(content)
        else:
            self._messages.append((role, content))

    def _assistant(self, parts: Sequence[Part], ids: dict[int, str]) -> list[Json]:
        blocks: list[Json] = []
        for part in parts:
            if isinstance(part, Thinking):
                blocks += _thinking(part)
            elif isinstance(part, ToolCall):
                name = wire_name(part.name, 128)
                blocks.append({"type": "tool_use", "id": ids[id(part)], "name": name, "input": _input(part.input)})
            elif (text := _said(part)).strip():
                blocks.append(_text(text))
        if blocks and all(block["type"] in ("thinking", "redacted_thinking") for block in blocks):
            blocks.append(_text(NO_CONTENT))
        return blocks or ([_text(NO_CONTENT)] if parts else [])

    def _results(self, calls: Sequence[ToolCall], ids: Sequence[str], results: Sequence[ToolResult]) -> set[int]:
        answered: set[int] = set()
        blocks: list[Json] = []
        for call, wire_id in zip(calls, ids, strict=True):
            result = next((r for r in results if r.call_id == call.id and id(r) not in answered), None)
            block: Json = {"type": "tool_result", "tool_use_id": wire_id, "content": NO_RESULT}
            if result is not None:
                answered.add(id(result))
                block["content"] = self._parts(result.parts) or NO_CONTENT
                if result.is_error:
                    block["is_error"] = True
            blocks.append(block)
        self._add("user", blocks)
        return answered

    def _turn(self, turn: Turn, answered: set[int]) -> None:
        if turn.role != "system":
            self._add("user", self._user(turn.parts, answered))
            return
        text = "\n\n".join(filter(None, map(_said, turn.parts)))
        if not text.strip():
            return
        if self._mid_system and self._messages and self._messages[-1][0] == "user":
            self._add("system", [_text(text)])
        else:
            self._add("user", [_text(f"<system-reminder>\n{text}\n</system-reminder>")])

    def _user(self, parts: Sequence[Part], answered: set[int]) -> list[Json]:
        blocks: list[Json] = []
        for part in parts:
            if not isinstance(part, ToolResult):
                blocks += self._parts((part,))
            elif id(part) not in answered:
                blocks += [_text(f"[result of tool call {part.call_id}]"), *self._parts(part.parts)]
        return blocks

    def _parts(self, parts: Iterable[Part]) -> list[Json]:
        return [block for part in parts if (block := self._part(part)) is not None]

    def _part(self, part: Part) -> Json | None:
        if isinstance(part, Image):
            if not self._images:
                return _text("[image omitted: this model cannot see images]")
            return image_block(part)
        if isinstance(part, Document):
            return _document(part)
        text = _said(part)
        return _text(text) if text.strip() else None


def image_block(image: Image) -> Json:
    source = {"type": "url", "url": image.url}
    if not image.url:
        source = {"type": "base64", "media_type": image.media_type, "data": image.data}
    return {"type": "image", "source": source}


def _document(part: Document) -> Json:
    if part.data:
        source = {"type": "base64", "media_type": part.media_type or "application/pdf", "data": part.data}
    elif part.url:
        source = {"type": "url", "url": part.url}
    else:
        source = {"type": "text", "media_type": "text/plain", "data": part.text or NO_CONTENT}
    block: Json = {"type": "document", "source": source}
    return {**block, "title": part.title} if part.title else block


def _thinking(part: Thinking) -> list[Json]:
    """Byte for byte when it is Claude's own; whole out when it is not."""
    if not _own(part):
        return []
    if part.redacted:
        return [{"type": "redacted_thinking", "data": part.redacted}]
    return [{"type": "thinking", "thinking": part.text, "signature": part.signature}]


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


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


def _input(text: str) -> object:
    """An object in any case: the API takes nothing else."""
    try:
        value = msgspec.json.decode(text or "{}")
    except UNREADABLE:
        return {"_raw": text}
    return msgspec.Raw(text.encode()) if isinstance(value, dict) and text else {"_raw": value} if text else {}
