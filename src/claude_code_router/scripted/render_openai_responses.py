"""A Script as OpenAI's Responses API says it. Written from its documentation, apart from our dialects."""

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

_INCOMPLETE = {"max_tokens": "max_output_tokens", "refusal": "content_filter"}
_STATUS_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_exceeded"}
_CREATED = 1_790_000_000

Item = dict[str, Any]


class OpenAIResponsesRenderer:
    """One reply. `tag` makes its ids unique. `encrypted`: the request wants its reasoning's encrypted content."""

    content_type = "text/event-stream"
    id_header = "x-request-id"

    def __init__(self, script: Script, *, model: str, tag: str, encrypted: bool) -> None:
        self._script = script
        self._tag = tag
        self._model = script.model or model
        self._encrypted = encrypted
        self._output: list[Item] = []
        self._citations: list[Item] = []
        self._number = 0
        self.request_id = f"req_{tag}"

    def opening(self) -> Iterator[bytes]:
        yield self._event("response.created", response=self._response("in_progress"))
        yield self._event("response.in_progress", response=self._response("in_progress"))

    def step(self, step: Start | Say | Think | Call | Search) -> Iterator[bytes | Pause]:
        match step:
            case Say():
                yield from self._say(step)
            case Think():
                yield from self._think(step)
            case Call():
                yield from self._call(step)
            case Search():
                yield from self._search(step)
            case Start():
                return

    def fault(self, fault: Fault) -> bytes:
        error = {"code": fault.type, "message": fault.message}
        return self._event("response.failed", response={**self._response("failed"), "error": error})

    def closing(self) -> Iterator[bytes]:
        response = self._finished()
        yield self._event(f"response.{response['status']}", response=response)

    def whole(self) -> bytes:
        for step in self._script.steps:
            if isinstance(step, Say | Think | Call | Search):
                for _ in self.step(step):
                    pass
        return msgspec.json.encode(self._finished())

    def error(self, status: int, fault: Fault | None) -> bytes:
        default = _STATUS_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
        kind = fault.type if fault else default
        message = fault.message if fault else f"scripted status {status}"
        return msgspec.json.encode({"error": {"message": message, "type": kind, "param": None, "code": None}})

    # --- items ---

    def _say(self, step: Say) -> Iterator[bytes | Pause]:
        at, item = self._begin({"type": "message", "role": "assistant", "content": []}, "msg")
        place = {"item_id": item["id"], "output_index": at, "content_index": 0}
        part: Item = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        yield self._added(at, item)
        yield self._event("response.content_part.added", **place, part=part)
        for n, piece in enumerate(pieces(step.text, step.chunks)):
            if n and step.every_s:
                yield Pause(step.every_s)
            yield self._event("response.output_text.delta", **place, delta=piece, logprobs=[], obfuscation="aB3")
        part = {**part, "text": step.text, "annotations": self._citations}
        for n, citation in enumerate(self._citations):
            annotated = {"annotation_index": n, "annotation": citation}
            yield self._event("response.output_text.annotation.added", **place, **annotated)
        self._citations = []
        yield self._event("response.output_text.done", **place, text=step.text, logprobs=[])
        yield self._event("response.content_part.done", **place, part=part)
        yield self._done(at, {**item, "content": [part]})

    def _think(self, step: Think) -> Iterator[bytes | Pause]:
        begun: Item = {"type": "reasoning", "summary": []}
        at, item = self._begin(begun | ({"encrypted_content": "gAAAA-begun"} if self._encrypted else {}), "rs")
        place = {"item_id": item["id"], "output_index": at, "summary_index": 0}
        yield self._added(at, item)
        part = {"type": "summary_text", "text": ""}
        yield self._event("response.reasoning_summary_part.added", **place, part=part)
        for n, piece in enumerate(pieces(step.text, step.chunks)):
            if n and step.every_s:
                yield Pause(step.every_s)
            yield self._event("response.reasoning_summary_text.delta", **place, delta=piece)
        part = {**part, "text": step.text}
        yield self._event("response.reasoning_summary_text.done", **place, text=step.text)
        yield self._event("response.reasoning_summary_part.done", **place, part=part)
        whole = {**item, "summary": [part]}
        if self._encrypted:
            whole["encrypted_content"] = f"gAAAA-{step.signature}-{item['id']}"
        yield self._done(at, whole)

    def _call(self, step: Call) -> Iterator[bytes]:
        call_id = step.id or f"call_{self._tag}_{len(self._output)}"
        begun = {"type": "function_call", "call_id": call_id, "name": step.name, "arguments": ""}
        at, item = self._begin(begun, "fc")
        place = {"item_id": item["id"], "output_index": at}
        yield self._added(at, item)
        arguments = msgspec.json.encode(step.input).decode()
        for piece in pieces(arguments, step.fragments):
            yield self._event("response.function_call_arguments.delta", **place, delta=piece)
        yield self._event("response.function_call_arguments.done", **place, arguments=arguments, name=step.name)
        yield self._done(at, {**item, "arguments": arguments})

    def _search(self, step: Search) -> Iterator[bytes]:
        at, item = self._begin({"type": "web_search_call", "action": {"type": "search", "query": ""}}, "ws")
        yield self._added(at, item)
        yield self._event("response.web_search_call.searching", item_id=item["id"], output_index=at)
        sources = [{"type": "url", "url": url} for _, url in step.results]
        action = {"type": "search", "query": step.query, "sources": sources}
        self._citations += [
            {"type": "url_citation", "url": url, "title": title, "start_index": 0, "end_index": 0}
            for title, url in step.results
        ]
        yield self._event("response.web_search_call.completed", item_id=item["id"], output_index=at)
        yield self._done(at, {**item, "action": action})

    def _begin(self, item: Item, prefix: str) -> tuple[int, Item]:
        at = len(self._output)
        begun = {"id": f"{prefix}_{self._tag}_{at}", **item, "status": "in_progress"}
        self._output.append(begun)
        return at, begun

    def _added(self, at: int, item: Item) -> bytes:
        return self._event("response.output_item.added", output_index=at, item=item)

    def _done(self, at: int, item: Item) -> bytes:
        self._output[at] = {**item, "status": "completed"}
        return self._event("response.output_item.done", output_index=at, item=self._output[at])

    # --- the response ---

    def _finished(self) -> Item:
        reason = _INCOMPLETE.get(self._script.stop_reason)
        response = self._response("incomplete" if reason else "completed")
        response["incomplete_details"] = {"reason": reason} if reason else None
        response["usage"] = _usage(self._script.usage) if self._script.usage else None
        return response

    def _response(self, status: str) -> Item:
        return {
            "id": f"resp_{self._tag}",
            "object": "response",
            "created_at": _CREATED,
            "status": status,
            "model": self._model,
            "output": list(self._output) if status in ("completed", "incomplete") else [],
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "parallel_tool_calls": True,
            "temperature": None,
            "top_p": None,
            "tool_choice": "auto",
            "tools": [],
            "store": False,
            "usage": None,
        }

    def _event(self, kind: str, **fields: Any) -> bytes:
        number, self._number = self._number, self._number + 1
        data = msgspec.json.encode({"type": kind, "sequence_number": number, **fields})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


def _usage(usage: ScriptUsage) -> Item:
    """OpenAI's arithmetic: `input_tokens` is the whole prompt, cached or not."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.output_tokens,
    }
