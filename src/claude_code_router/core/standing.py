"""Where a session stands among the models: a fact for the last word of routing (`routing.stickiness`)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from claude_code_router.core.target import Target


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """What a coming call of the session looks like, in tokens."""

    prefix_tokens: int
    new_tokens: int
    output_tokens: int


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of models does to the session's bill, in USD."""

    once_usd: float
    """Paid with the first call: the prefix is written to the new target's cache."""
    saving_usd: float
    """Per call from then on; negative when the new target is dearer."""

    @property
    def break_even_calls(self) -> float | None:
        """None when it never pays."""
        return self.once_usd / self.saving_usd if self.saving_usd > 0 else None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Who answered the conversation last, and what its replies measured."""

    target: Target
    asked: str = ""
    """The model that the client asked for then."""
    stand_in: bool = False
    """It answered because the planned target could not."""
    warm: Mapping[str, int] = {}
    """By target as it is written: how many tokens of the conversation its cache most likely still has."""
    calls: Calls
    calls_a_turn: float
    """So many calls a turn of this session has had."""
    foregone_usd: float = 0.0
    """What staying has cost so far, against the cheaper target that the rules wished for."""
    move: Move | None = None
    """To the target that the rules wish for now; None when it is there, or a price is not known."""

    @property
    def expired(self) -> bool:
        return str(self.target) not in self.warm
