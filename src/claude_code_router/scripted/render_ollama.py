"""A Script as Ollama's own `/api/chat` says it: a line of JSON for each piece. Written from its documentation, apart from our
dialects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from claude_code_router.scripted.script import Call, Fault, Pause, Say, Script, Search, Start, Think, pieces

_CREATED = "2026-11-01T00:00:00Z"


class OllamaRenderer:
    """One reply. `tag` makes its ids unique."""

    content_type = "application/x-ndjson"
    id_header = "x-request-id"

    def __init__(self, script: Script, *, model: str, tag: str) -> None:
        self._script = script
        self._tag = tag
        self._calls = 0
        self._model = script.model or model
        self.request_id = f"req_{tag}"

    def opening(self) -> Iterator[bytes]:
        yield from ()

    def step(self, step: Start | Say | Think | Call | Search) -> Iterator[bytes | Pause]:
        match step:
            case Say() | Think():
                for at, piece in enumerate(pieces(step.text, step.chunks)):
                    if at and step.every_s:
                        yield Pause(step.every_s)
                    yield self._line(
                        {"content": piece} if isinstance(step, Say) else {"content": "", "thinking": piece}
                    )
            case Call():
                yield self._line({"content": "", "tool_calls": [self._call(step)]})
            case _:
                return

    def fault(self, fault: Fault) -> bytes:
        return msgspec.json.encode({"error": fault.message}) + b"\n"

    def closing(self) -> Iterator[bytes]:
        yield self._line({"content": ""}, **self._last())

    def whole(self) -> bytes:
        message: dict[str, Any] = {"content": ""}
        for step in self._script.steps:
            if isinstance(step, Say):
                message["content"] += step.text
            elif isinstance(step, Think):
                message["thinking"] = message.get("thinking", "") + step.text
            elif isinstance(step, Call):
                message.setdefault("tool_calls", []).append(self._call(step))
        return self._line(message, **self._last())

    def error(self, status: int, fault: Fault | None) -> bytes:
        return msgspec.json.encode({"error": fault.message if fault else f"scripted status {status}"})

    def _call(self, call: Call) -> dict[str, Any]:
        id = call.id or f"call_{self._tag}_{self._calls}"
        self._calls += 1
        return {"id": id, "function": {"index": 0, "name": call.name, "arguments": call.input}}

    def _last(self) -> dict[str, Any]:
        last: dict[str, Any] = {"done": True, "done_reason": "length" if self._script.stop == "max_tokens" else "stop"}
        if self._script.usage:
            # It counts the whole prompt, cached or not.
            last |= {
                "prompt_eval_count": self._script.usage.prompt_tokens,
                "eval_count": self._script.usage.output_tokens,
            }
        return last

    def _line(self, message: dict[str, Any], **last: Any) -> bytes:
        line = {
            "model": self._model,
            "created_at": _CREATED,
            "message": {"role": "assistant", **message},
            "done": False,
        }
        return msgspec.json.encode({**line, **last}) + b"\n"
