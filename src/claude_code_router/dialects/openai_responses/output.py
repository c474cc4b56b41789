"""What a Responses reply has said so far: its items, each filled from the pieces or from the whole, whichever comes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from claude_code_router.core.chat import ChatRequest
from claude_code_router.dialects.openai_chat.calls import CallIds
from claude_code_router.dialects.openai_chat.names import original_names
from claude_code_router.dialects.openai_chat.quirks import ChatQuirks
from claude_code_router.dialects.openai_chat.reasoning import mint_text
from claude_code_router.dialects.openai_responses.events import (
    Event,
    Item,
    citations,
    decoded,
    item_decoder,
    joined,
    word,
)
from claude_code_router.dialects.openai_responses.parts import CallPart, Line, ReasoningPart, TextPart
from claude_code_router.dialects.openai_responses.reasoning import mint_item
from claude_code_router.dialects.openai_responses.search import Searches
from claude_code_router.dialects.unreadable import UNREADABLE


class Output:
    def __init__(self, quirks: ChatQuirks, chat: ChatRequest | None, origin: str) -> None:
        self.line = Line()
        self.searches = Searches()
        self.said = False
        self.refused = False
        self.reply_id = ""
        self._mend = quirks.repair_tool_json
        self._names = original_names(chat.tools if chat else (), quirks.tool_name_limit)
        self._ids = CallIds(chat)
        self._origin = origin
        self._indexes: dict[str, int] = {}  # item id -> output_index
        self._complete: set[int] = set()

    @property
    def calls(self) -> list[CallPart]:
        return [part for part in self.line.all.values() if isinstance(part, CallPart)]

    @property
    def places(self) -> set[int]:
        """The output indexes of which something has come."""
        return {place[0] for place in self.line.all}

    @property
    def is_empty(self) -> bool:
        return not (self.said or any(not part.blank for part in self.line.all.values()))

    # --- items ---

    def _index(self, event: Event) -> int:
        """Where the event's item stands; servers that do not count are followed by the item's id."""
        if isinstance(event.output_index, int) and event.output_index >= 0:
            return event.output_index
        key = word(event.item_id)
        if not key and bytes(event.item):
            key = word(_item(event.item).id)
        return self._indexes.setdefault(key, max([*self._indexes.values(), *self.places], default=-1) + 1)

    def added(self, event: Event) -> None:
        item, index = _item(event.item), self._index(event)
        if word(item.id):
            self._indexes[word(item.id)] = index
        if item.type == "function_call":
            call = self._call(index)
            call.upstream_id = word(item.call_id) or word(item.id)
            call.name = word(item.name)
        elif item.type == "reasoning":
            self._reasoning(index)
        elif item.type == "message":
            self.text(index, 0)  # keeps its place

    def item_done(self, event: Event) -> None:
        self.complete_item(self._index(event), event.item)

    def complete_item(self, index: int, raw: msgspec.Raw) -> None:
        if index in self._complete:
            return
        self._complete.add(index)
        item = _item(raw)
        if item.type == "message":
            self._complete_message(index, item)
        elif item.type == "reasoning":
            self._complete_reasoning(index, item, raw)
        elif item.type == "function_call":
            call = self._call(index)
            call.upstream_id = call.upstream_id or word(item.call_id) or word(item.id)
            call.name = call.name or word(item.name)
            self._add_arguments(call, item.arguments, whole=True)
        elif item.type == "web_search_call":
            self.searches.ran(item.action)
        for part in self.line.of_item(index):
            part.done = True

    def _complete_message(self, index: int, item: Item) -> None:
        content = item.content if isinstance(item.content, list) else []
        for at, piece in enumerate(content):
            if isinstance(piece, dict):
                self._whole_part(index, at, piece)

    def _whole_part(self, index: int, at: int, piece: Mapping[str, object]) -> None:
        text = word(piece.get("text")) or word(piece.get("refusal"))
        if piece.get("type") not in ("output_text", "refusal", "text"):
            return
        self.refused = self.refused or piece.get("type") == "refusal"
        part = self.text(index, at)
        if not part.heard:
            self.add_text(part, text)
        part.done = True
        for annotation in citations(piece):
            self.searches.cited(annotation)

    def _complete_reasoning(self, index: int, item: Item, raw: msgspec.Raw) -> None:
        part = self._reasoning(index)
        if not part.source:
            summary = joined(item.summary, "summary_text")
            content = joined(item.content, "reasoning_text", "text")
            part.add("\n\n".join(summary or content), "whole")
        if word(item.encrypted_content):
            part.item = bytes(raw)
        part.done = True

    # --- pieces ---

    def text_delta(self, event: Event) -> None:
        text = word(event.delta)
        if text:
            self.refused = self.refused or event.type == "response.refusal.delta"
            self.add_text(self.text(self._index(event), _content_index(event)), text)

    def part_done(self, event: Event) -> None:
        if isinstance(event.part, dict):
            self._whole_part(self._index(event), _content_index(event), event.part)

    def cited(self, event: Event) -> None:
        self.searches.cited(event.annotation)

    def summary_part(self, event: Event) -> None:
        self._reasoning(self._index(event)).new_part()

    def thought(self, event: Event) -> None:
        source = "content" if "reasoning_text" in event.type else "summary"
        self._reasoning(self._index(event)).add(word(event.delta), source)

    def arguments_delta(self, event: Event) -> None:
        self._add_arguments(self._call(self._index(event)), event.delta, whole=False)

    def arguments_done(self, event: Event) -> None:
        call = self._call(self._index(event))
        self._add_arguments(call, event.arguments, whole=True)
        call.done = bool(call.name)

    # --- what is built ---

    def text(self, index: int, at: int) -> TextPart:
        part = self.line.all.get((index, at))
        if not isinstance(part, TextPart):
            part = TextPart()
            self.line.put((index, at), part)
        return part

    def add_text(self, part: TextPart, text: str) -> None:
        part.heard = part.heard or bool(text)
        part.add(text)
        self.said = self.said or part.ready

    def _reasoning(self, index: int) -> ReasoningPart:
        part = self.line.all.get((index, 0))
        if not isinstance(part, ReasoningPart):
            part = ReasoningPart(self._sign, lambda: self.said)
            self.line.put((index, 0), part)
        return part

    def _sign(self, item: bytes) -> str:
        if not item:
            return mint_text()
        try:
            return mint_item(item, self._origin)
        except UNREADABLE:
            return mint_text()

    def _call(self, index: int) -> CallPart:
        part = self.line.all.get((index, 0))
        if not isinstance(part, CallPart):
            part = CallPart("", self._mint_id, self._names, mend=self._mend)
            self.line.put((index, 0), part)
        return part

    @staticmethod
    def _add_arguments(call: CallPart, arguments: object, *, whole: bool) -> None:
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode() if arguments else ""
        if text and not call.done and not (whole and call.arguments.begun):
            call.arguments.add(text)

    def _mint_id(self, upstream_id: str) -> str:
        if not upstream_id and self.reply_id:
            # Made from the reply's own id: no dice here, and no other reply has the same.
            digest = hashlib.sha256(f"{self.reply_id}/{len(self.calls)}".encode()).hexdigest()
            upstream_id = f"call_{digest[:24]}"
        return self._ids.mint(upstream_id)


def _item(raw: msgspec.Raw) -> Item:
    try:
        return decoded(item_decoder, bytes(raw) or b"{}")
    except UNREADABLE:
        return Item()


def _content_index(event: Event) -> int:
    return event.content_index if isinstance(event.content_index, int) and event.content_index >= 0 else 0
