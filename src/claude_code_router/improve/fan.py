"""Several rule sets over the same records at once: which sessions does each change, and what does that do to their bill?

A session that a rule set does not change costs the same under it, so only the others are walked through. Read session by
session, each from its beginning.
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
_ROWS_OF_ONE = 20_000
"""A session is taken in pieces of so many."""

Said = Callable[[str], str | None]


class Bills(msgspec.Struct, frozen=True, kw_only=True):
    """Of one rule set against the first."""

    change_usd: Estimate
    """Per request."""
    sessions: int
    """That it changes."""


class Fan:
    """The first of the lanes is what the others are held against."""

    def __init__(self, lanes: Sequence[Lanes], rates_of: RatesOf, said: Said) -> None:
        self._lanes = lanes
        self._said = said
        self._ways: dict[tuple[int, ...], _Way] = {}
        self._walks = [(Walk(lanes[0], rates_of, said), Walk(one, rates_of, said)) for one in lanes[1:]]
        self._sums = [_Sums() for _ in lanes[1:]]
        self.rules: dict[str, int] = {}
        """How many requests each rule of the first decided."""
        self.requests = 0
        self.cost_usd = 0.0
        """As recorded."""

    def run(self, rows: Iterable[Sequence[Any]], progress: Callable[[int], None]) -> None:
        for session, found in groupby(rows, key=lambda row: row[_SESSION] or ""):
            piece: list[Sequence[Any]] = []
            for row in found:
                piece.append(row)
                if not session or len(piece) >= _ROWS_OF_ONE:
                    self._session(piece, progress)
                    piece = []
            if piece:
                self._session(piece, progress)

    def _session(self, rows: Sequence[Sequence[Any]], progress: Callable[[int], None]) -> None:
        touched: set[int] = set()
        for row in rows:
            self.requests += 1
            if self.requests % 20_000 == 0:
                progress(self.requests)
            self.cost_usd += row[_COST] or 0.0
            way = self._way(row[_NAMESPACE] or "", row[_SESSION] or "")
            try:
                rule, flips = way.look(row)
            except msgspec.DecodeError:
                continue
            self.rules[rule] = self.rules.get(rule, 0) + 1
            touched.update(flips)
        for place, sums in enumerate(self._sums):
            sums.add(len(rows), self._change_usd(place, rows) if place in touched else None)

    def _change_usd(self, place: int, rows: Sequence[Sequence[Any]]) -> float:
        before, after = self._walks[place]
        had = after.after_usd - before.after_usd
        for row in rows:
            before.add(row)
            after.add(row)
        return after.after_usd - before.after_usd - had

    def _way(self, namespace: str, session: str) -> _Way:
        agains = [lanes.of(namespace, session) for lanes in self._lanes]
        key = tuple(map(id, agains))
        if key not in self._ways:
            self._ways[key] = _Way(agains, self._said)
        return self._ways[key]

    def bills(self) -> list[Bills]:
        return [Bills(change_usd=sums.mean(), sessions=sums.touched) for sums in self._sums]


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


class _Sums:
    """For a ratio over sessions, which are what is independent."""

    def __init__(self) -> None:
        self.touched = 0
        self._sessions = self._requests = 0
        self._squares = self._change = self._change_squares = self._mixed = 0.0

    def add(self, requests: int, change_usd: float | None) -> None:
        self._sessions += 1
        self._requests += requests
        self._squares += requests**2
        if change_usd is not None:
            self.touched += 1
            self._change += change_usd
            self._change_squares += change_usd**2
            self._mixed += change_usd * requests

    def mean(self) -> Estimate:
        """Per request, with the linearised variance of a ratio."""
        n, all_requests = self._sessions, self._requests
        if n < 2:
            return Estimate(value=0.0, low=float("-inf"), high=float("inf"), n=n)
        ratio = self._change / all_requests
        spread = self._change_squares - 2 * ratio * self._mixed + ratio**2 * self._squares
        half = 1.96 * (max(0.0, spread) * n / (n - 1)) ** 0.5 / all_requests
        return Estimate(value=ratio, low=ratio - half, high=ratio + half, n=n)
