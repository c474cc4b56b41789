"""Which call a piece belongs to. Servers number their calls wrongly, twice, or not at all; the id tells when there is one, then
the index, then the order."""

from __future__ import annotations

import re
from collections.abc import Callable

from claude_code_router.core.chat import ChatRequest, ToolCall
from claude_code_router.dialects.openai_chat.chunks import CallDelta
from claude_code_router.dialects.openai_chat.open_blocks import CallBlock

_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")
"""Anthropic's rule for ids: the call may be replayed there one day."""


class Calls:
    """The calls of one reply."""

    def __init__(self, known_names: frozenset[str], begin: Callable[[str], CallBlock]) -> None:
        self._known_names = known_names
        self._begin = begin
        self._by_id: dict[str, CallBlock] = {}
        self._by_index: dict[int, CallBlock] = {}
        self._current: CallBlock | None = None
        self.all: list[CallBlock] = []

    def add(self, piece: CallDelta) -> None:
        if not (piece.name or piece.arguments or piece.id):
            return
        call = self._owner(piece)
        if call is None:
            call = self._new(piece)
        elif self._is_next(call, piece):
            name, call = call.name, self._new(piece)
            call.name = piece.name or name
        self._current = call
        if piece.id and not call.upstream_id:
            call.upstream_id = piece.id
            self._by_id[piece.id] = call
        if piece.name and not call.arguments.begun:
            call.name = self._joined_name(call.name, piece.name)
        # Of a whole call only a repetition can follow.
        if piece.arguments and (call.arguments.is_stub or not call.arguments.complete):
            call.arguments.add(piece.arguments)

    def _owner(self, piece: CallDelta) -> CallBlock | None:
        """The call that has begun already under this id or index; None when there is none."""
        at_index = self._by_index.get(piece.index) if piece.index is not None else None
        if not piece.id:
            return at_index or (None if piece.name and piece.index is not None else self._current)
        if piece.id in self._by_id:
            return self._by_id[piece.id]
        if at_index is not None and not at_index.upstream_id and not at_index.arguments.begun:
            return at_index  # its id comes late
        # An id without a name begins nothing where a call stands already: some proxies invent one for every chunk.
        if piece.name:
            return None
        return at_index if piece.index is not None else self._current

    @staticmethod
    def _is_next(call: CallBlock, piece: CallDelta) -> bool:
        """The piece wears a begun call's id or index and is the next call all the same: that one is whole, and this has
        another name or arguments of its own."""
        if not call.arguments.complete:
            return False
        if piece.name and piece.name != call.name:
            return True
        another = piece.arguments.lstrip().startswith("{") and not call.arguments.repeats(piece.arguments)
        return another and not call.arguments.is_stub

    def _new(self, piece: CallDelta) -> CallBlock:
        call = self._begin(piece.id)
        if piece.id:
            self._by_id[piece.id] = call
        index = piece.index or 0
        if piece.index is None or piece.id:
            # A taken index under a new id: its own pieces will come under the next free one (seen with deepseek-v4-flash).
            while index in self._by_index:
                index += 1
        self._by_index[index] = call
        self.all.append(call)
        return call

    def _joined_name(self, so_far: str, piece: str) -> str:
        if not so_far or piece.startswith(so_far):
            return piece  # the first, or the same again, or cumulative
        if so_far in self._known_names:
            return so_far
        return so_far + piece


class CallIds:
    """Ids for the client: the upstream's own where they are sound and new in this conversation."""

    def __init__(self, chat: ChatRequest | None) -> None:
        self._chat = chat
        self._used: set[str] | None = None

    def mint(self, upstream_id: str) -> str:
        if self._used is None:
            turns = self._chat.turns if self._chat is not None else ()
            self._used = {part.id for turn in turns for part in turn.parts if isinstance(part, ToolCall)}
        base = _NOT_IN_IDS.sub("_", upstream_id)
        if not base or base.isdecimal():
            base = f"call_{base or len(self._used)}"
        unique, n = base, len(self._used)
        while unique in self._used:
            unique = f"{base}_{n}"
            n += 1
        self._used.add(unique)
        return unique
