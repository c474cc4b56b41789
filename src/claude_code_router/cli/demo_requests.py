"""Requests as Claude Code sends them, one of each kind that the classic Router tells apart. The words are our own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

SUBAGENT_TARGET = "scripted-chat,scripted-light"
_ASKED = "claude-sonnet-5-5"
_SESSION = "5f0c2a1e-7d34-4c8a-9b61-2e8d1f0a3c47"
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_READ = {
    "name": "Read",
    "description": "Reads a file.",
    "input_schema": {"type": "object", "properties": {"file_path": {"type": "string"}}, "required": ["file_path"]},
}
_SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


class DemoRequest(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    """What a person would call it."""
    prompt: str
    """The last user message's text."""
    cue: str = ""
    """An order to the simulated model that goes with the prompt (`scripted.cues`)."""
    headers: Mapping[str, str] = {}
    body: Mapping[str, Any] = {}
    """Fields that replace the usual ones."""
    before: tuple[Mapping[str, Any], ...] = ()
    """Earlier messages."""
    parts: tuple[Mapping[str, Any], ...] = ()
    """Blocks before the prompt in the last message."""

    def encoded(self, *, model: str = "", cued: bool = True) -> bytes:
        """The body; `model` in place of what the request asks for."""
        text = f"{self.prompt} {self.cue}".rstrip() if cued else self.prompt
        body = {
            "model": _ASKED,
            "messages": [*self.before, {"role": "user", "content": [*self.parts, _text(text)]}],
            "system": [_text("You are a coding agent in a terminal.")],
            "tools": [_READ],
            "metadata": {"user_id": json.dumps({"device_id": "0" * 64, "account_uuid": "", "session_id": _SESSION})},
            "max_tokens": 32_000,
            "thinking": {"type": "adaptive"},
            "output_config": {"effort": "medium"},
            "stream": True,
            **self.body,
        }
        if model:
            body["model"] = model
        return msgspec.json.encode(body)


_NAMING = DemoRequest(
    title="name the session",
    prompt="Mend the failing test in loop.py",
    headers={"x-claude-code-request-class": "auxiliary", "x-claude-1p-request-class": "summary-extraction"},
    body={
        "tools": [],
        "thinking": {"type": "disabled"},
        "output_config": {
            "format": {
                "type": "json_schema",
                "schema": {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]},
            }
        },
    },
)


def typical_requests() -> tuple[DemoRequest, ...]:
    """In the order of a short session."""
    return (
        _NAMING,
        DemoRequest(title="a plain turn", prompt="Mend the failing test in loop.py. Use the Read tool first."),
        DemoRequest(title="ultrathink", prompt="ultrathink: why does the loop end one step too early?"),
        DemoRequest(
            title="effort raised", prompt="Now prove that it ends.", body={"output_config": {"effort": "high"}}
        ),
        DemoRequest(
            title="a picture",
            prompt="What is wrong in this screenshot?",
            parts=({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": _PIXEL}},),
        ),
        DemoRequest(
            title="web search",
            prompt="Perform a web search for the query: asyncio TaskGroup cancellation",
            body={"tools": [_SEARCH], "thinking": {"type": "disabled"}},
        ),
        DemoRequest(
            title="a subagent",
            prompt=f"<CCR-SUBAGENT-MODEL>{SUBAGENT_TARGET}</CCR-SUBAGENT-MODEL> Find every caller of loop().",
            headers={"x-claude-code-agent-id": "a0123456789abcdef", "x-claude-code-request-class": "subagent"},
        ),
        DemoRequest(title="a model by name", prompt="Explain this.", body={"model": "scripted,scripted-light"}),
        DemoRequest(title="a long session", prompt="Go on with the next module.", before=_long_history(280_000)),
        DemoRequest(
            title="compaction",
            prompt="CRITICAL: Respond with TEXT ONLY. Summarise the session so far.",
            headers={"x-claude-code-request-class": "compaction"},
            before=_long_history(20_000),
        ),
        DemoRequest(
            title="heavy is overloaded",
            prompt="ultrathink: and is the proof complete?",
            cue="[[status=529 model=scripted-heavy]]",
        ),
    )


def _long_history(size: int) -> tuple[Mapping[str, Any], ...]:
    """About `size` bytes of a file that was read earlier."""
    lines = [f"{number:6d}\tdef step_{number}(value): return value + {number}" for number in range(1, size // 45)]
    return (
        {"role": "user", "content": [_text("Read the modules.\n" + "\n".join(lines))]},
        {"role": "assistant", "content": [_text("I have read them.")]},
    )


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
