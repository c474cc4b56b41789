"""Requests shaped like those of Claude Code 2.1.330 (key order, block shapes and proportions as measured on the wire), of any
size, the same on every run. The prose is our own filler."""

from __future__ import annotations

import json
import random
from typing import Any

_TEXT = (
    "the router reads a request and sends it to the model that fits its task while the client waits for a stream of "
    "events over one connection to a server which keeps a record of tokens cost time and reason in a small database"
)
_SESSION = "8a7f2c1e-5b9d-4f3a-9c2e-1d0b7a6f5e4c"


def request_body(model: str, size: int) -> bytes:
    """A streaming main request of about `size` bytes (at least 2 kB)."""
    chance = random.Random(size)
    if size < 8_000:
        system_size, tools, head = 500, 1, 300
    else:
        system_size, tools, head = 7_000, 12, 9_000
    body: dict[str, Any] = {
        "model": model,
        "messages": [],
        "system": _system(chance, system_size),
        "tools": [_tool(chance, number, 150 if tools == 1 else 2_000) for number in range(tools)],
        "metadata": {"user_id": json.dumps({"device_id": "d" * 64, "account_uuid": "", "session_id": _SESSION})},
        "max_tokens": 32_000,
        "thinking": {"type": "adaptive", "display": "updates"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "stream": True,
    }
    messages = body["messages"]
    messages.append(
        {"role": "user", "content": [_text(_prose(chance, head)), _text("Please look at the failing test.")]}
    )
    room = size - len(_encoded(body)) - 200
    while room > 2_600:
        turn = _tool_turn(chance, len(messages), min(room - 600, 6_000))
        messages.extend(turn)
        room -= len(_encoded(turn))
    last = _text("And now mend it, " + _prose(chance, max(20, room)))
    last["cache_control"] = {"type": "ephemeral"}
    messages[-1]["content"].append(last)
    return _encoded(body)


def _tool_turn(chance: random.Random, number: int, size: int) -> list[dict[str, Any]]:
    """An assistant's call and its result: half of a session's bytes are files that were read."""
    id = f"toolu_{number:06d}"
    call = {"type": "tool_use", "id": id, "name": "Tool0", "input": {"file_path": f"/srv/app/module_{number}.py"}}
    listing = "\n".join(f"{line:6d}\t{_prose(chance, 60)}" for line in range(1, max(2, size // 70)))
    result = {"tool_use_id": id, "type": "tool_result", "content": listing}
    return [
        {"role": "assistant", "content": [_text(_prose(chance, 200)), call]},
        {"role": "user", "content": [result]},
    ]


def _system(chance: random.Random, size: int) -> list[dict[str, Any]]:
    billing = "x-anthropic-billing-header: cc_version=2.1.330.abc; cc_entrypoint=sdk-cli;"
    cache = {"cache_control": {"type": "ephemeral"}}
    return [_text(billing), {**_text("You are a coding agent."), **cache}, {**_text(_prose(chance, size)), **cache}]


def _tool(chance: random.Random, number: int, size: int) -> dict[str, Any]:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "file_path": {"type": "string", "description": _prose(chance, 60)},
            "limit": {"type": "integer", "exclusiveMinimum": 0, "description": _prose(chance, 40)},
            "mode": {"type": "string", "enum": ["content", "files", "count"], "default": "files"},
        },
        "required": ["file_path"],
        "additionalProperties": False,
    }
    return {"name": f"Tool{number}", "description": _prose(chance, size), "input_schema": schema}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _prose(chance: random.Random, size: int) -> str:
    choices = _TEXT.split()
    words: list[str] = []
    length = 0
    while length < size:
        word = chance.choice(choices)
        # Some of what people and files say is not ASCII, and some of it must be escaped in JSON.
        words.append({"cost": "kosten für", "small": '"small"', "reason": "理由"}.get(word, word))
        length += len(words[-1]) + 1
    return " ".join(words)[:size]


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
