"""Reply events, written as a Responses stream or as a whole response: items with ids, events with sequence numbers, each begun
thing ended before the next (openai 3.54.0's accumulator and Codex both insist on it)."""

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
from claude_code_router.dialects.openai_chat.envelope import error_object, words
from claude_code_router.dialects.openai_responses.client_items import (
    CallItem,
    Item,
    TextItem,
    ThinkingItem,
    opaque_item,
)
from claude_code_router.dialects.openai_responses.client_tools import Offered, joined, read_tools
from claude_code_router.dialects.sse import encode_event
from claude_code_router.dialects.unreadable import UNREADABLE

PING = b": ping\n\n"

_encode = msgspec.json.Encoder().encode

_ECHOED: Mapping[str, object] = {
    "instructions": None, "metadata": {}, "parallel_tool_calls": True, "temperature": None, "tool_choice": "auto",
    "tools": [], "top_p": None, "max_output_tokens": None, "reasoning": None, "text": {"format": {"type": "text"}},
    "truncation": "disabled", "user": None, "service_tier": None, "prompt_cache_key": None, "safety_identifier": None,
}  # fmt: skip
"""What a response repeats of its request -> what stands there when it said nothing."""

_INCOMPLETE: Mapping[str, str] = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "refusal": "content_filter",
}

_CODES = frozenset({"rate_limit_exceeded", "context_length_exceeded", "insufficient_quota"})
"""Of our errors' codes, those that a failed response has too; Codex reads them. Else it is the server's or the prompt's."""

_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class ReplyEncoder:
    """SSE bytes of one reply."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._fields = _fields(asked.body)
        self._offered = _offered(self._fields)
        self._estimate = Usage(input_tokens=asked.tokens)
        self._usage: Usage | None = None
        self._sequence = -1
        self._started = False
        self._over = False
        self._item: Item | None = None
        self._output: list[object] = []
        self._end: tuple[str, str] = ("in_progress", "")
        self._error: dict[str, object] | None = None

    def feed(self, event: ReplyEvent) -> bytes:
        """Raises Misuse when the events do not follow the grammar of core.reply: that is a decoder's bug."""
        if self._over:
            raise Misuse(f"{type(event).__name__} after the end of the reply")
        return _WRITERS[type(event)](self, event)

    def response(self) -> dict[str, object]:
        """As it stands now."""
        status, reason = self._end
        usage = self._usage or self._estimate
        echoed = {name: self._fields.get(name, otherwise) for name, otherwise in _ECHOED.items()}
        return {
            "id": self._asked.named("resp_"),
            "object": "response",
            "created_at": self._asked.created_s,
            "status": status,
            "background": False,
            "error": self._error,
            "incomplete_details": {"reason": reason} if reason else None,
            "model": self._asked.model,
            "output": self._output,
            "previous_response_id": None,
            "store": False,
            **echoed,
            "usage": None if status == "in_progress" else encode_usage(usage),
        }

    def _say(self, kind: str, **members: object) -> bytes:
        self._sequence += 1
        return encode_event(kind.encode(), _encode({"type": kind, "sequence_number": self._sequence, **members}))

    def _start(self, _event: ReplyStarted) -> bytes:
        if self._started:
            raise Misuse("ReplyStarted twice")
        self._started = True
        response = self.response()
        return self._say("response.created", response=response) + self._say("response.in_progress", response=response)

    def _block_started(self, event: BlockStarted) -> bytes:
        if self._item is not None or not self._started:
            raise Misuse("BlockStarted inside a block or before the reply")
        index = len(self._output)
        id = f"{self._asked.named('')}_{index}"
        match event.kind:
            case "text":
                self._item = TextItem(id, index)
            case "thinking":
                self._item = ThinkingItem(id, index)
            case "tool_call":
                self._item = CallItem(id, index, event, self._offered.get(event.name, Offered(event.name)))
            case _:
                self._item = opaque_item(id, index, event.json)
        return b"".join(self._say(kind, **members) for kind, members in self._item.begin())

    def _text(self, event: TextDelta) -> bytes:
        return self._piece(event.text)

    def _thinking(self, event: ThinkingDelta) -> bytes:
        return self._piece(event.text)

    def _tool_input(self, event: ToolInputDelta) -> bytes:
        return self._piece(event.json)

    def _piece(self, text: str) -> bytes:
        if self._item is None:
            raise Misuse("a delta outside a block")
        return b"".join([self._say(kind, **members) for kind, members in self._item.add(text)])

    def _signed(self, event: SignatureDelta) -> bytes:
        if isinstance(self._item, ThinkingItem):
            self._item.signature = event.signature
        return b""

    def _block_ended(self, _event: BlockEnded) -> bytes:
        item, self._item = self._item, None
        if item is None:
            raise Misuse("BlockEnded outside a block")
        out = b"".join([self._say(kind, **members) for kind, members in item.end()])
        if item.whole is not None:
            self._output.append(item.whole)
        return out

    def _usage_known(self, event: UsageKnown) -> bytes:
        self._usage = event.usage
        return b""

    def _ended(self, event: ReplyEnded) -> bytes:
        self._over = True
        reason = _INCOMPLETE.get(event.stop_reason, "")
        status = "incomplete" if reason else "completed"
        self._end = status, reason
        return self._say(f"response.{status}", response=self.response())

    def _failed(self, event: ReplyFailed) -> bytes:
        begun = b"" if self._started else self._start(ReplyStarted())
        self._over = True
        self._end = "failed", ""
        kind, code = words(event.error_type, event.message)
        if code not in _CODES:
            code = "invalid_prompt" if kind == "invalid_request_error" else "server_error"
        self._error = {"code": code, "message": event.message}
        return begun + self._say("response.failed", response=self.response())


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
    encoder = ReplyEncoder(asked)
    ended = False
    for event in events:
        if isinstance(event, ReplyFailed):
            raise BadReply(event.message, error_type=event.error_type or None)
        encoder.feed(event)
        ended = ended or isinstance(event, ReplyEnded)
    if not ended:
        raise BadReply("The provider's answer broke off before its end.")
    return _encode(encoder.response())


def encode_error_event(error_type: str, message: str) -> bytes:
    """What ends a stream that has failed outside of a reply of ours: OpenAI's SDK raises on its `error` member."""
    error = error_object(error_type, message)
    event = {"type": "error", "sequence_number": 0, "code": error["code"], "message": message, "param": None}
    return encode_event(b"error", _encode({**event, "error": error}))


def encode_usage(usage: Usage) -> dict[str, object]:
    """`input_tokens` is the whole prompt, cached or not."""
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


def _fields(body: bytes) -> Mapping[str, msgspec.Raw]:
    try:
        fields = _fields_decoder.decode(body)
    except UNREADABLE:
        return {}
    return {name: value for name, value in fields.items() if bytes(value) != b"null"}


def _offered(fields: Mapping[str, msgspec.Raw]) -> Mapping[str, Offered]:
    """Name as the model knows it -> as the client does."""
    if "tools" not in fields:
        return {}
    return {joined(known.name, known.namespace): known for _, known in read_tools(msgspec.json.decode(fields["tools"]))}
