"""A generateContent reply, streamed or whole, read into reply events.

Which form came is seen from the bytes: errors inside a stream, and streams without `alt=sse`, come as JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

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
    UsageKnown,
)
from claude_code_router.core.usage import Usage
from claude_code_router.dialects.gemini.blocks import Blocks
from claude_code_router.dialects.gemini.chunks import (
    Candidate,
    Chunk,
    FunctionCall,
    Part,
    arguments,
    read_usage,
    read_whole,
)
from claude_code_router.dialects.gemini.errors import read_error
from claude_code_router.dialects.gemini.names import original_names
from claude_code_router.dialects.gemini.search import queries, search_blocks, wanted
from claude_code_router.dialects.openai_chat.calls import CallIds
from claude_code_router.dialects.openai_chat.open_blocks import NAMELESS
from claude_code_router.dialects.sse import SSEEvent
from claude_code_router.dialects.sse_or_json import SSEOrJSON
from claude_code_router.dialects.unreadable import UNREADABLE

_STOPS: Mapping[str, StopReason] = {
    "STOP": "end_turn",
    "MAX_TOKENS": "max_tokens",
    "CONTINUATION": "max_tokens",
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "OTHER", "ESCALATION", "MODEL_ARMOR",
         "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER", "NO_IMAGE", "PUP_LIMITED_DISABLED"),
        "refusal",
    ),
}  # fmt: skip
"""finishReason -> stop_reason: google-genai 3.4.0's enumeration and Vertex AI's, 2026-11."""

_FAILED = frozenset(
    {
        "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE", "FINISH_REASON_UNSPECIFIED",
    }
)  # fmt: skip
"""No end but an accident of the model's: asked again, it mostly goes well."""

_NOTHING = "The provider ended its answer without any content."
_CUT = "The provider's answer broke off before its end."


class ReplyDecoder:
    """Raw network bytes in, reply events out. `chat` is the request that was answered: it gives the tools' own names back and
    keeps call ids unique in the conversation. `model` is the one that was asked for: thought signatures are minted for it."""

    def __init__(self, chat: ChatRequest | None = None, model: str = "") -> None:
        self._chat = chat
        self._names = original_names(chat.tools if chat else ())
        self._ids = CallIds(chat)
        self._asked_model = model
        self._blocks = Blocks(model)
        self._body = SSEOrJSON()
        self._started = False
        self._over = False
        self._id = ""
        self._calls = 0
        self._finish = ""
        self._finish_message = ""
        self._usage: Usage | None = None
        self._grounding: list[dict[str, object]] = []

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
            self._read_body(whole, out)
        else:
            # What the stream left unfinished counts if it can be read.
            self._read_events([event for event in rest if _is_whole(event.data)], out)
        if not self._over:
            self._conclude(out)
        return tuple(out)

    # --- what came ---

    def _read_events(self, events: list[SSEEvent], out: list[ReplyEvent]) -> None:
        for _, data in events:
            if self._over:
                return
            if data[:1] in (b"{", b"["):
                self._read_body(data, out)
            # Anything else is no chunk: proxies in between send keep-alives as data.

    def _read_body(self, data: bytes, out: list[ReplyEvent]) -> None:
        try:
            chunks = read_whole(data)
        except UNREADABLE as error:
            self._fail(out, "api_error", f"The provider sent a chunk that cannot be read ({error}).")
            return
        for chunk in chunks:
            if not self._over:
                self._read(chunk, out)

    def _read(self, chunk: Chunk, out: list[ReplyEvent]) -> None:
        if chunk.error:
            self._fail(out, *read_error({"error": chunk.error}))
            return
        if not self._started and (chunk.candidates or chunk.prompt_feedback):
            self._started = True
            self._id = chunk.response_id if isinstance(chunk.response_id, str) else ""
            model = chunk.model_version if isinstance(chunk.model_version, str) else ""
            self._blocks.model = self._asked_model or model
            out.append(ReplyStarted(self._id, model))
        self._usage = read_usage(chunk.usage_metadata) or self._usage
        feedback = chunk.prompt_feedback
        if isinstance(feedback, dict) and feedback.get("blockReason"):
            self._finish = "SAFETY"
        for candidate in chunk.candidates or ():
            # One answer was asked for; a second one would be somebody's extra_body, and has no place in the reply.
            if candidate is not None and candidate.index in (None, 0):
                self._read_candidate(candidate, out)

    def _read_candidate(self, candidate: Candidate, out: list[ReplyEvent]) -> None:
        for part in (candidate.content.parts if candidate.content else None) or ():
            if part is not None:
                self._read_part(part, out)
        if isinstance(candidate.grounding_metadata, dict):
            self._grounding.append(candidate.grounding_metadata)
        if isinstance(candidate.finish_reason, str) and candidate.finish_reason:
            self._finish = candidate.finish_reason.upper()
            self._finish_message = candidate.finish_message if isinstance(candidate.finish_message, str) else ""

    def _read_part(self, part: Part, out: list[ReplyEvent]) -> None:
        signature = part.thought_signature if isinstance(part.thought_signature, str) else ""
        if part.function_call is not None:
            self._call(part.function_call, signature, out)
            return
        text = part.text if isinstance(part.text, str) else ""
        if part.thought is True:
            self._blocks.think(text, signature, out)
            return
        self._blocks.say(text or _other(part), signature, out)

    def _call(self, call: FunctionCall, signature: str, out: list[ReplyEvent]) -> None:
        name = call.name if isinstance(call.name, str) else ""
        upstream_id = call.id if isinstance(call.id, str) else ""
        if not upstream_id and self._id:
            # Made from the reply's own id: no dice here, and no other reply has the same.
            upstream_id = "call_" + hashlib.sha256(f"{self._id}/{self._calls}".encode()).hexdigest()[:24]
        self._calls += 1
        self._blocks.call(
            self._ids.mint(upstream_id), self._names.get(name, name) or NAMELESS, arguments(call), signature, out
        )

    # --- how it ends ---

    def _conclude(self, out: list[ReplyEvent]) -> None:
        if self._finish in _FAILED:
            said = f": {self._finish_message}" if self._finish_message else "."
            self._fail(out, "api_error", f"The provider ended its answer with {self._finish}{said}")
        elif self._finish:
            self._end(out)
        elif self._started:
            self._fail(out, "api_error", _CUT, cut=True)
        else:
            self._fail(out, "api_error", "The provider's answer is no generateContent response, or is empty.", cut=True)

    def _end(self, out: list[ReplyEvent]) -> None:
        self._blocks.end(out)
        stop = stop_of(self._finish, called=self._calls > 0)
        blocks = search_blocks(self._grounding) if wanted(self._chat) else ()
        for json in blocks:
            out += [BlockStarted("opaque", json=json), BlockEnded()]
        if not self._blocks.spoke and stop == "end_turn":
            self._fail(out, "api_error", _NOTHING)
            return
        self._over = True
        if self._usage is not None:
            searches = max(1, len(queries(self._grounding))) if blocks else 0
            out.append(UsageKnown(msgspec.structs.replace(self._usage, web_searches=searches)))
        out.append(ReplyEnded(stop))

    def _fail(self, out: list[ReplyEvent], error_type: str, message: str, *, cut: bool = False) -> None:
        self._over = True
        out.append(ReplyFailed(error_type, message, cut))


def stop_of(finish: str, *, called: bool) -> StopReason:
    """An end under a word that we do not know is still the provider's end. Calls come whole, so a limit was met behind them."""
    stop = _STOPS.get(finish, "end_turn")
    return "tool_use" if called and stop in ("end_turn", "max_tokens") else stop


def decode_reply(body: bytes, chat: ChatRequest | None = None, model: str = "") -> tuple[ReplyEvent, ...]:
    """The events of a whole body."""
    decoder = ReplyDecoder(chat, model)
    return (*decoder.feed(body), *decoder.close())


def _other(part: Part) -> str:
    """What has no word of its own on the client's side, as text."""
    if isinstance(part.executable_code, dict) and isinstance(part.executable_code.get("code"), str):
        return f"\n```\n{part.executable_code['code']}\n```\n"
    if isinstance(part.code_execution_result, dict) and isinstance(part.code_execution_result.get("output"), str):
        return f"\n```\n{part.code_execution_result['output']}\n```\n"
    if isinstance(part.inline_data, dict):
        return f"[the model made a file of type {part.inline_data.get('mimeType') or 'unknown'}, which cannot be shown here]"
    return ""


def _is_whole(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except UNREADABLE:
        return False
    return True
