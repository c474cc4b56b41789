"""One pass over a span's requests: sums by what they have in common, times by tier, days, and what switching cost. Pure.

Built for a million rows: a group is found by the texts of the row as they came, and nothing is made per row but numbers.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

TTL_S, TTL_1H_S = 300.0, 3600.0
"""For how long a prompt cache is warm after its last use."""
DAY_S = 86_400
_SWEEP = 50_000
"""Sessions remembered before those that are cold are forgotten."""


class Key(NamedTuple):
    """In the order of `store.kpis.KEY`. None: nothing said, or the usual (see there)."""

    tier: str | None
    target: str | None
    answered: str | None
    purpose: str | None
    outcome: str | None

    @property
    def by(self) -> str:
        """Who answered, or was tried last; empty: nobody."""
        return (self.target if self.answered is None else self.answered) or ""


class Sum:
    """Of the requests of one key and day."""

    __slots__ = (
        "cost_squares",
        "cost_usd",
        "output",
        "paid",
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

    def __init__(self) -> None:
        self.requests = 0
        self.used = 0
        """Requests with usage."""
        self.priced = 0
        """Those of them whose price is known."""
        self.paid = 0
        """Requests with a known cost: also where the last attempt had no usage, and one before it did."""
        self.cost_usd = self.cost_squares = 0.0
        """Σ and Σ² over these."""
        self.uncached = self.read = self.write = self.write_1h = self.output = 0
        """Tokens."""
        self.switches = 0
        """Turns of a main conversation that came from another model while its cache was warm there."""
        self.rewritten = 0
        """Tokens that such turns wrote to a cache, and that were warm where they came from."""

    def merge(self, other: Sum) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Times:
    """Milliseconds, of one tier. Each as ascending pieces: of every pass one."""

    def __init__(self, first: Sequence[array[float]] = (), total: Sequence[array[float]] = ()) -> None:
        self.first = list(first)
        self.total = list(total)


Groups = dict[Key, Sum]


class Sums:
    def __init__(self) -> None:
        self.days: dict[int, Groups] = {}
        self.times: dict[str, Times] = {}
        """By tier, of clients' requests."""

    def merge(self, other: Sums) -> None:
        """Of another part of the same span."""
        for number, groups in other.days.items():
            mine = self.days.setdefault(number, {})
            for key, one in groups.items():
                mine.setdefault(key, Sum()).merge(one)
        for tier, times in other.times.items():
            have = self.times.setdefault(tier, Times())
            have.first += times.first
            have.total += times.total


class _Sessions:
    """Where each conversation was last, and what its cache there holds."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str | None, float, int, float]] = {}  # model, at, cached tokens, TTL
        self._sweep = _SWEEP

    def turn(self, session: str, model: str | None, at: float, read: int, write: int, write_1h: int) -> int | None:
        """Of the tokens that the turn wrote, those that were warm at another model; None: it did not switch."""
        last = self._last.get(session)
        self._last[session] = (model, at, read + write, TTL_1H_S if write_1h else TTL_S)
        if len(self._last) > self._sweep:
            self._last = {name: one for name, one in self._last.items() if at - one[1] <= one[3]}
            self._sweep = max(_SWEEP, 2 * len(self._last))
        if last is None or not write or last[0] == model or at - last[1] > last[3]:
            return None
        return min(last[2], write)


Adding = tuple[Sum, Callable[[float], None], Callable[[float], None]]


class _Pass:
    """What a row is added to."""

    def __init__(self, since: float) -> None:
        self.sums = Sums()
        self._since = since
        self._times: dict[str | None, tuple[array[float], array[float]]] = {}

    def day(self, at: float) -> tuple[Groups, float]:
        """The groups of its day, and when that ends."""
        number = int((at - self._since) // DAY_S)
        return self.sums.days.setdefault(number, {}), self._since + (number + 1) * DAY_S

    def begun(self, groups: Groups, key: Key) -> Adding:
        groups[key] = one = Sum()
        whose = key.tier or "" if key.purpose is None else None
        first, total = self._times.setdefault(whose, (array("d"), array("d")))
        return one, first.append, total.append

    def finished(self) -> Sums:
        self._times.pop(None, None)  # of the router's own questions
        for tier, (first, total) in self._times.items():
            self.sums.times[tier or ""] = Times([array("d", sorted(first))], [array("d", sorted(total))])
        return self.sums


def summed(rows: Iterable[Sequence[Any]], since: float, earlier: Iterable[Sequence[Any]] = ()) -> Sums:
    """Rows of `store.kpis.traffic`, oldest first. `since`: where days are counted from. `earlier`: rows that are not counted,
    but that sessions come from: of the hour before the first, where `rows` begin within a period."""
    sessions = _Sessions()
    turn = sessions.turn
    for tier, target, answered, purpose, outcome, session, at, *_, used, read, write, write_1h, _ in earlier:
        if session and used is not None and purpose is None:
            turn(session, Key(tier, target, answered, purpose, outcome).by, at, read, write, write_1h)
    adding, tomorrow = _Pass(since), -math.inf
    groups: Groups = {}
    met: dict[tuple[str | None, ...], Adding] = {}
    for row in rows:
        (
            tier, target, answered, purpose, outcome, session, at, first_ms, total_ms,
            cost_usd, uncached, read, write, write_1h, output,
        ) = row  # fmt: skip
        if at >= tomorrow:
            groups, tomorrow = adding.day(at)
            met = {}
        key = (tier, target, answered, purpose, outcome)
        found = met.get(key)
        if found is None:
            found = met[key] = adding.begun(groups, Key(*key))
        sums, add_first, add_total = found
        sums.requests += 1
        if first_ms is not None:
            add_first(first_ms)
        if total_ms is not None:
            add_total(total_ms)
        if cost_usd is not None:
            sums.paid += 1
            sums.cost_usd += cost_usd
            sums.cost_squares += cost_usd * cost_usd
        if uncached is None:
            continue
        sums.used += 1
        sums.uncached += uncached
        sums.read += read
        sums.write += write
        sums.write_1h += write_1h
        sums.output += output
        if cost_usd is not None:
            sums.priced += 1
        if session and purpose is None:
            lost = turn(session, target if answered is None else answered, at, read, write, write_1h)
            if lost is not None:
                sums.switches += 1
                sums.rewritten += lost
    return adding.finished()
