"""Watches a generateContent reply that is relayed, without changing it."""

from __future__ import annotations

from claude_code_router.dialects.gemini.chunks import Chunk, Part, read_chunk, read_usage
from claude_code_router.dialects.gemini.errors import read_error
from claude_code_router.dialects.gemini.reply import stop_of
from claude_code_router.dialects.observer import StreamObserver
from claude_code_router.dialects.unreadable import UNREADABLE


class ReplyObserver(StreamObserver):
    __slots__ = ("_called",)

    def __init__(self) -> None:
        super().__init__()
        self._called = False

    def _see(self, _name: bytes, data: bytes, /) -> None:
        if data[:1] != b"{":
            return
        try:
            self.tell(read_chunk(data))
        except UNREADABLE as problem:
            self.error = ("api_error", f"The provider sent a chunk that cannot be read ({problem}).")

    def tell(self, chunk: Chunk) -> None:
        if chunk.error:
            self.error = read_error({"error": chunk.error})
            return
        if isinstance(chunk.model_version, str) and chunk.model_version:
            self.model = chunk.model_version
        self.usage = read_usage(chunk.usage_metadata) or self.usage
        feedback = chunk.prompt_feedback
        if isinstance(feedback, dict) and feedback.get("blockReason"):
            self.stop_reason, self.ended = "refusal", True
        for candidate in chunk.candidates or ():
            if candidate is None:
                continue
            for part in (candidate.content.parts if candidate.content else None) or ():
                self._called = self._called or (part is not None and part.function_call is not None)
                self.content_started = self.content_started or _says(part)
            if isinstance(candidate.finish_reason, str) and candidate.finish_reason:
                self.stop_reason = stop_of(candidate.finish_reason.upper(), called=self._called)
                self.ended = True


def observe_reply(body: bytes) -> ReplyObserver:
    """The same facts of a whole JSON reply. One that cannot be read has an `error`."""
    seen = ReplyObserver()
    try:
        chunk = read_chunk(body)
    except UNREADABLE:
        seen.error = ("api_error", "The provider's answer is not a generateContent reply.")
        return seen
    seen.tell(chunk)
    if seen.error is None and not (chunk.candidates or chunk.prompt_feedback):
        seen.error = ("api_error", "The provider's answer is not a generateContent reply: it has no candidates.")
    return seen


def _says(part: Part | None) -> bool:
    return part is not None and bool(part.text or part.function_call or part.inline_data or part.executable_code)
