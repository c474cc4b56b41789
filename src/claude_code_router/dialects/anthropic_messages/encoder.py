"""Reply events, written as an Anthropic stream or as a whole Anthropic reply.

What the client needs was measured with Claude Code 2.1.330 (2026-11): `event:` lines, text and tool input as deltas, never an
`content_block_stop` or `message_stop` for what the upstream did not finish.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from claude_code_router.core.errors import BadReply, Misuse
from claude_code_router.core.reply import (
    BlockEnded,
    BlockStarted,
    ReplyEnded,
    ReplyEvent,
    ReplyFailed,
    ReplyStarted,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    ToolInputDelta,
    UsageKnown,
)
from claude_code_router.core.usage import Usage
from claude_code_router.dialects.anthropic_messages.errors import encode_error_event
from claude_code_router.dialects.anthropic_messages.usage import encode_usage
from claude_code_router.dialects.sse import encode_event
from claude_code_router.dialects.unreadable import UNREADABLE

PING = encode_event(b"ping", b'{"type":"ping"}')

_encode = msgspec.json.Encoder().encode

_RETRY_STREAM = "overloaded_error"
"""The one error type after which Claude Code asks again with a stream (after 0.6 s, at most ten times). After any
other it asks at once for a whole reply, with max_tokens cut to 64,000 and no sign of life until it is complete."""

_PASSING = frozenset({"api_error", "timeout_error", "overloaded_error", "rate_limit_error", ""})
"""Failures that another try may mend. The others keep their type: trying again says the same."""


class ReplyEncoder:
    """SSE bytes of one reply. `input_tokens` is our estimate for message_start; message_delta carries the truth."""

    def __init__(self, message_id: str, model: str, input_tokens: int) -> None:
        self.content_started = False
        """A content block has left: the answer cannot be given by somebody else any more."""
        self._message_id = message_id
        self._model = model
        self._input_tokens = input_tokens
        self._index = -1
        self._in_block = False
        self._started = False
        self._over = False
        self._usage: Usage | None = None

    def feed(self, event: ReplyEvent) -> bytes:
        """Raises Misuse when the events do not follow the grammar of core.reply: that is a decoder's bug."""
        if self._over:
            raise Misuse(f"{type(event).__name__} after the end of the reply")
        return _WRITERS[type(event)](self, event)

    def close(self) -> bytes:
        """What must still be said: an error event when the reply was not ended, nothing when it was."""
        if self._over:
            return b""
        return self._failed(ReplyFailed("api_error", "The provider's answer broke off before its end.", cut=True))

    def _start(self, _event: ReplyStarted) -> bytes:
        if self._started:
            raise Misuse("ReplyStarted twice")
        self._started = True
        message: dict[str, object] = {
            "id": self._message_id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": encode_usage(Usage(input_tokens=self._input_tokens, output_tokens=1)),
        }
        return encode_event(b"message_start", _encode({"type": "message_start", "message": message}))

    def _block_started(self, event: BlockStarted) -> bytes:
        if self._in_block or not self._started:
            raise Misuse("BlockStarted inside a block or before the reply")
        self._in_block = True
        self._index += 1
        self.content_started = True
        return encode_event(
            b"content_block_start",
            b'{"type":"content_block_start","index":%d,"content_block":%b}' % (self._index, _empty_block(event)),
        )

    def _delta(self, kind: bytes, field: bytes, value: str) -> bytes:
        if not self._in_block:
            raise Misuse(f"{kind.decode()} outside a block")
        return (
            b"event: content_block_delta\ndata: "
            b'{"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":%b}}\n\n'
            % (self._index, kind, field, _encode(value))
        )

    def _text(self, event: TextDelta) -> bytes:
        return self._delta(b"text_delta", b"text", event.text)

    def _thinking(self, event: ThinkingDelta) -> bytes:
        return self._delta(b"thinking_delta", b"thinking", event.text)

    def _signature(self, event: SignatureDelta) -> bytes:
        return self._delta(b"signature_delta", b"signature", event.signature)

    def _tool_input(self, event: ToolInputDelta) -> bytes:
        return self._delta(b"input_json_delta", b"partial_json", event.json)

    def _block_ended(self, _event: BlockEnded) -> bytes:
        if not self._in_block:
            raise Misuse("BlockEnded outside a block")
        self._in_block = False
        return encode_event(b"content_block_stop", b'{"type":"content_block_stop","index":%d}' % self._index)

    def _usage_known(self, event: UsageKnown) -> bytes:
        self._usage = event.usage
        return b""

    def _ended(self, event: ReplyEnded) -> bytes:
        if self._in_block or not self._started:
            raise Misuse("ReplyEnded inside a block or before the reply")
        self._over = True
        # Without a count from upstream the estimate stands: zeros would make the client believe in an empty context.
        usage = self._usage or Usage(input_tokens=self._input_tokens)
        delta = {
            "type": "message_delta",
            "delta": {"stop_reason": event.stop_reason, "stop_sequence": event.stop_sequence},
            "usage": encode_usage(usage),
        }
        return encode_event(b"message_delta", _encode(delta)) + encode_event(
            b"message_stop", b'{"type":"message_stop"}'
        )

    def _failed(self, event: ReplyFailed) -> bytes:
        self._over = True
        error_type = _RETRY_STREAM if event.cut or event.error_type in _PASSING else event.error_type
        return encode_error_event(error_type, event.message)


_WRITERS: Mapping[type, Callable[[ReplyEncoder, Any], bytes]] = {
    ReplyStarted: ReplyEncoder._start,
    BlockStarted: ReplyEncoder._block_started,
    TextDelta: ReplyEncoder._text,
    ThinkingDelta: ReplyEncoder._thinking,
    SignatureDelta: ReplyEncoder._signature,
    ToolInputDelta: ReplyEncoder._tool_input,
    BlockEnded: ReplyEncoder._block_ended,
    UsageKnown: ReplyEncoder._usage_known,
    ReplyEnded: ReplyEncoder._ended,
    ReplyFailed: ReplyEncoder._failed,
}


def _empty_block(event: BlockStarted) -> bytes:
    if event.kind == "text":
        return b'{"type":"text","text":""}'
    if event.kind == "thinking":
        return b'{"type":"thinking","thinking":"","signature":""}'
    if event.kind == "tool_call":
        return b'{"type":"tool_use","id":%b,"name":%b,"input":{}}' % (_encode(event.id), _encode(event.name))
    return event.json.encode()


def encode_reply(events: Iterable[ReplyEvent], message_id: str, model: str, input_tokens: int = 0) -> bytes:
    """A whole JSON reply. Raises BadReply when the events end in ReplyFailed, or in nothing at all.

    `input_tokens` is the estimate that stands when the upstream counted nothing.
    """
    blocks: list[_OpenBlock] = []
    usage = Usage(input_tokens=input_tokens)
    end: ReplyEnded | None = None
    for event in events:
        if isinstance(event, BlockStarted):
            blocks.append(_OpenBlock(event))
        elif isinstance(event, TextDelta | ThinkingDelta):
            blocks[-1].pieces.append(event.text)
        elif isinstance(event, ToolInputDelta):
            blocks[-1].pieces.append(event.json)
        elif isinstance(event, SignatureDelta):
            blocks[-1].signature = event.signature
        elif isinstance(event, UsageKnown):
            usage = event.usage
        elif isinstance(event, ReplyFailed):
            raise BadReply(event.message, error_type=event.error_type or None)
        elif isinstance(event, ReplyEnded):
            end = event
    if end is None:
        raise BadReply("The provider's answer broke off before its end.")
    return _encode(
        {
            "id": message_id,
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [block.whole() for block in blocks],
            "stop_reason": end.stop_reason,
            "stop_sequence": end.stop_sequence,
            "usage": encode_usage(usage),
        }
    )


class _OpenBlock:
    def __init__(self, start: BlockStarted) -> None:
        self.start = start
        self.pieces: list[str] = []
        self.signature = ""

    def whole(self) -> object:
        joined = "".join(self.pieces)
        if self.start.kind == "text":
            return {"type": "text", "text": joined}
        if self.start.kind == "thinking":
            return {"type": "thinking", "thinking": joined, "signature": self.signature}
        if self.start.kind == "tool_call":
            return {"type": "tool_use", "id": self.start.id, "name": self.start.name, "input": _arguments(joined)}
        return msgspec.Raw(self.start.json.encode())


def _arguments(text: str) -> object:
    """An object always: `input` has no other form. What cannot be read goes in the form in which Claude Code itself keeps
    broken arguments in its history, so that the model sees what it wrote."""
    try:
        arguments = msgspec.json.decode(text or "{}")
    except UNREADABLE:
        arguments = None
    return arguments if isinstance(arguments, dict) else {"__unparsedToolInput": {"raw": text, "len": len(text)}}
