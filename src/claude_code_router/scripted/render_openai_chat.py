"""A Script as OpenAI's chat/completions says it. Written from its documentation, apart from our dialects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from claude_code_router.scripted.script import (
    Call,
    Fault,
    Pause,
    Say,
    Script,
    ScriptUsage,
    Search,
    Start,
    Think,
    pieces,
)

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
_STATUS_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_exceeded"}
_CREATED = 1_790_000_000


class OpenAIChatRenderer:
    """One reply. `tag` makes its ids unique."""

    content_type = "text/event-stream"
    id_header = "x-request-id"

    def __init__(self, script: Script, *, model: str, tag: str, usage_wanted: bool) -> None:
        self._script = script
        self._tag = tag
        self._calls = 0
        self._model = script.model or model
        self.request_id = f"req_{tag}"
        # OpenAI sends usage in a stream only to those who ask for it.
        self._usage_wanted = usage_wanted

    def opening(self) -> Iterator[bytes]:
        yield self._delta({"role": "assistant", "content": "", "refusal": None})

    def step(self, step: Start | Say | Think | Call | Search) -> Iterator[bytes | Pause]:
        match step:
            case Say():
                yield from self._text("content", step)
            case Think():
                yield from self._text(self._script.reasoning_field, step)
            case Call():
                yield from self._call(step)
            case Search():
                yield self._delta({"annotations": _annotations(step)})
            case Start():
                return

    def fault(self, fault: Fault) -> bytes:
        return _data({"error": {"message": fault.message, "type": fault.type, "param": None, "code": None}})

    def closing(self) -> Iterator[bytes]:
        yield self._delta({}, finish=_finish(self._script))
        if self._usage_wanted and self._script.usage:
            yield _data(self._envelope([], "chat.completion.chunk", _usage(self._script.usage)))
        yield b"data: [DONE]\n\n"

    def whole(self) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
        for step in self._script.steps:
            match step:
                case Say():
                    message["content"] = (message["content"] or "") + step.text
                case Think():
                    field = self._script.reasoning_field
                    message[field] = message.get(field, "") + step.text
                case Call():
                    message.setdefault("tool_calls", []).append(
                        self._head(step, msgspec.json.encode(step.input).decode())
                    )
                    self._calls += 1
                case Search():
                    message.setdefault("annotations", []).extend(_annotations(step))
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(self._script)}
        usage = _usage(self._script.usage) if self._script.usage else None
        return msgspec.json.encode(self._envelope([choice], "chat.completion", usage))

    def error(self, status: int, fault: Fault | None) -> bytes:
        kind = (
            fault.type
            if fault
            else _STATUS_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
        )
        message = fault.message if fault else f"scripted status {status}"
        return msgspec.json.encode({"error": {"message": message, "type": kind, "param": None, "code": None}})

    def _text(self, field: str, step: Say | Think) -> Iterator[bytes | Pause]:
        for at, piece in enumerate(pieces(step.text, step.chunks)):
            if at and step.every_s:
                yield Pause(step.every_s)
            yield self._delta({field: piece})

    def _call(self, call: Call) -> Iterator[bytes]:
        index = self._calls
        yield self._delta({"tool_calls": [{"index": index, **self._head(call, "")}]})
        for piece in pieces(msgspec.json.encode(call.input).decode(), call.fragments):
            yield self._delta({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        self._calls += 1

    def _head(self, call: Call, arguments: str) -> dict[str, Any]:
        id = call.id or f"call_{self._tag}_{self._calls}"
        return {"id": id, "type": "function", "function": {"name": call.name, "arguments": arguments}}

    def _delta(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _data(self._envelope([choice], "chat.completion.chunk", None))

    def _envelope(self, choices: list[Any], kind: str, usage: dict[str, Any] | None) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": f"chatcmpl-{self._tag}",
            "object": kind,
            "created": _CREATED,
            "model": self._model,
            "system_fingerprint": "fp_scripted",
            "choices": choices,
        }
        if usage is not None or self._usage_wanted:
            body["usage"] = usage
        return body


def _data(value: object) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(value)


def _finish(script: Script) -> str:
    return _FINISH.get(script.stop_reason, script.stop_reason)


def _annotations(search: Search) -> list[dict[str, Any]]:
    return [
        {"type": "url_citation", "url_citation": {"url": url, "title": title, "start_index": 0, "end_index": 0}}
        for title, url in search.results
    ]


def _usage(usage: ScriptUsage) -> dict[str, Any]:
    """OpenAI's arithmetic: `prompt_tokens` is the whole prompt, cached or not."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.prompt_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens, "audio_tokens": 0},
    }
