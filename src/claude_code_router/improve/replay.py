"""Yesterday's traffic against tomorrow's rules: one pass over the records, oldest first, each decided again.

Nothing is sent. What is counted is what a record tells; what it does not tell is counted as such (`improve.told`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from claude_code_router.core.decision import Decision
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.improve.again import REFUSED, Again, Outcome
from claude_code_router.improve.bill import Bill, RatesOf
from claude_code_router.improve.replayed import NO_TIER, Example, Flip, Lane, Replay, Side
from claude_code_router.routing.declared import tier_of
from claude_code_router.routing.sessions import Sessions
from claude_code_router.routing.stickiness import RULE as STICKINESS
from claude_code_router.routing.stickiness import foregone_usd

_CONVERSATIONS = frozenset({"user", "tool_result", "compaction"})
_EXAMPLES = 3
_CONVERSATIONS_KEPT = 200_000
_Way = tuple[str, str, str, str, str, str, str]
"""Namespace, rule, target and tier before; rule, target and tier after."""


class Deciders(Protocol):
    def of(self, namespace: str, session: str) -> Again: ...


class _Counted(msgspec.Struct):
    requests: int = 0
    unpriced: int = 0
    before_usd: float = 0.0
    after_usd: float = 0.0
    rewritten_tokens: int = 0
    examples: list[Example] = []


class Draw:
    """Some of the requests that go elsewhere, each as likely as any other (a reservoir)."""

    def __init__(self, count: int, dice: random.Random) -> None:
        self._count = count
        self._dice = dice
        self._shown = 0
        self.kept: list[tuple[str, str, str]] = []
        """Id, target before and after."""

    def show(self, id: str, was: str, now: str) -> None:
        self._shown += 1
        if len(self.kept) < self._count:
            self.kept.append((id, was, now))
        elif (place := self._dice.randrange(self._shown)) < self._count:
            self.kept[place] = (id, was, now)


class Walk:
    """Takes rows in the order of `store.period.COLUMNS`."""

    def __init__(
        self,
        deciders: Deciders,
        rates_of: RatesOf,
        said: Callable[[str], str | None],
        *,
        wanted: frozenset[str] = frozenset(),
        drawn: Draw | None = None,
    ) -> None:
        """`said`: what the person said in a request whose body was kept, by its id. `wanted`: ids whose outcome shall be
        kept (those of pairs). `drawn` is shown every request that goes from one target to another."""
        self._deciders = deciders
        self._rates_of = rates_of
        self._said = said
        self._wanted = wanted
        self._drawn = drawn
        self.chosen: dict[str, Outcome] = {}
        self.after_usd = 0.0
        """So far, of what is told and priced."""
        self._bill = Bill(rates_of)
        self._sessions = Sessions(sessions_max=_CONVERSATIONS_KEPT)
        self._targets: dict[tuple[str, str], Target] = {}
        self._tiers: dict[tuple[int, str, str], str] = {}
        self._records = self._unreadable = self._told = 0
        self._untold: dict[str, int] = {}
        self._ways: dict[_Way, _Counted] = {}
        self._first_at = self._last_at = 0.0

    def add(self, row: Sequence[Any]) -> None:
        (id, at, session, namespace, kind, text, target, rule, config_hash, _, provider, model, tier, *usage, _) = row
        namespace, config_hash = namespace or "", config_hash or ""
        self._records += 1
        self._first_at = self._first_at or at
        self._last_at = at
        again = self._deciders.of(namespace, session or "")
        try:
            facts = again.facts(text or "")
        except msgspec.DecodeError:
            self._unreadable += 1
            return
        answer = again.decide(facts, text, config_hash, at, id, self._said)
        conversation = f"{namespace} {session} {facts.agent_id}" if session and kind in _CONVERSATIONS else ""
        signals: Signals | None = None
        if again.table.sticky and not isinstance(answer, str):
            answer, signals = self._last_word(again, answer, facts, row, conversation)
        really = None
        if provider and usage[0] is not None:
            really = self._targets.get((provider, model)) or self._target(provider, model)
        if isinstance(answer, str):
            self._untold[answer] = self._untold.get(answer, 0) + 1
            if really is not None:
                self._bill.add(conversation, really, really, tuple(usage), at)
            return
        self._told += 1
        if id in self._wanted:
            self.chosen[id] = answer
        was = target or REFUSED
        way = (namespace, rule or REFUSED, was, self._tier(again, was, tier), answer.rule, answer.named, answer.tier)
        counted = self._ways.get(way)
        if counted is None:
            counted = self._ways[way] = _Counted()
        counted.requests += 1
        if self._drawn is not None and answer.target is not None and was not in (answer.named, REFUSED):
            self._drawn.show(id, was, answer.named)
        if len(counted.examples) < _EXAMPLES:
            counted.examples.append(Example(id=id, because=_because(answer)))
        if really is None:
            return
        # Where nothing flips, whoever stood in for the planned target would stand in again.
        now = really if answer.target is None or was == answer.named else answer.target
        before_usd, after_usd, rewritten = self._bill.add(conversation, really, now, tuple(usage), at)
        if before_usd is None or after_usd is None:
            counted.unpriced += 1
        else:
            counted.before_usd += before_usd
            if answer.target is not None:
                counted.after_usd += after_usd
                self.after_usd += after_usd
            counted.rewritten_tokens += max(0, rewritten)
        if again.table.sticky:
            self._remember(answer, signals or facts, now, usage, at)

    def _last_word(
        self, again: Again, outcome: Outcome, facts: Any, row: Sequence[Any], conversation: str
    ) -> tuple[Outcome, Signals | None]:
        if outcome.target is None:
            return outcome, None
        _, at, _, _, _, text, was, rule, config_hash, *_ = row
        stands_at, as_it_was = self._bill.standing(conversation)
        recorded = as_it_was and again.knew_the_standing(config_hash or "")
        if recorded and facts.standing is None:
            return outcome, None
        if not recorded and (not conversation or stands_at == outcome.target):
            return outcome, None
        signals = again.signals(text, at)
        if not recorded:
            signals = msgspec.structs.replace(signals, standing=self._sessions.recall(signals, at))
        followed = recorded and rule != STICKINESS and was == outcome.named
        return again.last_word(outcome, signals, None if followed else self._rates_of)

    def _remember(self, outcome: Outcome, facts: Any, now: Target, usage: Sequence[Any], at: float) -> None:
        """For the sessions that will stand elsewhere than they did."""
        foregone = 0.0
        if outcome.rule == STICKINESS and isinstance(outcome.decision, Decision):
            foregone = foregone_usd(outcome.decision, now, facts.standing)
        self._sessions.remember(facts, now, _usage(usage), at, foregone_usd=foregone, stand_in=now != outcome.target)

    def _target(self, provider: str, model: str) -> Target:
        found = self._targets[provider, model] = Target(provider, model or "")
        return found

    def _tier(self, again: Again, target: str, recorded: str | None) -> str:
        key = (id(again), target, recorded or "")
        found = self._tiers.get(key)
        if found is None:
            tier = tier_of(Target(*target.split(",", 1)), again.table.tiers) if "," in target else None
            found = self._tiers[key] = tier.name if tier else recorded or ""
        return found

    def result(self) -> Replay:
        flips = {way: one for way, one in self._ways.items() if way[2] != way[5]}
        others = {way: one for way, one in self._ways.items() if way[2] == way[5] and way[1] != way[4]}
        everything = self._ways.values()
        return Replay(
            since=self._first_at,
            until=self._last_at,
            records=self._records,
            told=self._told,
            untold=self._untold,
            unreadable=self._unreadable,
            flipped=sum(one.requests for one in flips.values()),
            other_rule=sum(one.requests for one in others.values()),
            unpriced=sum(one.unpriced for one in everything),
            rewritten_tokens=sum(one.rewritten_tokens for one in everything),
            before=_sides((_named(way[3], way[2]), one.requests, one.before_usd) for way, one in self._ways.items()),
            after=_sides((_named(way[6], way[5]), one.requests, one.after_usd) for way, one in self._ways.items()),
            flips=_by_way(flips),
            rule_changes=_by_way(others),
            namespaces=_lanes(self._ways),
        )


def walked(rows: Iterable[Sequence[Any]], walk: Walk, progress: Callable[[int], None], every: int = 20_000) -> None:
    for number, row in enumerate(rows, start=1):
        walk.add(row)
        if number % every == 0:
            progress(number)


def _named(tier: str, target: str) -> str:
    return tier or (REFUSED if target == REFUSED else NO_TIER)


def _sides(parts: Iterable[tuple[str, int, float]]) -> dict[str, Side]:
    found: dict[str, Side] = {}
    for name, requests, usd in parts:
        known = found.get(name, Side())
        found[name] = Side(requests=known.requests + requests, cost_usd=known.cost_usd + usd)
    return found


def _lanes(ways: Mapping[_Way, _Counted]) -> dict[str, Lane]:
    found: dict[str, Lane] = {}
    for way, one in ways.items():
        known = found.get(way[0], Lane())
        found[way[0]] = Lane(
            requests=known.requests + one.requests,
            flipped=known.flipped + (one.requests if way[2] != way[5] else 0),
            before_usd=known.before_usd + one.before_usd,
            after_usd=known.after_usd + one.after_usd,
        )
    return found


def _by_way(ways: Mapping[_Way, _Counted]) -> tuple[Flip, ...]:
    """By rules and targets, whatever the namespace; the most frequent first."""
    found: dict[tuple[str, str, str, str], Flip] = {}
    for (_, rule, was, _, new_rule, now, _), one in ways.items():
        key = (rule, was, new_rule, now)
        known = found.get(key)
        found[key] = Flip(
            rule_before=rule,
            target_before=was,
            rule_after=new_rule,
            target_after=now,
            requests=one.requests + (known.requests if known else 0),
            before_usd=one.before_usd + (known.before_usd if known else 0.0),
            after_usd=one.after_usd + (known.after_usd if known else 0.0),
            examples=(*(known.examples if known else ()), *one.examples)[:_EXAMPLES],
        )
    return tuple(sorted(found.values(), key=lambda flip: -flip.requests))


def _because(outcome: Outcome) -> str:
    return outcome.decision if isinstance(outcome.decision, str) else outcome.decision.because


def _usage(usage: Sequence[Any]) -> Usage:
    return Usage(
        input_tokens=usage[0],
        cache_read_tokens=usage[1],
        cache_write_tokens=usage[2],
        cache_write_1h_tokens=usage[3],
        output_tokens=usage[4],
    )
