"""What a record can tell of a rule that was not there when it was written. Pure.

The record has facts, not the prompt. Of a word that nobody listened for then, it does not say whether it was said. Such a
condition is neither true nor false here, and a decision that hangs on it is not told: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from claude_code_router.core.decision import Decision
from claude_code_router.core.signals import Signals
from claude_code_router.routing.conditions import All, Amount, AnyOf, Condition, Header, Heard, Not, OneOf
from claude_code_router.routing.engine import Rule, decide_beside
from claude_code_router.routing.escalation import raised
from claude_code_router.routing.table import RoutingTable

_SOME_WORD = "\0"
"""No rule can ask for it: stands for "some word that nobody listened for"."""
RATING, LEARNED = "rating", "learned"
"""What a judge of difficulty said, and what was learnt: facts of `Signals`, there when the config asks for them."""
_LOOKED_UP = frozenset({"difficulty", "spend_today_usd", "language"})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules in force wanted to be looked up."""

    words: frozenset[str] = frozenset()
    """Words, phrases and patterns that were listened for."""
    facts: frozenset[str] = frozenset()
    """Looked-up facts; a header as `header:name`."""

    def beyond(self, then: Asked) -> Asked:
        """What is asked here and was not asked then."""
        return Asked(words=self.words - then.words, facts=self.facts - then.facts)

    @property
    def any(self) -> bool:
        return bool(self.words or self.facts)


NOTHING = Asked()


def asked_by(table: RoutingTable) -> Asked:
    """By its rules, not by its shadow's."""
    words: set[str] = set()
    facts: set[str] = set()
    for one in leaves([rule.when for rule in table.declared]):
        match one:
            case Heard():
                words.update(one.words)
            case Header():
                facts.add(f"header:{one.name}")
            case Amount() | OneOf() if one.fact in _LOOKED_UP:
                facts.add(one.fact)
            case _:
                pass
    facts |= {name for name, judge in ((RATING, table.difficulty), (LEARNED, table.learned)) if judge is not None}
    return Asked(words=frozenset(words), facts=frozenset(facts))


def leaves(conditions: Sequence[Condition]) -> Iterator[Condition]:
    """All conditions that have no others inside."""
    for one in conditions:
        match one:
            case All() | AnyOf():
                yield from leaves(one.conditions)
            case Not():
                yield from leaves([one.condition])
            case _:
                yield one


def holds(condition: Condition, signals: Signals, unknown: Asked) -> bool | None:
    """None: the record does not tell (Kleene's logic)."""
    match condition:
        case All():
            found = [holds(one, signals, unknown) for one in condition.conditions]
            return False if False in found else None if None in found else True
        case AnyOf():
            found = [holds(one, signals, unknown) for one in condition.conditions]
            return True if True in found else None if None in found else False
        case Not():
            inner = holds(condition.condition, signals, unknown)
            return None if inner is None else not inner
        case Heard():
            said = condition.look(signals)[0]
            return said or (None if unknown.words.intersection(condition.words) else False)
        case Header() if f"header:{condition.name}" in unknown.facts and condition.name not in signals.headers:
            return None
        case Amount() | OneOf() if condition.fact in unknown.facts and getattr(signals, condition.fact) in (None, ""):
            return None
        case _:
            return condition.look(signals)[0]


def possible(
    signals: Signals, table: RoutingTable, unknown: Asked, rules: Sequence[Rule]
) -> tuple[Decision | str, ...]:
    """Every decision that fits what the record tells; one, when it tells enough. A refusal is its sentence."""
    if not unknown.any:
        return (_decided(signals, table, rules),)
    found = [holds(rule.when, signals, unknown) for rule in table.declared]
    unsure = [place for place, value in enumerate(found) if value is None]
    worlds = [_without(table, unsure, None), *(_without(table, unsure, place) for place in unsure)]
    heard = [signals]
    if unknown.words and not signals.heard and table.guards is not None and table.guards.ambiguous:
        heard.append(msgspec.structs.replace(signals, heard=(_SOME_WORD,)))
    return tuple(_decided(one, world, rules) for world in worlds for one in heard)


def _decided(signals: Signals, table: RoutingTable, rules: Sequence[Rule]) -> Decision | str:
    """As the server decides, up to stickiness."""
    decision = decide_beside(signals, table, rules)
    return decision if isinstance(decision, str) else raised(decision, signals, table)


def _without(table: RoutingTable, unsure: Sequence[int], but: int | None) -> RoutingTable:
    """The table as if of the rules that nobody can judge only this one applied."""
    declared = tuple(
        msgspec.structs.replace(rule, when=All(())) if place == but else rule
        for place, rule in enumerate(table.declared)
        if place == but or place not in unsure
    )
    return msgspec.structs.replace(table, declared=declared)
