"""A reply of Ollama's own API, a line of JSON for each piece, read into reply events.

Each line says in other words what a chunk of chat/completions says, so it is turned into one, and that dialect's decoder
does the rest: ids, order, reasoning, usage, endings.
"""

from __future__ import annotations

from typing import Any

import msgspec

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.reply import ReplyEvent
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reply import ReplyDecoder as ChatDecoder
from claude_code_router.dialects.sse import MAX_EVENT_BYTES
from claude_code_router.dialects.unreadable import UNREADABLE, mend


class _Message(msgspec.Struct):
    content: Any = None
    thinking: Any = None
    tool_calls: Any = None


class _Line(msgspec.Struct):
    model: Any = None
    message: _Message | None = None
    done: Any = None
    done_reason: Any = None
    prompt_eval_count: Any = None
    eval_count: Any = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Line)
_encode = msgspec.json.Encoder().encode
_UNREADABLE = {"error": {"message": "The provider sent a line that cannot be read."}}
_TOO_LONG = {"error": {"message": f"The provider sent a line of more than {MAX_EVENT_BYTES} bytes."}}


class ReplyDecoder:
    """Raw network bytes in, reply events out; streamed or whole."""

    def __init__(self, quirks: ChatQuirks, chat: ChatRequest | None = None) -> None:
        self._chat = ChatDecoder(quirks, chat)
        self._held: list[bytes] = []  # pieces of the unfinished line
        self._held_bytes = 0
        self._calls = 0

    def feed(self, chunk: bytes) -> tuple[ReplyEvent, ...]:
        if b"\n" not in chunk:
            return self._hold(chunk)
        lines = b"".join((*self._held, chunk)).split(b"\n")
        self._held.clear()
        self._held_bytes = 0
        out = [event for line in lines[:-1] for event in self._read(line)]
        return (*out, *self._hold(lines[-1]))

    def close(self) -> tuple[ReplyEvent, ...]:
        rest = b"".join(self._held)
        self._held.clear()
        # A line that the body broke off inside is no line: what has come before tells how it ended.
        events = self._read(rest) if rest.rstrip().endswith(b"}") or not rest.lstrip().startswith(b"{") else ()
        return (*events, *self._chat.close())

    def _hold(self, piece: bytes) -> tuple[ReplyEvent, ...]:
        if piece:
            self._held.append(piece)
            self._held_bytes += len(piece)
        if self._held_bytes > MAX_EVENT_BYTES:
            self._held.clear()
            self._held_bytes = 0
            return self._say(_TOO_LONG)
        return ()

    def _read(self, raw: bytes) -> tuple[ReplyEvent, ...]:
        raw = raw.strip()
        if not raw:
            return ()
        try:
            line = _decoder.decode(raw)
        except UNREADABLE:
            try:
                line = _decoder.decode(mend(raw))
            except UNREADABLE:
                return self._say(_UNREADABLE)
        if line.error:
            return self._say({"error": line.error if isinstance(line.error, dict) else {"message": str(line.error)}})
        out = self._say(
            {"model": line.model, "choices": [{"index": 0, "delta": self._delta(line.message or _Message())}]}
        )
        return (*out, *self._end(line)) if line.done is True else out

    def _delta(self, message: _Message) -> dict[str, Any]:
        delta: dict[str, Any] = {"content": message.content, "reasoning": message.thinking}
        if isinstance(message.tool_calls, list):
            delta["tool_calls"] = [self._call(call) for call in message.tool_calls if isinstance(call, dict)]
        return delta

    def _call(self, call: dict[str, Any]) -> dict[str, Any]:
        """Each is whole. Its own number is not used: older versions say 0 of every one."""
        index, self._calls = self._calls, self._calls + 1
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        arguments = function.get("arguments")
        return {
            "index": index,
            "id": call.get("id"),
            "function": {"name": function.get("name"), "arguments": {} if arguments is None else arguments},
        }

    def _end(self, line: _Line) -> tuple[ReplyEvent, ...]:
        usage = {"prompt_tokens": line.prompt_eval_count, "completion_tokens": line.eval_count}
        reason = line.done_reason if line.done_reason == "length" else "stop"
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage}
        return (*self._say(last), *self._chat.feed(b"data: [DONE]\n\n"))

    def _say(self, chunk: dict[str, Any]) -> tuple[ReplyEvent, ...]:
        return self._chat.feed(b"data: %b\n\n" % _encode(chunk))


def decode_reply(body: bytes, quirks: ChatQuirks, chat: ChatRequest | None = None) -> tuple[ReplyEvent, ...]:
    """The events of a whole body."""
    decoder = ReplyDecoder(quirks, chat)
    return (*decoder.feed(body), *decoder.close())
