"""Which conversations are in trouble: something fell short, and not enough has gone well since. In memory only, bounded."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from claude_code_router.core.escalation import Trouble


class _State(msgspec.Struct):
    active: Trouble | None = None
    coming: Trouble | None = None
    """From the next turn of the person on: a turn that has begun stays where its cache is warm."""


class Troubles:
    """By conversation (routing.tokens.conversation_of). The least recently used is forgotten."""

    def __init__(self, *, most: int = 4096) -> None:
        self._states: OrderedDict[str, _State] = OrderedDict()
        self._most = most

    def recall(self, conversation: str, *, user_turn: bool) -> Trouble | None:
        """What holds for this request."""
        state = self._states.get(conversation)
        if state is None:
            return None
        self._states.move_to_end(conversation)
        if user_turn and state.coming is not None:
            state.active, state.coming = state.coming, None
        return state.active

    def fell_short(self, conversation: str, trouble: Trouble, *, at_once: bool = False) -> None:
        """`at_once`: for the turn that is under way, too."""
        if not conversation:
            return
        state = self._states.setdefault(conversation, _State())
        if at_once:
            state.active, state.coming = trouble, None
        else:
            if state.active is not None:
                state.active = msgspec.structs.replace(state.active, good_turns=0)
            state.coming = trouble
        self._states.move_to_end(conversation)
        while len(self._states) > self._most:
            self._states.popitem(last=False)

    def no_better(self, conversation: str) -> None:
        """A reply of the strongest tier fell short: there is nowhere to go, and it was no good turn."""
        state = self._states.get(conversation)
        if state is not None and state.active is not None:
            state.active = msgspec.structs.replace(state.active, good_turns=0)

    def went_well(self, conversation: str, enough: int) -> None:
        """A turn ended well. After `enough` of them in a row the trouble is over."""
        state = self._states.get(conversation)
        if state is None or state.active is None:
            return
        state.active = msgspec.structs.replace(state.active, good_turns=state.active.good_turns + 1)
        if state.active.good_turns >= enough:
            state.active = None
            if state.coming is None:
                del self._states[conversation]

    def __len__(self) -> int:
        return len(self._states)
