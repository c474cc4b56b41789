"""A Responses reply, streamed or whole, read into reply events. Its output items may interleave; the client gets one block
after the other, in the order of `output_index`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
from claude_code_router.dialects.openai_chat.chunks import read_usage
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_responses.errors import read_error, refusal
from claude_code_router.dialects.openai_responses.events import (
    Event,
    Response,
    decoded,
    event_decoder,
    response_decoder,
    word,
)
from claude_code_router.dialects.openai_responses.output import Output
from claude_code_router.dialects.openai_responses.parts import TextPart
from claude_code_router.dialects.sse import SSEEvent
from claude_code_router.dialects.sse_or_json import SSEOrJSON
from claude_code_router.dialects.unreadable import UNREADABLE

_NOTHING = "The provider ended its answer without any content."
_CUT = "The provider's answer broke off before its end."
_NO_REPLY = "The provider's answer is not a response, or is empty."
_TEXT = "response.output_text.delta"

_INCOMPLETE: Mapping[str, StopReason] = {
    "max_output_tokens": "max_tokens",
    "content_filter": "refusal",
    "context_window": "model_context_window_exceeded",
}
"""incomplete_details.reason -> stop_reason (openai 3.54.0). The others (max_messages, steered) end the turn."""


class ReplyDecoder:
    """Raw network bytes in, reply events out. `chat` is the request that was answered: it gives the tools' own names back
    and keeps call ids unique in the conversation. `origin` is the target (`provider,model`): its reasoning is minted for it."""

    def __init__(self, quirks: ChatQuirks, chat: ChatRequest | None = None, origin: str = "") -> None:
        self._chat = chat
        self._body = SSEOrJSON()
        self._output = Output(quirks, chat, origin)
        self._started = False
        self._over = False
        self._usage: Usage | None = None

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
            self._read_events([event for event in rest if event.data.endswith(b"}")], out, last=True)
        if not self._over:
            self._fail(out, "api_error", _CUT if self._started else _NO_REPLY, cut=True)
        return tuple(out)

    # --- what came ---

    def _read_events(self, events: list[SSEEvent], out: list[ReplyEvent], *, last: bool = False) -> None:
        for name, data in events:
            if self._over:
                return
            if data[:1] != b"{":
                continue  # keep-alives, `[DONE]`
            try:
                event = decoded(event_decoder, data)
            except UNREADABLE as error:
                if not last:
                    self._fail(out, "api_error", f"The provider sent an event that cannot be read ({error}).")
                return
            self._read(event, name, out)

    def _read(self, event: Event, name: bytes, out: list[ReplyEvent]) -> None:
        kind = event.type or name.decode("utf-8", "replace")
        if kind == _TEXT and len(self._output.line.waiting) == 1:
            place, head = self._output.line.waiting[0]
            if head.opened and type(head) is TextPart and place == (event.output_index, event.content_index or 0):
                if isinstance(event.delta, str) and event.delta:
                    out.append(TextDelta(event.delta))  # what nearly every event is
                return
        if (part_handler := _OF_THE_OUTPUT.get(kind)) is not None:
            self._begin_with(Response(), out)
            part_handler(self._output, event)
            self._output.line.advance(out)
        elif (handler := _OF_THE_REPLY.get(kind)) is not None:
            handler(self, event, out)
        elif event.error:
            self._fail_with(out, event.error)

    def _read_whole(self, body: bytes, out: list[ReplyEvent]) -> None:
        try:
            response = decoded(response_decoder, body)
        except UNREADABLE as error:
            self._fail(out, "api_error", f"The provider's answer cannot be read ({error}).")
            return
        if response.status is None and response.output is None:
            self._fail_with(out, response.error or {"message": word(response.message) or _NO_REPLY})
            return
        self._begin_with(response, out)
        self._end_with(response, out)

    def _response(self, event: Event, out: list[ReplyEvent]) -> Response | None:
        try:
            return decoded(response_decoder, bytes(event.response) or b"{}")
        except UNREADABLE as error:
            self._fail(out, "api_error", f"The provider sent an event that cannot be read ({error}).")
            return None

    def _begin(self, event: Event, out: list[ReplyEvent]) -> None:
        if not self._started and (response := self._response(event, out)) is not None:
            self._begin_with(response, out)

    def _begin_with(self, response: Response, out: list[ReplyEvent]) -> None:
        if self._started:
            return
        self._started = True
        self._output.reply_id = word(response.id)
        out.append(ReplyStarted(self._output.reply_id, word(response.model)))

    # --- how it ends ---

    def _ended(self, event: Event, out: list[ReplyEvent]) -> None:
        response = self._response(event, out)
        if response is not None:
            self._begin_with(response, out)
            if not isinstance(response.status, str):
                response.status = event.type.rpartition(".")[2]
            self._end_with(response, out)

    def _failed(self, event: Event, out: list[ReplyEvent]) -> None:
        response = self._response(event, out)
        if response is not None:
            self._begin_with(response, out)
            self._note_usage(response)
            self._fail_with(out, response.error or event.error or {"message": "The provider says that it failed."})

    def _error(self, event: Event, out: list[ReplyEvent]) -> None:
        self._fail_with(out, event.error or {"code": event.code, "message": event.message})

    def _note_usage(self, response: Response) -> None:
        self._usage = read_usage(response.usage) or self._usage

    def _end_with(self, response: Response, out: list[ReplyEvent]) -> None:
        self._note_usage(response)
        if response.status in ("failed", "cancelled") or response.error:
            self._fail_with(out, response.error or {"message": f"The provider's answer was {response.status}."})
            return
        known = self._output.places
        for index, raw in enumerate(response.output or ()):
            if not known or index in known:  # what was not said in pieces
                self._output.complete_item(index, raw)
        self._end(self._stop_reason(response), out)

    def _stop_reason(self, response: Response) -> StopReason:
        details = response.incomplete_details
        if response.status == "incomplete" and isinstance(details, dict):
            stop = _INCOMPLETE.get(word(details.get("reason")), "end_turn")
            if stop == "refusal":
                return "refusal"
            broken = any(not call.arguments.complete for call in self._output.calls)
            if stop != "end_turn" and (broken or not self._output.calls):
                return stop
        if self._output.refused:
            return "refusal"
        return "tool_use" if self._output.calls else "end_turn"

    def _end(self, stop: StopReason, out: list[ReplyEvent]) -> None:
        self._output.line.end(out, truncated=stop == "max_tokens", keep_held=bool(self._output.calls))
        for json in self._output.searches.blocks(self._chat):
            out += [BlockStarted("opaque", json=json), BlockEnded()]
        if self._output.is_empty and stop not in ("refusal", "max_tokens", "model_context_window_exceeded"):
            self._fail(out, "api_error", _NOTHING)
            return
        self._over = True
        if self._usage is not None:
            out.append(UsageKnown(msgspec.structs.replace(self._usage, web_searches=self._output.searches.count)))
        out.append(ReplyEnded(stop))

    def _fail_with(self, out: list[ReplyEvent], error: object) -> None:
        said = refusal(error)
        if not said:
            self._fail(out, *read_error(error))
            return
        self._begin_with(Response(), out)
        self._output.add_text(self._output.text(max(self._output.places, default=-1) + 1, 0), said)
        self._end("refusal", out)

    def _fail(self, out: list[ReplyEvent], error_type: str, message: str, *, cut: bool = False) -> None:
        self._over = True
        out.append(ReplyFailed(error_type, message, cut))


_OF_THE_REPLY: Mapping[str, Callable[[ReplyDecoder, Event, list[ReplyEvent]], None]] = {
    "response.created": ReplyDecoder._begin,
    "response.in_progress": ReplyDecoder._begin,
    "response.queued": ReplyDecoder._begin,
    "response.completed": ReplyDecoder._ended,
    "response.incomplete": ReplyDecoder._ended,
    "response.failed": ReplyDecoder._failed,
    "response.cancelled": ReplyDecoder._failed,
    "error": ReplyDecoder._error,
    "response.error": ReplyDecoder._error,
}
_OF_THE_OUTPUT: Mapping[str, Callable[[Output, Event], None]] = {
    "response.output_item.added": Output.added,
    "response.output_item.done": Output.item_done,
    "response.content_part.done": Output.part_done,
    _TEXT: Output.text_delta,
    "response.refusal.delta": Output.text_delta,
    "response.output_text.annotation.added": Output.cited,
    "response.reasoning_summary_part.added": Output.summary_part,
    "response.reasoning_summary_text.delta": Output.thought,
    "response.reasoning_text.delta": Output.thought,
    "response.function_call_arguments.delta": Output.arguments_delta,
    "response.function_call_arguments.done": Output.arguments_done,
}
"""Event type -> what is done. The types that are in no table repeat what these say, or say nothing to a client."""


def decode_reply(
    body: bytes, quirks: ChatQuirks, chat: ChatRequest | None = None, origin: str = ""
) -> tuple[ReplyEvent, ...]:
    """The events of a whole body."""
    decoder = ReplyDecoder(quirks, chat, origin)
    return (*decoder.feed(body), *decoder.close())
