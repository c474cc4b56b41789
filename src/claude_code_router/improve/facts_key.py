"""Which facts a routing table looks at, so that a million records need only as many decisions as there are different cases.

Two requests with equal keys get equal decisions (`tests/properties/test_replay.py` holds it against the engine). A key has what
the classic rules say, which of the owner's conditions hold, and what the guards look at; not the facts themselves, of which
there may be as many as requests.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Any

import msgspec
from msgspec.structs import astuple

from claude_code_router.core.decision import Choose, Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.improve.told import NOTHING, Asked, holds, leaves
from claude_code_router.routing.conditions import Amount, Condition, Flag, Has, Header, Heard, Hours, OneOf
from claude_code_router.routing.declared import DeclaredRule, lot
from claude_code_router.routing.engine import CLASSIC_RULES, rule_name
from claude_code_router.routing.rules.alias import alias
from claude_code_router.routing.rules.custom import custom
from claude_code_router.routing.table import RoutingTable

_CLASSIC = (
    "model", "kind", "request_class", "subagent", "subagent_model", "thinking", "thinking_budget_is_client_default", "effort",
    "ultrathink", "plan_mode", "images", "image_in_last_turn", "server_tools", "search_aside", "custom", "custom_note",
)  # fmt: skip
"""What the rules that are always there look at, besides `tokens` and `last_input_tokens`."""
_IN_SENTENCES = ("agent_type", "thinking_budget", "custom_edited")
"""What those rules only mention."""
_AMBIGUOUS_WORDS = 8
_STILL_LONG_TOKENS = 20_000
_CASES_KEPT = 50_000
"""Texts that a rule asks for, such as a session, may be as many as requests."""
_ALWAYS = ("max_tokens", "words", "heard", "session", "agent_id", "prompt_hash", "headers", "custom_ms")
_DEFAULTS = {field.name: field for field in msgspec.structs.fields(Signals)}

Key = tuple[Any, ...]


class FactsKey:
    """Of one table, or of several together."""

    def __init__(self, *tables: RoutingTable, unknown: Asked = NOTHING, sayings: Sayings | None = None) -> None:
        """`unknown`: what the tables ask for and the record does not tell."""
        declared = list(dict.fromkeys(rule for table in tables for rule in table.declared))
        conditions = list(leaves([rule.when for rule in declared]))
        edges = _edges(conditions, tables)
        texts = tuple(dict.fromkeys(name for one in conditions if (name := _fact(one)) not in edges))
        self._unknown = unknown
        self._edges = tuple(edges.values())
        self._classic = slice(len(edges), len(edges) + len(_CLASSIC))
        self._headers = len(edges) + texts.index("headers") if "headers" in texts else None
        self._length = _lengths(edges["tokens"], tables)
        self._sayings = (sayings or Sayings()).of(tables)
        self._cases = _Cases(tables, declared, (*edges, *texts))
        self._rest = _Rest(tables, declared)
        self._words = frozenset(word for one in conditions if isinstance(one, Heard) for word in one.words)
        times = ("minute_of_day", "weekday") if {"minute_of_day", "weekday"} & {*edges, *texts} else ()
        self.asks_the_time = bool(times)
        standing = ("standing", "namespace") if any(table.sticky for table in tables) else ()
        names = tuple(dict.fromkeys((*edges, *_CLASSIC, *texts, *_IN_SENTENCES, *_ALWAYS, *times, *standing)))
        self._texts = _picked([names.index(name) for name in texts])
        self.facts = _facts_type(names)
        """As much of Signals as `of` reads: a third of the time to decode."""

    def of(self, facts: Any) -> Key:
        """Of `self.facts`."""
        values = astuple(facts)
        sides: list[Any] = [
            -1 if value is None else bisect_right(places, value)
            for places, value in zip(self._edges, values, strict=False)
        ]
        classic = (values[self._classic], self._length[sides[0]], sides[1], facts.custom_ms is None)
        said = self._sayings.known.get(classic)
        if said is None:
            said = self._sayings.add(classic, facts)
        sides += self._texts(values)
        if self._headers is not None:
            sides[self._headers] = tuple(sorted(facts.headers.items()))
        seen = tuple(sides)
        case = self._cases.known.get(seen)
        if case is None:
            case = self._cases.add(seen, facts, self._unknown)
        return (said, case, *self._rest.of(facts, self.heard(facts.heard))) if self._rest.any else (said, case)

    def heard(self, heard: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the words that this table listens for."""
        return tuple([word for word in heard if word in self._words]) if heard else heard


class _Sayings:
    """What the rules that are always there say, all of them, as a number for each way of saying it."""

    def __init__(self, tables: Sequence[RoutingTable]) -> None:
        self._tables = tables
        self._numbers: dict[Key, int] = {}
        self.known: dict[Key, int] = {}
        """By their facts."""

    def add(self, classic: Key, facts: Any) -> int:
        said = tuple([
            _shape(rule(facts, table))
            for table in self._tables
            for rule in (*CLASSIC_RULES, *((alias,) if table.aliases else ()))
        ])  # fmt: skip
        found = self.known[classic] = self._numbers.setdefault(said, len(self._numbers))
        return found


class Sayings:
    """Shared by keys whose tables differ in the owner's rules only."""

    def __init__(self) -> None:
        self._known: list[tuple[list[RoutingTable], _Sayings]] = []

    def of(self, tables: Sequence[RoutingTable]) -> _Sayings:
        bare = [
            msgspec.structs.replace(
                table, declared=(), guards=None, sticky=False, listening=None, shadow=None, config_hash=""
            )
            for table in tables
        ]
        found = next((sayings for known, sayings in self._known if known == bare), None)
        if found is None:
            found = _Sayings(bare)
            self._known.append((bare, found))
        return found


class _Condition:
    """Of a rule, and what it said of each side of its facts."""

    def __init__(self, condition: Condition, facts: Sequence[str]) -> None:
        places = dict.fromkeys(facts.index(_fact(leaf)) for leaf in leaves([condition]))
        self._condition = condition
        self._pick: Callable[[Sequence[Any]], Any] = itemgetter(*(places or (0,)))
        self._known: dict[Any, bool | None] = {}

    def holds(self, seen: Key, facts: Any, unknown: Asked) -> bool | None:
        side = self._pick(seen)
        if side not in self._known:
            self._known[side] = holds(self._condition, facts, unknown)
        return self._known[side]


class _Cases:
    """Which of the owner's rules matter of those that hold, as a number: none behind the first that surely decides."""

    def __init__(self, tables: Sequence[RoutingTable], declared: Sequence[DeclaredRule], facts: Sequence[str]) -> None:
        self._conditions = [_Condition(rule.when, facts) for rule in declared]
        self._asked = [[(declared.index(rule), not _by_lot(rule)) for rule in _in_order(table)] for table in tables]
        self._numbers: dict[Key, int] = {}
        self.known: dict[Key, int] = {}
        """By the sides of the facts."""

    def add(self, seen: Key, facts: Any, unknown: Asked) -> int:
        held = [one.holds(seen, facts, unknown) for one in self._conditions]
        case = []
        for asked in self._asked:
            for place, decides in asked:
                case.append((place, held[place]))
                if held[place] and decides:
                    break
        if len(self.known) >= _CASES_KEPT:
            self.known.clear()
        found = self.known[seen] = self._numbers.setdefault(tuple(case), len(self._numbers))
        return found


class _Rest:
    """What guards and lots look at."""

    def __init__(self, tables: Sequence[RoutingTable], declared: Sequence[DeclaredRule]) -> None:
        self._floors = any(t.guards is not None and (t.guards.ambiguous or t.guards.chain) for t in tables)
        self._windows = _windows(tables)
        self._lots = tuple((rule.name, _reached(rule)) for rule in declared if _by_lot(rule))
        self.any = bool(self._floors or self._windows or self._lots)

    def of(self, facts: Any, heard: tuple[str, ...]) -> Key:
        parts: list[Any] = []
        if self._floors:
            parts += (facts.kind, 0 < facts.words <= _AMBIGUOUS_WORDS, not heard)
        for window, most in self._windows:
            asked = facts.max_tokens or 0
            parts.append(facts.tokens + (min(asked, most) if most else asked) <= window)
        if self._windows and facts.custom:  # it may name a target that the table does not, with a window of its own
            parts += (facts.tokens, facts.max_tokens)
        for name, edges in self._lots:
            parts.append(bisect_right(edges, lot(name, facts.session or facts.prompt_hash)))
        return tuple(parts)


def _picked(places: Sequence[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple([values[place] for place in places])


def _facts_type(names: Iterable[str]) -> type[msgspec.Struct]:
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


def _fact(leaf: Condition) -> str:
    match leaf:
        case Heard():
            return "heard"
        case Header():
            return "headers"
        case Hours():
            return "minute_of_day"
        case Amount() | Flag() | OneOf() | Has():
            return leaf.fact
        case _:
            raise TypeError(f"{leaf} has others inside")


def _edges(conditions: Sequence[Condition], tables: Sequence[RoutingTable]) -> Mapping[str, Sequence[float]]:
    """By fact that is a number, where its values part: below, at and above each threshold, so that one search finds the
    side."""
    thresholds: set[float] = {table.long_context_threshold_tokens for table in tables}
    found: dict[str, set[float]] = {"tokens": {*thresholds, _STILL_LONG_TOKENS}, "last_input_tokens": thresholds}
    for one in conditions:
        match one:
            case Amount():
                bounds: Iterable[float | None] = (one.over, one.under, one.at_least, one.at_most)
            case Hours():
                bounds = (one.since, one.until)
            case _:
                continue
        found.setdefault(_fact(one), set()).update(bound for bound in bounds if bound is not None)
    return {
        name: sorted({edge for bound in bounds for edge in (bound, math.nextafter(bound, math.inf))})
        for name, bounds in found.items()
    }


def _lengths(edges: Sequence[float], tables: Sequence[RoutingTable]) -> Sequence[int]:
    """By the side of all thresholds of the tokens, the side of those that the classic rules know."""
    classic = set(_edges([], tables)["tokens"])
    return list(accumulate((edge in classic for edge in edges), initial=0))


def _in_order(table: RoutingTable) -> Iterator[DeclaredRule]:
    """The owner's rules as the engine asks them."""
    for rule in CLASSIC_RULES:
        yield from [one for one in table.declared if one.before == rule_name(rule)]
        if rule is custom:
            yield from [one for one in table.declared if not one.before]


def _shape(verdict: Verdict) -> Key | None:
    if isinstance(verdict, Pass):
        return None
    return (verdict.rule, verdict.route, verdict.scenario) if isinstance(verdict, Choose) else (verdict.rule,)


def _by_lot(rule: DeclaredRule) -> bool:
    return bool(rule.shares) and not (len(rule.shares) == 1 and rule.shares[0].percent >= 100)


def _reached(rule: DeclaredRule) -> list[float]:
    edges, reached = [], 0.0
    for share in rule.shares:
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
