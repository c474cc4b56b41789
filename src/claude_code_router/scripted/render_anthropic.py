"""A Script as Anthropic's Messages API says it. Written from its documentation, apart from our dialects, so that a
mistake in one is not hidden by the same mistake in the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from claude_code_router.scripted.script import (
    Call,
    Fault,
    Pause,
    Raw,
    Say,
    Script,
    ScriptUsage,
    Search,
    Start,
    Think,
    pieces,
)

_STATUS_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def event(name: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode({"type": name, **fields}))


class AnthropicRenderer:
    """One reply. `tag` makes its ids unique."""

    content_type = "text/event-stream; charset=utf-8"
    id_header = "request-id"

    def __init__(self, script: Script, *, model: str, tag: str) -> None:
        self._script = script
        self._tag = tag
        self._blocks = 0
        self._model = script.model or model
        self.request_id = f"req_{tag}"

    def opening(self) -> Iterator[bytes]:
        yield event("message_start", message=self._message([], None, _usage(self._script.usage, output_tokens=1)))
        yield event("ping")

    def step(self, step: Start | Say | Think | Call | Search) -> Iterator[bytes | Pause]:
        match step:
            case Say():
                yield from self._block({"type": "text", "text": ""}, "text_delta", "text", step.text, step)
            case Think():
                empty = {"type": "thinking", "thinking": "", "signature": ""}
                yield from self._block(empty, "thinking_delta", "thinking", step.text, step)
            case Call():
                yield from self._call(step)
            case Search():
                yield from self._search(step)
            case Start():
                return

    def fault(self, fault: Fault) -> bytes:
        return event("error", error={"type": fault.type, "message": fault.message}, request_id=self.request_id)

    def closing(self) -> Iterator[bytes]:
        delta = {"stop_reason": self._script.stop_reason, "stop_sequence": self._script.stop_sequence}
        yield event("message_delta", delta=delta, usage=_usage(self._script.usage))
        yield event("message_stop")

    def whole(self) -> bytes:
        content: list[dict[str, Any]] = []
        for step in self._script.steps:
            content.extend(self._whole_step(step))
        return msgspec.json.encode(self._message(content, self._script.stop_reason, _usage(self._script.usage)))

    def error(self, status: int, fault: Fault | None) -> bytes:
        kind = (
            fault.type
            if fault
            else _STATUS_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        )
        message = fault.message if fault else f"scripted status {status}"
        body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": self.request_id}
        return msgspec.json.encode(body)

    def _message(self, content: list[Any], stop_reason: str | None, usage: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": f"msg_{self._tag}",
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": self._script.stop_sequence if stop_reason else None,
            "usage": usage,
        }

    def _block(
        self, empty: dict[str, Any], delta: str, field: str, text: str, step: Say | Think
    ) -> Iterator[bytes | Pause]:
        index = self._next_index()
        yield event("content_block_start", index=index, content_block=empty)
        for at, piece in enumerate(pieces(text, step.chunks)):
            if at and step.every_s:
                yield Pause(step.every_s)
            yield event("content_block_delta", index=index, delta={"type": delta, field: piece})
        if isinstance(step, Think) and step.signature:
            signature = {"type": "signature_delta", "signature": step.signature}
            yield event("content_block_delta", index=index, delta=signature)
        yield event("content_block_stop", index=index)

    def _call(self, call: Call) -> Iterator[bytes]:
        index = self._next_index()
        block = {"type": "tool_use", "id": self._call_id(call, index), "name": call.name, "input": {}}
        yield event("content_block_start", index=index, content_block=block)
        # Anthropic's own streams open the arguments with an empty fragment.
        for piece in ("", *pieces(msgspec.json.encode(call.input).decode(), call.fragments)):
            yield event("content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": piece})
        yield event("content_block_stop", index=index)

    def _search(self, search: Search) -> Iterator[bytes]:
        for number, block in enumerate(self._search_blocks(search)):
            index = self._next_index()
            opened = {**block, "input": {}} if number == 0 else block
            yield event("content_block_start", index=index, content_block=opened)
            if number == 0:
                query = msgspec.json.encode(block["input"]).decode()
                yield event(
                    "content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": query}
                )
            yield event("content_block_stop", index=index)

    def _search_blocks(self, search: Search) -> list[dict[str, Any]]:
        id = f"srvtoolu_{self._tag}_{self._blocks}"
        found = [
            {
                "type": "web_search_result",
                "title": title,
                "url": url,
                "encrypted_content": "c2NyaXB0ZWQ=",
                "page_age": None,
            }
            for title, url in search.results
        ]
        return [
            {"type": "server_tool_use", "id": id, "name": "web_search", "input": {"query": search.query}},
            {"type": "web_search_tool_result", "tool_use_id": id, "content": found},
        ]

    def _whole_step(self, step: object) -> list[dict[str, Any]]:
        match step:
            case Say():
                return [{"type": "text", "text": step.text}]
            case Think():
                return [{"type": "thinking", "thinking": step.text, "signature": step.signature}]
            case Call():
                id = self._call_id(step, self._next_index())
                return [{"type": "tool_use", "id": id, "name": step.name, "input": step.input}]
            case Search():
                self._next_index()
                return self._search_blocks(step)
            case Raw():
                return [msgspec.json.decode(step.data)]
        return []

    def _call_id(self, call: Call, index: int) -> str:
        return call.id or f"toolu_{self._tag}_{index}"

    def _next_index(self) -> int:
        self._blocks += 1
        return self._blocks - 1


def _usage(usage: ScriptUsage | None, output_tokens: int | None = None) -> dict[str, Any]:
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    counts: dict[str, Any] = {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens if output_tokens is None else output_tokens,
    }
    if usage.web_searches:
        counts["server_tool_use"] = {"web_search_requests": usage.web_searches}
    return counts
