"""Several rule sets over the same records at once: which sessions does each change, and what does that do to their bill?

A session that a rule set does not change costs the same under it. So all records are looked at once, and only the sessions
that some rule set changes are read again and walked through, each by itself from its beginning. Sessions do not hang on one
another here: what shares of them have found adds up (`FanTally`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import msgspec

from claude_code_router.core.signals import Signals
from claude_code_router.improve.again import Again, Lanes
from claude_code_router.improve.bill import RatesOf
from claude_code_router.improve.facts_key import FactsKey
from claude_code_router.improve.replay import Walk
from claude_code_router.improve.told import Asked
from claude_code_router.quality.intervals import Estimate

_SESSION, _NAMESPACE, _TEXT, _HASH, _AT, _ID, _COST = 2, 3, 5, 8, 1, 0, 20

Said = Callable[[str], str | None]


class Bills(msgspec.Struct, frozen=True, kw_only=True):
    """Of one rule set against the first."""

    change_usd: Estimate
    """Per request."""
    sessions: int
    """That it changes."""


class SessionSums(msgspec.Struct):
    """For a ratio over sessions, which are what is independent."""

    touched: int = 0
    change: float = 0.0
    change_squares: float = 0.0
    mixed: float = 0.0

    def add(self, requests: int, change_usd: float) -> None:
        self.touched += 1
        self.change += change_usd
        self.change_squares += change_usd**2
        self.mixed += change_usd * requests

    def merge(self, other: SessionSums) -> None:
        self.touched += other.touched
        self.change += other.change
        self.change_squares += other.change_squares
        self.mixed += other.mixed


class FanTally(msgspec.Struct, kw_only=True):
    requests: int = 0
    cost_usd: float = 0.0
    """As recorded."""
    rules: dict[str, int] = {}
    """How many requests each rule of the first set decided."""
    sessions: int = 0
    squares: float = 0.0
    """Of the sessions' requests."""
    changes: list[SessionSums]
    """Of each rule set but the first."""

    def merge(self, other: FanTally) -> None:
        self.requests += other.requests
        self.cost_usd += other.cost_usd
        self.sessions += other.sessions
        self.squares += other.squares
        for rule, requests in other.rules.items():
            self.rules[rule] = self.rules.get(rule, 0) + requests
        for sums, more in zip(self.changes, other.changes, strict=True):
            sums.merge(more)

    def bills(self) -> list[Bills]:
        return [Bills(change_usd=self._mean(sums), sessions=sums.touched) for sums in self.changes]

    def _mean(self, sums: SessionSums) -> Estimate:
        """Per request, with the linearised variance of a ratio."""
        n, requests = self.sessions, self.requests
        if n < 2:
            return Estimate(value=0.0, low=float("-inf"), high=float("inf"), n=n)
        ratio = sums.change / requests
        spread = sums.change_squares - 2 * ratio * sums.mixed + ratio**2 * self.squares
        half = 1.96 * (max(0.0, spread) * n / (n - 1)) ** 0.5 / requests
        return Estimate(value=ratio, low=ratio - half, high=ratio + half, n=n)


class Fan:
    """The first of the lanes is what the others are held against."""

    def __init__(self, lanes: Sequence[Lanes], rates_of: RatesOf, said: Said) -> None:
        self._lanes = lanes
        self._rates_of = rates_of
        self._said = said
        self._ways: dict[tuple[int, ...], _Way] = {}
        self._requests: dict[str, int] = {}
        """By session."""
        self._touched: dict[str, set[int]] = {}
        """By session, the rule sets that change it."""
        self._tally = FanTally(changes=[SessionSums() for _ in lanes[1:]])

    def look(self, rows: Iterable[Sequence[Any]], progress: Callable[[int], None]) -> None:
        """At all records, in any order."""
        tally, rules = self._tally, self._tally.rules
        for row in rows:
            tally.requests += 1
            if tally.requests % 20_000 == 0:
                progress(tally.requests)
            tally.cost_usd += row[_COST] or 0.0
            session = row[_SESSION] or ""
            if session:
                self._requests[session] = self._requests.get(session, 0) + 1
            try:
                rule, flips = self._way(row[_NAMESPACE] or "", session).look(row)
            except msgspec.DecodeError:
                rule, flips = None, ()
            if rule is not None:
                rules[rule] = rules.get(rule, 0) + 1
            if not session:
                self._count(1)
                self._walk(flips, [row])
            elif flips:
                self._touched.setdefault(session, set()).update(flips)
        for requests in self._requests.values():
            self._count(requests)

    def walk(self, rows_of: Callable[[Sequence[str]], Iterable[Sequence[Any]]]) -> None:
        """Through what was changed. `rows_of`: those of these sessions, one session after the other, each from its
        beginning."""
        for session, found in groupby(rows_of(list(self._touched)), key=lambda row: row[_SESSION]):
            self._walk(self._touched[session], found)

    def tally(self) -> FanTally:
        return self._tally

    def _count(self, requests: int) -> None:
        self._tally.sessions += 1
        self._tally.squares += requests**2

    def _walk(self, places: Iterable[int], rows: Iterable[Sequence[Any]]) -> None:
        """Through one session, by these rule sets and by the first."""
        before, after = self._fresh(0), {place: self._fresh(place + 1) for place in places}
        changes = dict.fromkeys(after, 0.0)
        requests = 0
        for row in rows:
            requests += 1
            before.add(row)
            for place, walk in after.items():
                walk.add(row)
                if before.last_usd is not None and walk.last_usd is not None:
                    changes[place] += walk.last_usd - before.last_usd
        for place, change_usd in changes.items():
            self._tally.changes[place].add(requests, change_usd)

    def _fresh(self, number: int) -> Walk:
        return Walk(self._lanes[number], self._rates_of, self._said, neighbours=True)

    def _way(self, namespace: str, session: str) -> _Way:
        agains = [lanes.of(namespace, session) for lanes in self._lanes]
        key = tuple(map(id, agains))
        if key not in self._ways:
            self._ways[key] = _Way(agains, self._said)
        return self._ways[key]


class _Known(msgspec.Struct, frozen=True):
    key: FactsKey
    answers: dict[Any, tuple[str, tuple[int, ...]]]


class _Way:
    """The rule sets as they are for one namespace."""

    def __init__(self, agains: Sequence[Again], said: Said) -> None:
        self._agains = agains
        self._said = said
        self._tables = [again.table for again in agains]
        self._key = FactsKey(*self._tables)
        plain = all(again.plain for again in agains)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(self._key.facts if plain else Signals)
        self._remembers = plain and not self._key.asks_the_time
        self._known: dict[str, _Known] = {}
        """By the hash of the config that decided then."""
        sticky = agains[0].table.sticky
        self._other_sticky = tuple(n for n, again in enumerate(agains[1:]) if again.table.sticky != sticky)

    def look(self, row: Sequence[Any]) -> tuple[str, tuple[int, ...]]:
        """The rule of the first, and which of the others go elsewhere."""
        if not self._remembers:
            return self._decided(row)
        known = self._known.get(row[_HASH]) or self._known_of(row[_HASH])
        key = known.key.of(self._decoder.decode(row[_TEXT] or ""))
        found = known.answers.get(key)
        if found is None:
            found = known.answers[key] = self._decided(row)
        return found

    def _known_of(self, config_hash: str) -> _Known:
        unknown = [again.unknown_to(config_hash or "") for again in self._agains]
        together = Asked(
            words=frozenset().union(*[one.words for one in unknown]),
            facts=frozenset().union(*[one.facts for one in unknown]),
        )
        found = self._known[config_hash] = _Known(FactsKey(*self._tables, unknown=together), {})
        return found

    def _decided(self, row: Sequence[Any]) -> tuple[str, tuple[int, ...]]:
        answers = [
            again.decide(again.facts(row[_TEXT] or ""), row[_TEXT], row[_HASH] or "", row[_AT], row[_ID], self._said)
            for again in self._agains
        ]
        first = answers[0]
        if isinstance(first, str):
            return "", ()
        flips = [n for n, one in enumerate(answers[1:]) if isinstance(one, str) or one.target != first.target]
        return first.rule, tuple({*flips, *self._other_sticky})
