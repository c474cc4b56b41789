"""Reply events, written as generateContent's chunks or as a whole reply.

Calls go out whole, as Gemini's do. What a model's thinking was signed with goes out on the part behind it (client_state.py);
the thoughts themselves only to who asked for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from claude_code_router.core.asked import Asked
from claude_code_router.core.chat import Thinking
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
from claude_code_router.dialects.gemini.client_errors import encode_error_event
from claude_code_router.dialects.gemini.client_state import sealed
from claude_code_router.dialects.gemini.contents import as_object
from claude_code_router.dialects.gemini.inbound import shows_thoughts

PING = b"\r\n\r\n"
"""A comment line would do for the protocol, and is read as JSON by google-genai (3.4.0)."""

Json = dict[str, object]

_FINISH: Mapping[str, str] = {
    "end_turn": "STOP",
    "stop_sequence": "STOP",
    "tool_use": "STOP",
    "max_tokens": "MAX_TOKENS",
    "model_context_window_exceeded": "MAX_TOKENS",
    "pause_turn": "MAX_TOKENS",
    "refusal": "SAFETY",
}

_encode = msgspec.json.Encoder().encode


class ReplyEncoder:
    """SSE bytes of one reply."""

    def __init__(self, asked: Asked) -> None:
        self._parts = _Parts(shows_thoughts(asked.body))
        self._estimate = Usage(input_tokens=asked.tokens)
        named = _encode({"modelVersion": asked.model, "responseId": asked.named("")})
        self._text_head = b'data: {"candidates":[{"content":{"parts":[{"text":'
        self._tail = b'],"role":"model"},"index":0}],%b\r\n\r\n' % named[1:]
        self._text_tail = b"}" + self._tail
        self._named = named

    def feed(self, event: ReplyEvent) -> bytes:
        """Raises Misuse when the events do not follow the grammar of core.reply: that is a decoder's bug."""
        if type(event) is TextDelta and not self._parts.pending:  # nearly every event of nearly every stream
            return b"%b%b%b" % (self._text_head, _encode(event.text), self._text_tail)
        if isinstance(event, ReplyEnded):
            return self._ended(event)
        if isinstance(event, ReplyFailed):
            self._parts.end()
            return encode_error_event(event.error_type, event.message)
        parts = self._parts.feed(event)
        return (
            b'data: {"candidates":[{"content":{"parts":[%b%b' % (b",".join(map(_encode, parts)), self._tail)
            if parts
            else b""
        )

    def _ended(self, event: ReplyEnded) -> bytes:
        content = {"parts": self._parts.end() or [{"text": ""}], "role": "model"}
        candidate: Json = {"content": content, "finishReason": _FINISH[event.stop_reason], "index": 0}
        _ground(candidate, self._parts)
        usage = encode_usage(self._parts.usage or self._estimate)
        body = _encode({"candidates": [candidate], "usageMetadata": usage})
        return b"data: %b,%b\r\n\r\n" % (body[:-1], self._named[1:])


def encode_reply(events: Iterable[ReplyEvent], asked: Asked) -> bytes:
    """A whole JSON reply. Raises BadReply when the events end in ReplyFailed, or in nothing at all."""
    parts = _Parts(shows_thoughts(asked.body))
    found: list[Json] = []
    for event in events:
        if isinstance(event, ReplyFailed):
            raise BadReply(event.message, error_type=event.error_type or None)
        if isinstance(event, ReplyEnded):
            content = {"parts": _joined([*found, *parts.end()]), "role": "model"}
            candidate: Json = {"content": content, "finishReason": _FINISH[event.stop_reason], "index": 0}
            _ground(candidate, parts)
            usage = encode_usage(parts.usage or Usage(input_tokens=asked.tokens))
            return _encode({
                "candidates": [candidate], "usageMetadata": usage, "modelVersion": asked.model,
                "responseId": asked.named(""),
            })  # fmt: skip
        found += parts.feed(event)
    raise BadReply("The provider's answer broke off before its end.")


class _Parts:
    """Reply events in, parts out."""

    def __init__(self, shows_thoughts: bool) -> None:
        self._shows_thoughts = shows_thoughts
        self._block: BlockStarted | None = None
        self._thought: list[str] = []
        self._signature = ""
        self._input: list[str] = []
        self._over = False
        self._started = False
        self.pending: list[Thinking] = []
        """What the next part has to carry."""
        self.usage: Usage | None = None
        self.searches: list[str] = []
        """The JSON of a search's blocks."""

    def feed(self, event: ReplyEvent) -> list[Json]:
        if self._over:
            raise Misuse(f"{type(event).__name__} after the end of the reply")
        return _READERS[type(event)](self, event)

    def end(self) -> list[Json]:
        if self._over:
            raise Misuse("an end after the end of the reply")
        self._over = True
        return [self._carrying({"text": ""})] if self.pending else []

    def _start(self, _event: ReplyStarted) -> list[Json]:
        self._started = True
        return []

    def _block_started(self, event: BlockStarted) -> list[Json]:
        if self._block is not None or not self._started:
            raise Misuse("BlockStarted inside a block or before the reply")
        self._block = event
        return []

    def _text(self, event: TextDelta) -> list[Json]:
        return [self._carrying({"text": event.text})]

    def _thinking(self, event: ThinkingDelta) -> list[Json]:
        self._thought.append(event.text)
        return [{"text": event.text, "thought": True}] if self._shows_thoughts and event.text else []

    def _signed(self, event: SignatureDelta) -> list[Json]:
        self._signature = event.signature
        return []

    def _tool_input(self, event: ToolInputDelta) -> list[Json]:
        self._input.append(event.json)
        return []

    def _block_ended(self, _event: BlockEnded) -> list[Json]:
        block, self._block = self._block, None
        if block is None:
            raise Misuse("BlockEnded outside a block")
        if block.kind == "tool_call":
            call = {"id": block.id, "name": block.name, "args": as_object("".join(self._input))}
            self._input.clear()
            return [self._carrying({"functionCall": call})]
        if block.kind == "thinking" and self._signature:
            self.pending.append(Thinking(text="".join(self._thought), signature=self._signature))
        elif block.kind == "opaque":
            self._opaque(block.json)
        self._thought.clear()
        self._signature = ""
        return []

    def _opaque(self, json: str) -> None:
        if '"redacted_thinking"' in json:
            found = msgspec.json.decode(json)
            if isinstance(found, dict) and found.get("type") == "redacted_thinking":
                self.pending.append(Thinking(redacted=str(found.get("data") or "")))
        elif '"web_search' in json:
            self.searches.append(json)

    def _usage_known(self, event: UsageKnown) -> list[Json]:
        self.usage = event.usage
        return []

    def _carrying(self, part: Json) -> Json:
        if self.pending:
            part["thoughtSignature"] = sealed(self.pending)
            self.pending = []
        return part


_READERS: Mapping[type, Callable[[_Parts, Any], list[Json]]] = {
    ReplyStarted: _Parts._start,
    BlockStarted: _Parts._block_started,
    TextDelta: _Parts._text,
    ThinkingDelta: _Parts._thinking,
    SignatureDelta: _Parts._signed,
    ToolInputDelta: _Parts._tool_input,
    BlockEnded: _Parts._block_ended,
    UsageKnown: _Parts._usage_known,
}


def _joined(parts: list[Json]) -> list[Json]:
    """Of a whole reply the pieces of one text are one part."""
    joined: list[Json] = []
    for part in parts:
        last = joined[-1] if joined else {}
        same = "text" in part and "text" in last and part.get("thought") == last.get("thought")
        if same and "thoughtSignature" not in part:
            last["text"] = f"{last['text']}{part['text']}"
        else:
            joined.append(part)
    return joined or [{"text": ""}]


def _ground(candidate: Json, parts: _Parts) -> None:
    """What a search has found, as Google tells it."""
    queries: list[str] = []
    chunks: list[Json] = []
    for json in parts.searches:
        block = msgspec.json.decode(json)
        query = (block.get("input") or {}).get("query") if isinstance(block.get("input"), dict) else None
        if isinstance(query, str) and query:
            queries.append(query)
        for result in block.get("content") or () if isinstance(block.get("content"), list) else ():
            if isinstance(result, dict) and result.get("url"):
                chunks.append({"web": {"uri": result["url"], "title": result.get("title") or result["url"]}})
    if queries or chunks:
        candidate["groundingMetadata"] = {"webSearchQueries": queries, "groundingChunks": chunks}


def encode_usage(usage: Usage) -> Json:
    """`promptTokenCount` is the whole prompt, cached or not; thoughts are counted beside the answer."""
    thoughts = min(usage.reasoning_tokens, usage.output_tokens)
    return {
        "promptTokenCount": usage.prompt_tokens,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "candidatesTokenCount": usage.output_tokens - thoughts,
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": usage.prompt_tokens + usage.output_tokens,
    }
