"""Changes of a config that are worth trying. Pure: from the file's data and the figures of what went through it.

Each is a few places of the file with new values, so that `config.edit` can write exactly what was tried. Changes of the same
thing (one threshold to several values) are one family: the best of it is chosen on the older records, and only that one is
looked at on the newer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from claude_code_router.config.conditions import AMOUNTS
from claude_code_router.config.places import Place, read_place, spell, value_at
from claude_code_router.routing.table import DEFAULT_LONG_CONTEXT_THRESHOLD_TOKENS, SCENARIOS

_STEPS = 12
"""Values of one threshold: the quantiles of what was seen."""
_ROUND_TO = 500
_WHOLE = frozenset(
    {"tokens", "max_tokens", "messages", "words", "tool_depth", "tool_errors", "thinking_budget", "body_bytes"}
)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    family: str
    """What is changed: `Rules[2].when.tokens.under`, `the rule design`, `the category review`."""
    text: str
    """One line: what to what."""
    changes: Mapping[str, Any]
    """Place to value, for `config.edit`."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Of the older pairs."""

    amounts: Mapping[str, Sequence[float]]
    """Values by fact, as the conditions name it (`tokens`, `words`, …), in rising order."""
    categories: Mapping[str, int]
    """How many pairs each has."""


def candidates(data: Mapping[str, Any], tiers: Sequence[str], seen: Seen, at: Place = ()) -> list[Candidate]:
    """`data`: the file's (or a namespace's, which stands `at` this place). `tiers`: from weak to strong."""
    found = [*_threshold(data, seen, at), *_amounts(data, seen, at)]
    if tiers:
        found += [*_rules(data, tiers, at), *_scenarios(data, tiers, at), *_categories(data, tiers, seen, at)]
        found += _stickiness(data, at)
    return found


def _threshold(data: Mapping[str, Any], seen: Seen, at: Place) -> Iterator[Candidate]:
    router = data.get("Router")
    if not isinstance(router, Mapping) or not router.get("longContext"):
        return
    now = router.get("longContextThreshold") or DEFAULT_LONG_CONTEXT_THRESHOLD_TOKENS
    place = spell((*at, "Router", "longContextThreshold"))
    for value in _values(seen.amounts.get("tokens", ()), _ROUND_TO):
        if value != now:
            yield Candidate(
                family=place, text=f"longContextThreshold from {now:,} to {value:,}", changes={place: int(value)}
            )


def _amounts(data: Mapping[str, Any], seen: Seen, at: Place) -> Iterator[Candidate]:
    for number, rule in enumerate(_rule_list(data)):
        name = rule.get("name") or f"rule {number + 1}"
        for place, fact, bound, now in _bounds(rule.get("when"), (*at, "Rules", number, "when")):
            what = f"the rule {name}: {fact} {bound.replace('_', ' ')}"
            yield from _moved(place, fact, now, what, seen.amounts.get(fact, ()))


def _moved(place: Place, fact: str, now: float, what: str, values: Sequence[float]) -> Iterator[Candidate]:
    spelled = spell(place)
    for value in _values(values, _ROUND_TO if fact in ("tokens", "max_tokens") else 0):
        kept: float = int(value) if fact in _WHOLE else value
        if kept != now:
            yield Candidate(family=spelled, text=f"{what} from {now:,} to {kept:,}", changes={spelled: kept})


def _bounds(when: object, at: Place) -> Iterator[tuple[Place, str, str, float]]:
    """Every bound of a number in a condition: its place, fact, kind and value."""
    if isinstance(when, list):
        for index, one in enumerate(when):
            yield from _bounds(one, (*at, index))
    if not isinstance(when, Mapping):
        return
    for key, said in when.items():
        if key in AMOUNTS and isinstance(said, Mapping):
            yield from (((*at, key, bound), key, bound, value) for bound, value in said.items())
        elif key in ("all", "any", "not"):
            yield from _bounds(said, (*at, key))


def _rules(data: Mapping[str, Any], tiers: Sequence[str], at: Place) -> Iterator[Candidate]:
    for number, rule in enumerate(_rule_list(data)):
        name, use = rule.get("name") or rule.get("preset") or f"rule {number + 1}", rule.get("use")
        if not isinstance(use, str) or use not in tiers:
            continue
        place = spell((*at, "Rules", number, "use"))
        for other in _neighbours(use, tiers):
            way = "up" if tiers.index(other) > tiers.index(use) else "down"
            text = f"the rule {name} a tier {way}: from {use} to {other}"
            yield Candidate(family=f"the rule {name}", text=text, changes={place: other})


def _scenarios(data: Mapping[str, Any], tiers: Sequence[str], at: Place) -> Iterator[Candidate]:
    router, named = data.get("Router"), data.get("Tiers")
    if not isinstance(router, Mapping) or not isinstance(named, Mapping):
        return
    firsts = {tier: said if isinstance(said, str) else said[0] for tier, said in named.items() if said}
    for scenario in SCENARIOS:
        target = router.get(scenario)
        tier = next((name for name, first in firsts.items() if first == target), "")
        if not tier or tier not in tiers or scenario in ("image", "webSearch", "classifier"):
            continue  # what those need is not a question of strength
        for other in _neighbours(tier, tiers):
            if other in firsts:
                text = f"Router.{scenario} from {tier} to {other} ({firsts[other]})"
                place = spell((*at, "Router", scenario))
                yield Candidate(family=place, text=text, changes={place: firsts[other]})


def _categories(data: Mapping[str, Any], tiers: Sequence[str], seen: Seen, at: Place) -> Iterator[Candidate]:
    """A rule of its own behind the owner's: what he has said himself goes before, and his list is left as he wrote it."""
    rules = data.get("Rules")
    names = {rule.get("name") for rule in _rule_list(data)}
    place = spell((*at, "Rules", len(rules) if isinstance(rules, list) else 0))
    for category, count in seen.categories.items():
        name = f"category {category}"
        if not category or count < 2 or name in names:
            continue
        for tier in tiers:
            rule = {"name": name, "when": {"category": category}, "use": tier}
            text = f"the category {category} to {tier}, by a rule behind the others"
            yield Candidate(family=f"the category {category}", text=text, changes={place: rule})


def together(chosen: Sequence[Candidate]) -> dict[str, Any]:
    """Their changes as one: rules that several want to add stand one behind the other."""
    merged: dict[str, Any] = {}
    for candidate in chosen:
        for place, value in candidate.changes.items():
            steps = read_place(place)
            while spell(steps) in merged and isinstance(steps[-1], int):
                steps = (*steps[:-1], steps[-1] + 1)
            merged[spell(steps)] = value
    return merged


def _stickiness(data: Mapping[str, Any], at: Place) -> Iterator[Candidate]:
    if data.get("Stickiness") is False:
        place = spell((*at, "Stickiness"))
        yield Candidate(family=place, text="Stickiness on", changes={place: True})


def _rule_list(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    rules = data.get("Rules")
    return [rule for rule in rules if isinstance(rule, Mapping)] if isinstance(rules, list) else []


def _neighbours(tier: str, tiers: Sequence[str]) -> Iterator[str]:
    place = tiers.index(tier)
    if place + 1 < len(tiers):
        yield tiers[place + 1]
    if place > 0:
        yield tiers[place - 1]


def _values(ordered: Sequence[float], round_to: int) -> list[float]:
    """Quantiles, so that each step moves as many requests as any other."""
    if len(ordered) < _STEPS:
        return []
    found = [ordered[len(ordered) * step // (_STEPS + 1)] for step in range(1, _STEPS + 1)]
    rounded = [max(round_to, round(value / round_to) * round_to) for value in found] if round_to else found
    return sorted(set(rounded))


def scope(data: Mapping[str, Any], namespace: str) -> tuple[Mapping[str, Any], Place]:
    """What stands in the file for this namespace (empty: the whole file), and where. A namespace that says nothing of its own
    shares the file's."""
    own = value_at(data, ("Namespaces", namespace)) if namespace else None
    if isinstance(own, Mapping) and any(own.get(key) for key in ("Router", "Rules", "Tiers")):
        return own, ("Namespaces", namespace)
    return data, ()
