"""What the scripted upstream was asked, in one view for both dialects, so that a scenario asserts the same things twice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from claude_code_router.scripted.upstream import Seen

Json = Any
REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)


@dataclass(frozen=True)
class Result:
    """One tool result as the model gets it."""

    call_id: str
    text: str
    images: int


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    input: dict[str, Any]


class Sight:
    """One request, as the model behind it would read it."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.body: dict[str, Any] = seen.json
        self.model = str(self.body.get("model"))
        self.anthropic = seen.dialect == "anthropic"
        self.messages: list[dict[str, Any]] = self.body["messages"]

    @property
    def system(self) -> str:
        """Everything said with the authority of the system, wherever it stands in the conversation."""
        found = [_text(self.body.get("system"))] if self.anthropic else []
        found += [_text(m["content"]) for m in self.messages if m["role"] in ("system", "developer")]
        return "\n".join(found)

    @property
    def user_text(self) -> str:
        """All user text, without the reminders that the client adds."""
        return REMINDER.sub("", "\n".join(self._user_texts()))

    @property
    def all_text(self) -> str:
        """System and user text together: where a translation may put the client's own instructions."""
        return "\n".join([self.system, *self._user_texts()])

    @property
    def tools(self) -> dict[str, dict[str, Any]]:
        """Offered tools by name; server tools have no schema."""
        offered = self.body.get("tools") or []
        if self.anthropic:
            return {tool["name"]: tool.get("input_schema", {}) for tool in offered}
        return {tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in offered}

    @property
    def results(self) -> list[Result]:
        if self.anthropic:
            return [_anthropic_result(b) for m in self.messages for b in _blocks(m) if b.get("type") == "tool_result"]
        found = []
        for at, message in enumerate(self.messages):
            if message["role"] == "tool":
                found.append(Result(message["tool_call_id"], _text(message["content"]), self._images_behind(at)))
        return found

    def result(self, call_id: str) -> Result:
        found = [result for result in self.results if result.call_id == call_id]
        assert found, f"no result of {call_id} among {[r.call_id for r in self.results]}"
        return found[-1]

    @property
    def calls(self) -> list[Call]:
        """Tool calls of earlier turns."""
        return list(self._calls())

    @property
    def said(self) -> list[str]:
        """The assistant's earlier texts."""
        return [_text(m.get("content")) for m in self.messages if m["role"] == "assistant"]

    @property
    def stop(self) -> list[str]:
        """Stop sequences."""
        return list(self.body.get("stop_sequences" if self.anthropic else "stop") or ())

    @property
    def images(self) -> int:
        """Pictures anywhere in the conversation, in the dialect's own form."""
        wanted = "image" if self.anthropic else "image_url"
        return sum(1 for message in self.messages for block in _deep_blocks(message) if block.get("type") == wanted)

    def _user_texts(self) -> Iterator[str]:
        for message in self.messages:
            if message["role"] != "user":
                continue
            if isinstance(message["content"], str):
                yield message["content"]
            else:
                yield from (b["text"] for b in message["content"] if b.get("type") == "text")

    def _images_behind(self, at: int) -> int:
        """Chat providers take pictures from users only: those of a tool's result follow in the next user message."""
        for message in self.messages[at + 1 :]:
            if message["role"] == "user":
                return sum(1 for block in _blocks(message) if block.get("type") == "image_url")
            if message["role"] != "tool":
                return 0
        return 0

    def _calls(self) -> Iterator[Call]:
        for message in self.messages:
            if message["role"] != "assistant":
                continue
            if self.anthropic:
                for block in _blocks(message):
                    if block.get("type") == "tool_use":
                        yield Call(block["id"], block["name"], block["input"])
            for call in message.get("tool_calls") or ():
                yield Call(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _deep_blocks(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for block in _blocks(message):
        yield block
        inner = block.get("content")
        if isinstance(inner, list):
            yield from inner


def _text(content: Json) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", "") for block in content if block.get("type") == "text")


def _anthropic_result(block: dict[str, Any]) -> Result:
    content = block.get("content")
    inner = content if isinstance(content, list) else []
    references = [part["tool_name"] for part in inner if part.get("type") == "tool_reference"]
    text = "\n".join([_text(content), *references])
    return Result(block["tool_use_id"], text, sum(1 for part in inner if part.get("type") == "image"))
