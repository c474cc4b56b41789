"""How much a turn needs the stronger tier, by what was learnt from outcomes: a fact for the rule `learned`."""

from __future__ import annotations

import msgspec


class LearnedScore(msgspec.Struct, frozen=True, kw_only=True):
    score: float
    """From 0 to 1; above a half the stronger tier is wanted."""
    gain: float
    """How much more often the stronger tier's answer would be good, as far as is known."""
    needed: float
    """The gain from which on it is worth its price."""
    tier: str
    """The tier that is wanted, by its name in `Tiers`."""
    method: str
    """What it was scored by: words, facts, table or length."""
    epoch: str
    """Of the model file: scores of different epochs are not to be compared."""
