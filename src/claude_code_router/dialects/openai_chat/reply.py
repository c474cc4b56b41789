"""A chat/completions reply, streamed or whole, read into reply events.

Which form came is seen from the bytes, not from what was asked for: some servers answer a streaming request with one JSON
body (mostly an error), and some stream what was to be whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.errors import RouterError
from claude_code_router.core.reply import (
    BlockEnded,
    BlockStarted,
    ReplyEnded,
    ReplyEvent,
    ReplyFailed,
    ReplyStarted,
    StopReason,
    TextDelta,
    UsageKnown,
)
from claude_code_router.core.usage import Usage
from claude_code_router.dialects.openai_chat.calls import CallIds, Calls
from claude_code_router.dialects.openai_chat.chunks import (
    Choice,
    Chunk,
    Delta,
    call_deltas,
    chunk_decoder,
    details,
    merge_details,
    read_usage,
    reasoning,
    texts,
)
from claude_code_router.dialects.openai_chat.errors import read_error
from claude_code_router.dialects.openai_chat.names import original_names
from claude_code_router.dialects.openai_chat.open_blocks import CallBlock, Line, TextBlock, ThinkingBlock
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reasoning import mint_details, mint_text
from claude_code_router.dialects.openai_chat.search import search_blocks
from claude_code_router.dialects.openai_chat.think_tags import ThinkTags
from claude_code_router.dialects.sse import SSEEvent
from claude_code_router.dialects.sse_or_json import SSEOrJSON
from claude_code_router.dialects.unreadable import UNREADABLE, mend

_STOPS: Mapping[str, StopReason] = {
    "stop": "end_turn",
    "eos": "end_turn",
    "eos_token": "end_turn",
    "stop_sequence": "end_turn",
    "end_turn": "end_turn",
    "complete": "end_turn",
    "tool_calls": "tool_use",
    "tool_call": "tool_use",
    "tool_use": "tool_use",
    "function_call": "tool_use",
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "model_length": "max_tokens",
    "content_filter": "refusal",
    "content_filtered": "refusal",
    "sensitive": "refusal",
    "safety": "refusal",
    "refusal": "refusal",
}
"""finish_reason, in lower case -> stop_reason. Collected from LiteLLM 1.109.1's map and the vendors' references, 2026-11."""

_FAILED: Mapping[str, str] = {
    "error": "api_error",
    "network_error": "api_error",
    "insufficient_system_resource": "overloaded_error",  # DeepSeek
    "engine_overloaded": "overloaded_error",
    "abort": "api_error",  # vLLM, SGLang
}
"""finish_reason that is no end but a failure -> Anthropic's error type."""

_NOTHING = "The provider ended its answer without any content."
_CUT = "The provider's answer broke off before its end."


class ReplyDecoder:
    """Raw network bytes in, reply events out. `chat` is the request that was answered: it gives the tools' own names back
    and keeps call ids unique in the conversation."""

    def __init__(self, quirks: ChatQuirks, chat: ChatRequest | None = None) -> None:
        self._quirks = quirks
        self._chat = chat
        self._names = original_names(chat.tools if chat else (), quirks.tool_name_limit)
        self._ids = CallIds(chat)
        self._calls = Calls(frozenset(self._names), self._begin_call)
        self._line = Line()
        self._think_tags = ThinkTags() if quirks.inline_think_tags else None
        self._body = SSEOrJSON()
        self._started = False
        self._over = False
        self._id = ""
        self._model = ""
        self._finish = ""
        self._refused = False
        self._said = False
        self._thought = False
        self._usage: Usage | None = None
        self._citations: list[dict[str, Any]] = []

    def feed(self, chunk: bytes) -> tuple[ReplyEvent, ...]:
        if self._over or not chunk:
            return ()
        out: list[ReplyEvent] = []
        try:
            events = self._body.feed(chunk)
        except RouterError as error:
            self._fail(out, "api_error", error.message)
            return tuple(out)
        self._read_events(events, out)
        return tuple(out)

    def close(self) -> tuple[ReplyEvent, ...]:
        """The upstream has ended its body."""
        out: list[ReplyEvent] = []
        if self._over:
            return ()
        rest, whole = self._body.close()
        if whole is not None:
            self._read_whole(whole, out)
        else:
            # What the stream left unfinished counts if it can be read: many servers omit the last blank line.
            self._read_events([event for event in rest if _is_whole(event.data)], out)
            self._conclude(out)
        return tuple(out)

    def _conclude(self, out: list[ReplyEvent]) -> None:
        if self._over:
            return
        if self._finish:
            self._end(out)
        elif self._started:
            self._fail(out, "api_error", _CUT, cut=True)
        else:
            self._fail(out, "api_error", "The provider's answer is not a chat completion, or is empty.", cut=True)

    # --- what came ---

    def _read_events(self, events: list[SSEEvent], out: list[ReplyEvent]) -> None:
        for name, data in events:
            if self._over:
                return
            if data[:1] == b"{":
                self._read_chunk(data, out, failed=name == b"error")
            elif data.startswith(b"[DONE]"):
                self._end(out)
            # Anything else is no chunk: servers and proxies in between send keep-alives as data (`ping`, an empty line).

    def _read_whole(self, body: bytes, out: list[ReplyEvent]) -> None:
        if body[:1] == b"[":  # Google's compatible layer wraps its errors so
            body = body[1:-1]
        self._read_chunk(body, out, failed=False)
        if not self._over:
            # A whole body is an end in itself; some servers leave the reason null.
            self._end(out)

    def _read_chunk(self, data: bytes, out: list[ReplyEvent], *, failed: bool) -> None:
        try:
            chunk = _read(data)
        except UNREADABLE as error:
            self._fail(out, "api_error", f"The provider sent a chunk that cannot be read ({error}).")
            return
        if failed or chunk.is_error or (chunk.x_groq is not None and chunk.x_groq.error):
            self._fail(out, *read_error(msgspec.json.decode(mend(data))))
            return
        usage = read_usage(chunk.usage) or (read_usage(chunk.x_groq.usage) if chunk.x_groq else None)
        if usage is not None:
            self._usage = usage
        for choice in chunk.choices or ():
            # One answer was asked for; a second choice would be somebody's extra_body, and has no place in the client's reply.
            if choice is not None and choice.index in (None, 0, "0") and not self._over:
                self._read_choice(chunk, choice, out)

    def _read_choice(self, chunk: Chunk, choice: Choice, out: list[ReplyEvent]) -> None:
        if choice.error:
            self._fail(out, *read_error({"error": choice.error}))
            return
        if not self._started:
            self._begin_reply(chunk, out)
        if choice.usage is not None:  # Moonshot
            self._usage = read_usage(choice.usage) or self._usage
        if isinstance(chunk.web_search, list):
            self._citations += [item for item in chunk.web_search if isinstance(item, dict)]
        delta = choice.delta or choice.message
        if delta is not None:
            self._read_delta(delta, out)
        if isinstance(choice.finish_reason, str) and choice.finish_reason:
            self._finish = choice.finish_reason.lower()
            if self._finish in _FAILED:
                self._fail(out, _FAILED[self._finish], f"The provider ended its answer with {choice.finish_reason!r}.")

    def _read_delta(self, delta: Delta, out: list[ReplyEvent]) -> None:
        content = delta.content
        if type(content) is str and content and self._think_tags is None and len(self._line.blocks) == 1:
            head = self._line.blocks[0]
            if type(head) is TextBlock and head.opened and _is_plain(delta):
                out.append(TextDelta(content))  # what nearly every chunk is
                return
        if delta.reasoning_content or delta.reasoning or delta.reasoning_details:
            self._think(reasoning(delta), details(delta))
        for is_reasoning, text in texts(content):
            if self._think_tags is not None and not is_reasoning:
                for inner, piece in self._think_tags.feed(text):
                    self._say(piece, is_reasoning=inner)
            else:
                self._say(text, is_reasoning=is_reasoning)
        if isinstance(delta.refusal, str) and delta.refusal:
            self._refused = True
            self._say(delta.refusal, is_reasoning=False)
        for call_piece in call_deltas(delta):
            self._calls.add(call_piece)
        if isinstance(delta.annotations, list):
            self._citations += [item for item in delta.annotations if isinstance(item, dict)]
        self._line.advance(out)

    # --- what is built ---

    def _begin_reply(self, chunk: Chunk, out: list[ReplyEvent]) -> None:
        self._started = True
        self._id = chunk.id if isinstance(chunk.id, str) else ""
        self._model = chunk.model if isinstance(chunk.model, str) else ""
        out.append(ReplyStarted(self._id, self._model))

    def _say(self, text: str, *, is_reasoning: bool) -> None:
        if is_reasoning:
            self._think(text, [])
            return
        last = self._line.last
        if not isinstance(last, TextBlock):
            last = TextBlock()
            self._line.blocks.append(last)
        last.add(text)
        self._said = self._said or last.ready

    def _think(self, text: str, found: list[dict[str, Any]]) -> None:
        if not text and not found:
            return
        last = self._line.last
        if not isinstance(last, ThinkingBlock):
            last = ThinkingBlock(self._sign, held=self._said)
            self._line.blocks.append(last)
        last.add(text)
        merge_details(last.details, found)
        self._thought = self._thought or not last.blank

    def _sign(self, found: list[dict[str, Any]]) -> str:
        return mint_details(self._model, found) if found else mint_text()

    def _begin_call(self, upstream_id: str) -> CallBlock:
        call = CallBlock(upstream_id, self._mint_id, self._names, mend=self._quirks.repair_tool_json)
        self._line.blocks.append(call)
        return call

    def _mint_id(self, upstream_id: str) -> str:
        if not upstream_id and self._id:
            # Made from the reply's own id: no dice here, and no other reply has the same.
            digest = hashlib.sha256(f"{self._id}/{len(self._calls.all)}".encode()).hexdigest()
            upstream_id = f"call_{digest[:24]}"
        return self._ids.mint(upstream_id)

    # --- how it ends ---

    def _end(self, out: list[ReplyEvent]) -> None:
        for inner, piece in self._think_tags.close() if self._think_tags else ():
            self._say(piece, is_reasoning=inner)
        stop = self._stop_reason()
        broken = any(not call.arguments.complete for call in self._calls.all)
        self._line.end(out, truncated=stop == "max_tokens", keep_held=bool(self._calls.all))
        if stop == "max_tokens" and self._calls.all and not broken:
            stop = "tool_use"  # the limit was met behind the last call, which can be carried out
        searched = search_blocks(self._chat, self._citations)
        for json in searched:
            out += [BlockStarted("opaque", json=json), BlockEnded()]
        spoke = self._started and (self._has_content or stop in ("refusal", "max_tokens"))
        if not spoke:
            self._fail(out, "api_error", _NOTHING)
            return
        self._over = True
        if self._usage is not None:
            searches = 1 if searched else 0
            out.append(UsageKnown(msgspec.structs.replace(self._usage, web_searches=searches)))
        out.append(ReplyEnded(stop))

    @property
    def _has_content(self) -> bool:
        return self._said or bool(self._calls.all) or self._thought

    def _stop_reason(self) -> StopReason:
        """From what was said: a call that was made counts more than the word for the end, which several servers get wrong."""
        if self._refused:
            return "refusal"
        stop = _STOPS.get(
            self._finish, "end_turn"
        )  # an end under a word that we do not know is still the provider's end
        if stop in ("end_turn", "tool_use"):
            return "tool_use" if self._calls.all else "end_turn"
        return stop

    def _fail(self, out: list[ReplyEvent], error_type: str, message: str, *, cut: bool = False) -> None:
        self._over = True
        out.append(ReplyFailed(error_type, message, cut))


def decode_reply(body: bytes, quirks: ChatQuirks, chat: ChatRequest | None = None) -> tuple[ReplyEvent, ...]:
    """The events of a whole body."""
    decoder = ReplyDecoder(quirks, chat)
    return (*decoder.feed(body), *decoder.close())


def _read(data: bytes) -> Chunk:
    try:
        return chunk_decoder.decode(data)
    except UNREADABLE:
        # Half a character at a chunk's edge must not end the whole answer.
        return chunk_decoder.decode(mend(data))


def _is_plain(delta: Delta) -> bool:
    return (
        delta.tool_calls is None
        and delta.reasoning_content is None
        and delta.reasoning is None
        and delta.reasoning_details is None
        and delta.refusal is None
        and delta.annotations is None
        and delta.function_call is None
    )


def _is_whole(data: bytes) -> bool:
    if data[:1] != b"{":
        return True
    try:
        msgspec.json.decode(data)
    except UNREADABLE:
        return False
    return True
