"""Reply events, written as a chat/completions stream or as a whole reply.

Thinking goes out as `reasoning_content`, which most clients show, and as `thinking_blocks` with its signature (LiteLLM's
name), so that a client that sends its messages back unchanged gives the model what it wants back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from claude_code_router.core.asked import Asked
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
from claude_code_router.dialects.openai_chat.envelope import encode_error_event
from claude_code_router.dialects.unreadable import UNREADABLE

PING = b": ping\n\n"
_DONE = b"data: [DONE]\n\n"
_ID = "chatcmpl-"

_FINISH: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}

_encode = msgspec.json.Encoder().encode


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Options(msgspec.Struct):
    stream_options: _StreamOptions | None = None


_options_decoder = msgspec.json.Decoder(_Options)


class ReplyEncoder:
    """SSE bytes of one reply."""

    def __init__(self, asked: Asked) -> None:
        self._with_usage = _wants_usage(asked.body)
        self._estimate = Usage(input_tokens=asked.tokens)
        usage = b',"usage":null' if self._with_usage else b""
        head = _encode({"id": asked.named(_ID), "object": "chat.completion.chunk", "created": asked.created_s})
        self._head = head[:-1] + b',"model":%b,"system_fingerprint":null%b,"choices":' % (_encode(asked.model), usage)
        self._usage: Usage | None = None
        self._block: BlockStarted | None = None
        self._thought: list[str] = []
        self._signature = ""
        self._thinkings = -1
        self._calls = -1
        self._input_seen = False
        self._started = False
        self._over = False

    def feed(self, event: ReplyEvent) -> bytes:
        """Raises Misuse when the events do not follow the grammar of core.reply: that is a decoder's bug."""
        if self._over:
            raise Misuse(f"{type(event).__name__} after the end of the reply")
        return _WRITERS[type(event)](self, event)

    def _chunk(self, delta: bytes, finish: bytes = b"null") -> bytes:
        return b'data: %b[{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}]}\n\n' % (self._head, delta, finish)

    def _start(self, _event: ReplyStarted) -> bytes:
        self._started = True
        return self._chunk(b'{"role":"assistant","content":"","refusal":null}')

    def _block_started(self, event: BlockStarted) -> bytes:
        if self._block is not None or not self._started:
            raise Misuse("BlockStarted inside a block or before the reply")
        self._block = event
        if event.kind != "tool_call":
            return b""
        self._calls += 1
        self._input_seen = False
        function = {"name": event.name, "arguments": ""}
        call = {"index": self._calls, "id": event.id, "type": "function", "function": function}
        return self._chunk(_encode({"tool_calls": [call]}))

    def _text(self, event: TextDelta) -> bytes:
        return self._chunk(b'{"content":%b}' % _encode(event.text))

    def _thinking(self, event: ThinkingDelta) -> bytes:
        self._thought.append(event.text)
        return self._chunk(b'{"reasoning_content":%b}' % _encode(event.text))

    def _signed(self, event: SignatureDelta) -> bytes:
        self._signature = event.signature
        return b""

    def _tool_input(self, event: ToolInputDelta) -> bytes:
        self._input_seen = True
        return self._arguments(_encode(event.json))

    def _arguments(self, text: bytes) -> bytes:
        return self._chunk(b'{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]}' % (self._calls, text))

    def _block_ended(self, _event: BlockEnded) -> bytes:
        block, self._block = self._block, None
        if block is None:
            raise Misuse("BlockEnded outside a block")
        if block.kind == "tool_call" and not self._input_seen:
            return self._arguments(b'"{}"')
        thinking = _thinking_block(block, "".join(self._thought), self._signature)
        self._thought.clear()
        self._signature = ""
        if thinking is None:
            return b""
        self._thinkings += 1
        # Without an index OpenAI's SDK refuses to put a second one behind the first (3.54.0).
        return self._chunk(_encode({"thinking_blocks": [{"index": self._thinkings, **thinking}]}))

    def _usage_known(self, event: UsageKnown) -> bytes:
        self._usage = event.usage
        return b""

    def _ended(self, event: ReplyEnded) -> bytes:
        self._over = True
        out = self._chunk(b"{}", _encode(_FINISH[event.stop_reason]))
        if self._with_usage:
            head = self._head.replace(b',"usage":null', b"", 1)
            out += b'data: %b[],"usage":%b}\n\n' % (head, _encode(encode_usage(self._usage or self._estimate)))
        return out + _DONE

    def _failed(self, event: ReplyFailed) -> bytes:
        self._over = True
        return encode_error_event(event.error_type, event.message)


_WRITERS: Mapping[type, Callable[[ReplyEncoder, Any], bytes]] = {
    ReplyStarted: ReplyEncoder._start,
    BlockStarted: ReplyEncoder._block_started,
    TextDelta: ReplyEncoder._text,
    ThinkingDelta: ReplyEncoder._thinking,
    SignatureDelta: ReplyEncoder._signed,
    ToolInputDelta: ReplyEncoder._tool_input,
    BlockEnded: ReplyEncoder._block_ended,
    UsageKnown: ReplyEncoder._usage_known,
    ReplyEnded: ReplyEncoder._ended,
    ReplyFailed: ReplyEncoder._failed,
}


def encode_reply(events: Iterable[ReplyEvent], asked: Asked) -> bytes:
    """A whole JSON reply. Raises BadReply when the events end in ReplyFailed, or in nothing at all."""
    whole = _Whole()
    for event in events:
        whole.add(event)
    if whole.end is None:
        raise BadReply("The provider's answer broke off before its end.")
    message: dict[str, object] = {"role": "assistant", "content": "".join(whole.text) or None, "refusal": None}
    if whole.end.stop_reason == "refusal":
        message["refusal"] = message["content"] or "The model declined to answer."
    if whole.reasoning:
        message["reasoning_content"] = "".join(whole.reasoning)
    if whole.thinking:
        message["thinking_blocks"] = whole.thinking
    if whole.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments or "{}"}}
            for call, arguments in whole.calls
        ]
    finish = _FINISH[whole.end.stop_reason]
    return _encode(
        {
            "id": asked.named(_ID),
            "object": "chat.completion",
            "created": asked.created_s,
            "model": asked.model,
            "system_fingerprint": None,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
            "usage": encode_usage(whole.usage or Usage(input_tokens=asked.tokens)),
        }
    )


class _Whole:
    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.thinking: list[object] = []
        self.calls: list[tuple[BlockStarted, str]] = []
        self.usage: Usage | None = None
        self.end: ReplyEnded | None = None
        self._block: BlockStarted | None = None
        self._thought = ""
        self._signature = ""

    def add(self, event: ReplyEvent) -> None:
        match event:
            case BlockStarted():
                self._block = event
                if event.kind == "tool_call":
                    self.calls.append((event, ""))
            case TextDelta(text):
                self.text.append(text)
            case ThinkingDelta(text):
                self.reasoning.append(text)
                self._thought += text
            case SignatureDelta(signature):
                self._signature = signature
            case ToolInputDelta(json):
                call, before = self.calls[-1]
                self.calls[-1] = call, before + json
            case BlockEnded():
                block = _thinking_block(self._block, self._thought, self._signature)
                self._block, self._thought, self._signature = None, "", ""
                if block:
                    self.thinking.append(block)
            case UsageKnown(usage):
                self.usage = usage
            case ReplyEnded():
                self.end = event
            case ReplyFailed(error_type, message):
                raise BadReply(message, error_type=error_type or None)
            case _:
                pass


def _thinking_block(block: BlockStarted | None, text: str, signature: str) -> dict[str, object] | None:
    """What has to come back; None for a block that nobody wants back."""
    if block is None:
        return None
    if block.kind == "thinking" and signature:
        return {"type": "thinking", "thinking": text, "signature": signature}
    if block.kind == "opaque" and '"redacted_thinking"' in block.json:
        found = msgspec.json.decode(block.json)
        return found if isinstance(found, dict) and found.get("type") == "redacted_thinking" else None
    return None


def encode_usage(usage: Usage) -> dict[str, object]:
    """`prompt_tokens` is the whole prompt, cached or not."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.prompt_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _wants_usage(body: bytes) -> bool:
    try:
        options = _options_decoder.decode(body).stream_options
    except UNREADABLE:
        return False
    return options is not None and options.include_usage is True
