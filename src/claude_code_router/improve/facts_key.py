"""Which facts a routing table looks at, so that a million records need only as many decisions as there are different cases.

Two requests with equal keys get equal decisions (`tests/properties/test_replay.py` holds it against the engine). Numbers
count by the side of every threshold on which they are; what no rule asks about does not count.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.improve.told import leaves
from claude_code_router.routing.conditions import Amount, Flag, Has, Header, Heard, Hours, OneOf
from claude_code_router.routing.declared import lot
from claude_code_router.routing.table import RoutingTable

_CLASSIC = (
    "model", "kind", "request_class", "subagent", "subagent_model", "thinking", "thinking_budget_is_client_default", "effort",
    "ultrathink", "plan_mode", "images", "image_in_last_turn", "server_tools", "search_aside", "custom", "custom_note", "heard",
)  # fmt: skip
"""What the rules that are always there look at, and what was looked up."""
_AMBIGUOUS_WORDS = (0, 8)
_STILL_LONG_TOKENS = 20_000
_ALWAYS = (
    "tokens",
    "last_input_tokens",
    "max_tokens",
    "words",
    "session",
    "agent_id",
    "prompt_hash",
    "custom_ms",
    "headers",
)
_DEFAULTS = {field.name: field for field in msgspec.structs.fields(Signals)}

Key = tuple[Any, ...]


class FactsKey:
    """Of one table, or of several together. `facts_type` decodes as much of a record's signals as `of` needs."""

    def __init__(self, *tables: RoutingTable) -> None:
        declared = [rule for table in tables for rule in table.declared]
        conditions = list(leaves([rule.when for rule in declared]))
        verbatim = dict.fromkeys(_CLASSIC)
        verbatim |= dict.fromkeys(one.fact for one in conditions if isinstance(one, Flag | OneOf | Has))
        cuts = _cuts(conditions, tables)
        self._edges = tuple(cuts.values())
        self._amounts: Callable[[Any], tuple[Any, ...]] = operator.attrgetter(*cuts)
        self._splits = tuple(
            (rule.name, _edges(rule.shares))
            for rule in dict.fromkeys(declared)
            if rule.shares and not (len(rule.shares) == 1 and rule.shares[0].percent >= 100)
        )
        self._windows = _windows(tables)
        self._minutes = [bound for one in conditions if isinstance(one, Hours) for bound in (one.since, one.until)]
        self._verbatim: Callable[[Any], Key] = operator.attrgetter(*verbatim)
        self._headers = any(isinstance(one, Header) for one in conditions)
        self._words = frozenset(word for one in conditions if isinstance(one, Heard) for word in one.words)
        times = ("minute_of_day", "weekday") if self._minutes or "weekday" in verbatim else ()
        self.asks_the_time = bool(times)
        standing = ("standing", "namespace") if any(table.sticky for table in tables) else ()
        self.names = tuple(dict.fromkeys((*verbatim, *cuts, *_ALWAYS, *times, *standing)))
        """The facts that `of` reads."""

    def of(self, facts: Any) -> Key:
        """`facts`: Signals, or what has the fields `names`."""
        sides = [
            -1 if value is None else bisect_right(edges, value)
            for value, edges in zip(self._amounts(facts), self._edges, strict=True)
        ]
        parts = (*self._verbatim(facts), facts.custom_ms is None, *sides)
        if self._minutes:
            minute = facts.minute_of_day
            parts += (-1,) if minute is None else tuple([minute >= bound for bound in self._minutes])
        for window, most in self._windows:
            asked = facts.max_tokens or 0
            parts += (facts.tokens + (min(asked, most) if most else asked) <= window,)
        for name, edges in self._splits:
            parts += (bisect_right(edges, lot(name, facts.session or facts.prompt_hash)),)
        if self._headers:
            parts += (tuple(sorted(facts.headers.items())),)
        if facts.custom:  # it may name a target that the table does not, with a window of its own
            parts += (facts.tokens, facts.max_tokens)
        return parts

    def heard(self, heard: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the words that this table listens for."""
        return tuple([word for word in heard if word in self._words]) if heard else heard


def facts_type(names: Iterable[str]) -> type[msgspec.Struct]:
    """A struct with these fields of Signals only: a third of the time to decode."""
    fields: list[Any] = []
    for name in names:
        field = _DEFAULTS[name]
        if field.required:
            fields.append((name, field.type))
        elif field.default is msgspec.NODEFAULT:
            fields.append((name, field.type, msgspec.field(default_factory=field.default_factory)))
        else:
            fields.append((name, field.type, field.default))
    return msgspec.defstruct("Facts", fields, kw_only=True, gc=False)


def _cuts(conditions: Sequence[Any], tables: Sequence[RoutingTable]) -> dict[str, list[float]]:
    """By fact, where its values part: below, at and above each threshold, so that one search finds the side."""
    thresholds: set[float] = {table.long_context_threshold_tokens for table in tables}
    found: dict[str, set[float]] = {"tokens": {*thresholds, _STILL_LONG_TOKENS}, "last_input_tokens": thresholds}
    if any(table.guards is not None and table.guards.ambiguous for table in tables):
        found["words"] = set(_AMBIGUOUS_WORDS)
    for one in conditions:
        if isinstance(one, Amount):
            bounds = (one.over, one.under, one.at_least, one.at_most)
            found.setdefault(one.fact, set()).update(bound for bound in bounds if bound is not None)
    return {
        name: sorted({edge for bound in bounds for edge in (bound, math.nextafter(bound, math.inf))})
        for name, bounds in found.items()
    }


def _edges(shares: Sequence[Any]) -> list[float]:
    edges, reached = [], 0.0
    for share in shares:
        reached += share.percent
        edges.append(reached)
    return edges


def _windows(tables: Sequence[RoutingTable]) -> tuple[tuple[int, int | None], ...]:
    """Of everything that the window guard may look at, and the last word of stickiness."""
    guarding = [table for table in tables if table.guards is not None and table.guards.window]
    cards = {target: table.card_of(target) for table in guarding for target in targets(table)}
    return tuple({
        (known.context_tokens, known.max_output_tokens): None
        for known in cards.values()
        if known.context_tokens is not None
    })  # fmt: skip


def targets(table: RoutingTable) -> Iterable[Target]:
    """Every target that the table names."""
    yield from table.scenarios.values()
    for chain in table.fallback.values():
        yield from chain
    for tier in table.tiers.values():
        yield from tier.targets
    for use in (*table.aliases.values(), *(share.use for one in table.declared for share in one.shares)):
        yield from use.targets
