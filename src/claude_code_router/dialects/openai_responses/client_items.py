"""The output items of a response in the making: what each says when it begins, goes on and ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from claude_code_router.core.reply import BlockStarted
from claude_code_router.dialects.openai_responses.client_reasoning import sealed, sealed_redacted
from claude_code_router.dialects.openai_responses.client_tools import INPUT, Offered
from claude_code_router.dialects.unreadable import UNREADABLE

Said = Iterator[tuple[str, dict[str, object]]]
"""(event type, its members)."""


class Item(Protocol):
    whole: dict[str, object] | None
    """As it stands in `output`, once it has ended; None: nothing for the client."""

    def begin(self) -> Said: ...

    def add(self, text: str) -> Said: ...

    def end(self) -> Said: ...


class TextItem:
    def __init__(self, id: str, index: int) -> None:
        self.whole: dict[str, object] | None = None
        self._id = f"msg_{id}"
        self._at = {"output_index": index}
        self._in: dict[str, object] = {"item_id": self._id, "output_index": index, "content_index": 0}
        self._text: list[str] = []

    def begin(self) -> Said:
        yield "response.output_item.added", {**self._at, "item": self._item("in_progress", [])}
        yield "response.content_part.added", {**self._in, "part": _output_text("")}

    def add(self, text: str) -> Said:
        self._text.append(text)
        yield "response.output_text.delta", {**self._in, "delta": text, "logprobs": []}

    def end(self) -> Said:
        text = "".join(self._text)
        self.whole = self._item("completed", [_output_text(text)])
        yield "response.output_text.done", {**self._in, "text": text, "logprobs": []}
        yield "response.content_part.done", {**self._in, "part": _output_text(text)}
        yield "response.output_item.done", {**self._at, "item": self.whole}

    def _item(self, status: str, content: list[object]) -> dict[str, object]:
        return {"id": self._id, "type": "message", "status": status, "role": "assistant", "content": content}


def _output_text(text: str) -> dict[str, object]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


class ThinkingItem:
    """Another model's reasoning is shown as a summary: the one form that every client shows."""

    def __init__(self, id: str, index: int) -> None:
        self.whole: dict[str, object] | None = None
        self.signature = ""
        self._id = f"rs_{id}"
        self._at = {"output_index": index}
        self._in: dict[str, object] = {"item_id": self._id, "output_index": index, "summary_index": 0}
        self._text: list[str] = []

    def begin(self) -> Said:
        yield "response.output_item.added", {**self._at, "item": {"id": self._id, "type": "reasoning", "summary": []}}

    def add(self, text: str) -> Said:
        if not self._text:
            part = {"type": "summary_text", "text": ""}
            yield "response.reasoning_summary_part.added", {**self._in, "part": part}
        self._text.append(text)
        yield "response.reasoning_summary_text.delta", {**self._in, "delta": text}

    def end(self) -> Said:
        text = "".join(self._text)
        part = {"type": "summary_text", "text": text}
        if self._text:
            yield "response.reasoning_summary_text.done", {**self._in, "text": text}
            yield "response.reasoning_summary_part.done", {**self._in, "part": part}
        self.whole = {
            "id": self._id,
            "type": "reasoning",
            "summary": [part] if self._text else [],
            "encrypted_content": sealed(text, self.signature),
            "status": "completed",
        }
        yield "response.output_item.done", {**self._at, "item": self.whole}


class CallItem:
    def __init__(self, id: str, index: int, call: BlockStarted, offered: Offered) -> None:
        self.whole: dict[str, object] | None = None
        self._custom = offered.custom
        self._id = f"{'ctc' if offered.custom else 'fc'}_{id}"
        self._at = {"output_index": index}
        self._in: dict[str, object] = {"item_id": self._id, "output_index": index}
        self._call = {"call_id": call.id, "name": offered.name}
        if offered.namespace:
            self._call["namespace"] = offered.namespace
        self._name = offered.name
        self._pieces: list[str] = []

    def begin(self) -> Said:
        yield "response.output_item.added", {**self._at, "item": self._item("in_progress", "")}

    def add(self, text: str) -> Said:
        self._pieces.append(text)
        if not self._custom:
            yield "response.function_call_arguments.delta", {**self._in, "delta": text}

    def end(self) -> Said:
        text = "".join(self._pieces) or "{}"
        if self._custom:
            text = _freeform(text)
            yield "response.custom_tool_call_input.delta", {**self._in, "delta": text}
            yield "response.custom_tool_call_input.done", {**self._in, "input": text}
        else:
            done = {**self._in, "arguments": text, "name": self._name}
            yield "response.function_call_arguments.done", done
        self.whole = self._item("completed", text)
        yield "response.output_item.done", {**self._at, "item": self.whole}

    def _item(self, status: str, text: str) -> dict[str, object]:
        if self._custom:
            return {"id": self._id, "type": "custom_tool_call", "status": status, **self._call, "input": text}
        return {"id": self._id, "type": "function_call", "status": status, **self._call, "arguments": text}


def _freeform(arguments: str) -> str:
    """The text that the model wrote as the one argument; what it wrote otherwise is the text itself."""
    try:
        found = msgspec.json.decode(arguments)
    except UNREADABLE:
        return arguments
    text = found.get(INPUT) if isinstance(found, dict) else None
    return text if isinstance(text, str) else arguments


class Whole:
    """Comes in one piece, or is nothing for this client."""

    def __init__(self, index: int, whole: dict[str, object] | None, between: tuple[str, ...] = ()) -> None:
        self.whole = whole
        self._at = {"output_index": index}
        self._between = between

    def begin(self) -> Said:
        if self.whole is None:
            return
        yield "response.output_item.added", {**self._at, "item": self.whole}
        for kind in self._between:
            yield kind, {**self._at, "item_id": self.whole["id"]}
        yield "response.output_item.done", {**self._at, "item": self.whole}

    def add(self, text: str) -> Said:
        del text
        yield from ()

    def end(self) -> Said:
        yield from ()


_SEARCHING = (
    "response.web_search_call.in_progress",
    "response.web_search_call.searching",
    "response.web_search_call.completed",
)


def opaque_item(id: str, index: int, json: str) -> Whole:
    """Anthropic's own blocks: a search is OpenAI's search, sealed thinking is sealed reasoning, the rest has no form here."""
    try:
        block: Any = msgspec.json.decode(json)
    except UNREADABLE:
        block = {}
    kind = block.get("type") if isinstance(block, dict) else ""
    if kind == "redacted_thinking":
        sealed_data = sealed_redacted(str(block.get("data") or ""))
        return Whole(index, {"id": f"rs_{id}", "type": "reasoning", "summary": [], "encrypted_content": sealed_data})
    if kind == "server_tool_use" and block.get("name") == "web_search":
        given = block.get("input")
        query = str(given.get("query") or "") if isinstance(given, dict) else ""
        action = {"type": "search", "query": query, "queries": [query]}
        return Whole(
            index, {"id": f"ws_{id}", "type": "web_search_call", "status": "completed", "action": action}, _SEARCHING
        )
    return Whole(index, None)
