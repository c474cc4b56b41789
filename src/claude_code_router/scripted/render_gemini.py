"""A Script as Gemini's generateContent says it. Written from its documentation, apart from our dialects.

A thought has no signature here; the first call of a reply has one, as with Gemini 3.
"""

from __future__ import annotations

import base64
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
    "end_turn": "STOP",
    "stop_sequence": "STOP",
    "tool_use": "STOP",
    "max_tokens": "MAX_TOKENS",
    "model_context_window_exceeded": "MAX_TOKENS",
    "refusal": "SAFETY",
}
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_CODES = {"overloaded_error": 503, "rate_limit_error": 429, "invalid_request_error": 400, "authentication_error": 401}


def signature(tag: str, number: int) -> str:
    """What the scripted Gemini signs its calls with: `tag` is unique in the upstream."""
    return base64.b64encode(f"scripted-{tag}-{number}".encode()).decode()


class GeminiRenderer:
    """One reply. `tag` makes its ids unique."""

    content_type = "text/event-stream"
    id_header = "x-gemini-request-id"

    def __init__(self, script: Script, *, model: str, tag: str) -> None:
        self._script = script
        self._tag = tag
        self._calls = 0
        self._model = script.model or model
        self.request_id = tag

    def opening(self) -> Iterator[bytes]:
        return iter(())

    def step(self, step: Start | Say | Think | Call | Search) -> Iterator[bytes | Pause]:
        match step:
            case Say() | Think():
                for at, piece in enumerate(pieces(step.text, step.chunks)):
                    if at and step.every_s:
                        yield Pause(step.every_s)
                    yield _data(self._envelope([_text(piece, thought=isinstance(step, Think))]))
            case Call():
                yield _data(self._envelope([self._call(step)]))
            case Search():
                yield _data(self._envelope([], grounding=_grounding(step)))
            case Start():
                return

    def fault(self, fault: Fault) -> bytes:
        return _data(_error(_CODES.get(fault.type, 500), fault.message))

    def closing(self) -> Iterator[bytes]:
        yield _data(self._envelope([], finish=_FINISH.get(self._script.stop_reason, self._script.stop_reason)))

    def whole(self) -> bytes:
        parts: list[Any] = []
        grounding: dict[str, Any] | None = None
        for step in self._script.steps:
            match step:
                case Say() | Think():
                    parts.append(_text(step.text, thought=isinstance(step, Think)))
                case Call():
                    parts.append(self._call(step))
                case Search():
                    grounding = _grounding(step)
        finish = _FINISH.get(self._script.stop_reason, self._script.stop_reason)
        # Google writes its whole bodies over many lines.
        return msgspec.json.format(
            msgspec.json.encode(self._envelope(parts, finish=finish, grounding=grounding)), indent=2
        )

    def error(self, status: int, fault: Fault | None) -> bytes:
        return msgspec.json.encode(_error(status, fault.message if fault else f"scripted status {status}"))

    def _call(self, call: Call) -> dict[str, Any]:
        part: dict[str, Any] = {
            "functionCall": {
                "id": call.id or f"fc_{self._tag}_{self._calls}",
                "name": call.name,
                "args": dict(call.input),
            }
        }
        if not self._calls:
            part["thoughtSignature"] = signature(self._tag, 0)
        self._calls += 1
        return part

    def _envelope(
        self, parts: list[Any], *, finish: str | None = None, grounding: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish is not None:
            candidate["finishReason"] = finish
        if grounding is not None:
            candidate["groundingMetadata"] = grounding
        body: dict[str, Any] = {"candidates": [candidate], "modelVersion": self._model, "responseId": self._tag}
        if self._script.usage is not None:
            body["usageMetadata"] = _usage(self._script.usage)
        return body


def _data(value: object) -> bytes:
    return b"data: %b\r\n\r\n" % msgspec.json.encode(value)


def _text(text: str, *, thought: bool) -> dict[str, Any]:
    return {"text": text, "thought": True} if thought else {"text": text}


def _error(code: int, message: str) -> dict[str, Any]:
    status = _STATUS.get(code, "INTERNAL" if code >= 500 else "INVALID_ARGUMENT")
    return {"error": {"code": code, "message": message, "status": status}}


def _grounding(search: Search) -> dict[str, Any]:
    chunks = [{"web": {"uri": url, "title": title}} for title, url in search.results]
    return {"webSearchQueries": [search.query], "groundingChunks": chunks}


def _usage(usage: ScriptUsage) -> dict[str, Any]:
    """Gemini's arithmetic: `promptTokenCount` is the whole prompt, cached or not; thoughts are counted apart."""
    answer = max(0, usage.output_tokens - usage.reasoning_tokens)
    return {
        "promptTokenCount": usage.prompt_tokens,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "candidatesTokenCount": answer,
        "thoughtsTokenCount": usage.reasoning_tokens,
        "totalTokenCount": usage.prompt_tokens + answer + usage.reasoning_tokens,
    }
