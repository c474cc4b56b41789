"""One pass over a span's requests: sums by what they have in common, times by tier, days, and what switching cost. Pure.

Built for a million rows: a group is found by the texts of the row as they came, and nothing is made per row but numbers.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

TTL_S, TTL_1H_S = 300.0, 3600.0
"""For how long a prompt cache is warm after its last use."""
DAY_S = 86_400
_SWEEP = 50_000
"""Sessions remembered before those that are cold are forgotten."""


class Key(NamedTuple):
    """In the order of `store.kpis.KEY`. None: nothing said, or the usual (see there)."""

    namespace: str | None
    tier: str | None
    category: str | None
    rule: str | None
    provider: str | None
    model: str | None
    attempt_count: int | None
    purpose: str | None
    outcome: str | None
    scenario: str | None
    target: str | None


class Times:
    """Milliseconds, of one tier."""

    def __init__(self) -> None:
        self.first = array("d")
        self.total = array("d")

    def finish(self) -> None:
        """Sorted once and for all."""
        self.first, self.total = self.sorted_first, self.sorted_total

    @cached_property
    def sorted_first(self) -> array[float]:
        """Once all is in."""
        return array("d", sorted(self.first))

    @cached_property
    def sorted_total(self) -> array[float]:
        return array("d", sorted(self.total))


class Sum:
    """Of the requests of one key and day."""

    __slots__ = (
        "add_first",
        "add_total",
        "cost_squares",
        "cost_usd",
        "output",
        "priced",
        "read",
        "requests",
        "rewritten",
        "switches",
        "uncached",
        "used",
        "write",
        "write_1h",
    )  # fmt: skip

    def __init__(self, times: Times) -> None:
        self.add_first, self.add_total = times.first.append, times.total.append
        self.requests = 0
        self.used = 0
        """Requests with usage."""
        self.priced = 0
        self.cost_usd = self.cost_squares = 0.0
        """Σ and Σ² over requests."""
        self.uncached = self.read = self.write = self.write_1h = self.output = 0
        """Tokens."""
        self.switches = 0
        """Turns of a main conversation that came from another model while its cache was warm there."""
        self.rewritten = 0
        """Tokens that such turns wrote to a cache, and that were warm where they came from."""


Groups = dict[Key, Sum]


def _no_more(_: float) -> None:
    raise AssertionError("these sums are finished")


class Sums:
    """`since`: where days are counted from."""

    def __init__(self, since: float) -> None:
        self.days: dict[int, Groups] = {}
        self.times: dict[str, Times] = {}
        """By tier, of clients' requests."""
        self._own_times = Times()
        self._since = since
        self._last: dict[str, tuple[str | None, float, int, float]] = {}  # session -> model, at, cached tokens, TTL

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Rows of `store.kpis.traffic`, oldest first."""
        groups: dict[Any, Sum] = {}
        tomorrow = -math.inf
        for row in rows:
            key = row[:11]
            at = row[12]
            if at >= tomorrow:
                groups, tomorrow = self._day(at)
            sums = groups.get(key)
            if sums is None:
                sums = groups[Key(*key)] = self._begun(key)
            sums.requests += 1
            if row[13] is not None:
                sums.add_first(row[13])
            if row[14] is not None:
                sums.add_total(row[14])
            cost, uncached, read, write, write_1h, output = row[15:]
            if uncached is None:
                continue
            sums.used += 1
            sums.uncached += uncached
            sums.read += read
            sums.write += write
            sums.write_1h += write_1h
            sums.output += output
            if cost is not None:
                sums.priced += 1
                sums.cost_usd += cost
                sums.cost_squares += cost * cost
            if row[11] and key[7] is None:
                self._follow(row[11], key[5], sums, at, read, write, write_1h)

    def finished(self) -> Sums:
        """As it goes from one process to another: nothing more can be added."""
        for groups in self.days.values():
            for one in groups.values():
                one.add_first = one.add_total = _no_more
        for times in self.times.values():
            times.finish()
        self._last.clear()
        return self

    def _day(self, at: float) -> tuple[dict[Any, Sum], float]:
        number = int((at - self._since) // DAY_S)
        return self.days.setdefault(number, {}), self._since + (number + 1) * DAY_S

    def _begun(self, key: Sequence[Any]) -> Sum:
        if key[7] is not None:
            return Sum(self._own_times)
        return Sum(self.times.setdefault(key[1] or "", Times()))

    def _follow(
        self, session: str, model: str | None, sums: Sum, at: float, read: int, write: int, write_1h: int
    ) -> None:
        last = self._last.get(session)
        if last is not None and write and last[0] != model and at - last[1] <= last[3]:
            sums.switches += 1
            sums.rewritten += min(last[2], write)
        if len(self._last) > _SWEEP:
            self._last = {name: one for name, one in self._last.items() if at - one[1] <= one[3]}
        self._last[session] = (model, at, read + write, TTL_1H_S if write_1h else TTL_S)
