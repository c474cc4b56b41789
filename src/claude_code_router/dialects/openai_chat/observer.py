"""Watches a chat/completions reply that is relayed, without changing it."""

from __future__ import annotations

import msgspec

from claude_code_router.dialects.observer import StreamObserver
from claude_code_router.dialects.openai_chat.chunks import Chunk, Delta, chunk_decoder, read_usage
from claude_code_router.dialects.openai_chat.errors import read_error
from claude_code_router.dialects.unreadable import UNREADABLE

_STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


class ReplyObserver(StreamObserver):
    __slots__ = ()

    def _see(self, _name: bytes, data: bytes, /) -> None:
        if data.strip() == b"[DONE]":
            self.ended = True
            return
        # Once the content runs, a chunk that has neither an end, nor usage, nor an error tells nothing new.
        if (
            self.content_started
            and b'"finish_reason":null' in data
            and b'"error"' not in data
            and b"_tokens" not in data
        ):
            return
        try:
            self.tell(chunk_decoder.decode(data))
        except UNREADABLE as problem:
            self.error = ("api_error", f"The provider sent a chunk that cannot be read ({problem}).")

    def tell(self, chunk: Chunk) -> None:
        if chunk.is_error:
            self.error = read_error(msgspec.to_builtins(chunk))
            return
        if isinstance(chunk.model, str) and chunk.model:
            self.model = chunk.model
        self.usage = read_usage(chunk.usage) or self.usage
        for choice in chunk.choices or ():
            if choice is None:
                continue
            self.content_started = self.content_started or _says(choice.delta) or _says(choice.message)
            if isinstance(choice.finish_reason, str) and choice.finish_reason:
                self.stop_reason = _STOPS.get(choice.finish_reason, choice.finish_reason)
                self.ended = True  # several servers leave [DONE] out


def observe_reply(body: bytes) -> ReplyObserver:
    """The same facts of a whole JSON reply. One that cannot be read has an `error`."""
    seen = ReplyObserver()
    try:
        chunk = chunk_decoder.decode(body)
    except UNREADABLE:
        seen.error = ("api_error", "The provider's answer is not a chat/completions reply.")
        return seen
    seen.tell(chunk)
    if seen.error is None and not chunk.choices:
        seen.error = ("api_error", "The provider's answer is not a chat/completions reply: it has no choices.")
    return seen


def _says(delta: Delta | None) -> bool:
    return delta is not None and any(
        (delta.content, delta.reasoning_content, delta.reasoning, delta.tool_calls, delta.function_call, delta.refusal)
    )
