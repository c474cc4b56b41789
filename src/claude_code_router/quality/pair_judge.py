"""How well a judge that sees two replies side by side agrees with people who saw the same two. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from claude_code_router.quality.intervals import Interval, wilson

Better = Literal["served", "other", "tie"]
SLIGHTLY = 0.01
"""By so much a person's values of two replies differ when both are good, or both bad, and one is better: the order is kept,
and any threshold between calls both the same."""


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Of one judge."""

    apart: int = 0
    """Pairs of which people found one reply better."""
    right: int = 0
    """Of them, those of which the judge found the same."""
    undecided: int = 0
    """Of them, those that it called a tie, or of which it changed its mind with the order."""
    alike: int = 0
    """Pairs that people found equally good."""
    ties: int = 0
    """Of them, those that the judge called a tie."""

    @property
    def right_interval(self) -> Interval:
        return wilson(self.right / self.apart if self.apart else 0.0, self.apart)


def better(served: float, other: float) -> Better:
    """What a person's two values say."""
    return "tie" if served == other else "served" if served > other else "other"


def agreement(seen: Iterable[tuple[Better, str]]) -> Agreement:
    """Of (what a person found better, what the judge did); a judge without an answer (empty) is left out."""
    counts = dict.fromkeys(("apart", "right", "undecided", "alike", "ties"), 0)
    for person, judge in seen:
        if not judge:
            continue
        if person == "tie":
            counts["alike"] += 1
            counts["ties"] += judge == "tie"
        else:
            counts["apart"] += 1
            counts["right"] += judge == person
            counts["undecided"] += judge == "tie"
    return Agreement(**counts)
