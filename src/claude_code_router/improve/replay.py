"""Yesterday's traffic against tomorrow's rules: one pass over the records, oldest first, each decided again.

Nothing is sent. What is counted is what a record tells; what it does not tell is counted as such (`improve.told`).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Any, Protocol

import msgspec

from claude_code_router.core.decision import Decision
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.improve.again import REFUSED, Again, Outcome
from claude_code_router.improve.bill import Bill, RatesOf
from claude_code_router.improve.replayed import Example
from claude_code_router.improve.tally import EXAMPLES, Counted, Doubt, Tally, Way
from claude_code_router.routing.declared import tier_of
from claude_code_router.routing.sessions import Sessions
from claude_code_router.routing.stickiness import RULE as STICKINESS
from claude_code_router.routing.stickiness import foregone_usd

_CONVERSATIONS = frozenset({"user", "tool_result", "compaction"})
_CONVERSATIONS_KEPT = 20_000
"""Whose warm caches are known at a time. Who comes back after so many others finds none."""


class Deciders(Protocol):
    def of(self, namespace: str, session: str) -> Again: ...


class Draw:
    """Some of the requests that go elsewhere, each as likely as any other: those whose ids have the least digests, so that the
    draws of parts make the draw of all."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._least: list[tuple[int, tuple[str, str, str]]] = []

    @property
    def kept(self) -> list[tuple[str, str, str]]:
        """Id, target before and after, in the order of the draw."""
        return [one for _, one in sorted(self._least, reverse=True)]

    def show(self, id: str, was: str, now: str) -> None:
        if not self.count:
            return
        rank = -int.from_bytes(blake2b(id.encode(), digest_size=8).digest(), "big")
        if len(self._least) < self.count:
            heapq.heappush(self._least, (rank, (id, was, now)))
        elif rank > self._least[0][0]:
            heapq.heapreplace(self._least, (rank, (id, was, now)))


class _Placed(msgspec.Struct, frozen=True):
    """Where requests of one way are counted."""

    way: Way
    counted: Counted


class Walk:
    """Takes rows in the order of `store.period.COLUMNS`."""

    def __init__(
        self,
        deciders: Deciders,
        rates_of: RatesOf,
        said: Callable[[str], str | None],
        *,
        wanted: frozenset[str] = frozenset(),
        draw: int = 0,
        neighbours: bool = False,
    ) -> None:
        """`said`: what the person said in a request whose body was kept, by its id. `wanted`: ids whose tier shall be kept
        (those of pairs). `draw`: so many of the requests that go from one target to another shall be kept. `neighbours`: as
        `Bill`'s."""
        self._deciders = deciders
        self._rates_of = rates_of
        self._said = said
        self._wanted = wanted
        self._draw = Draw(draw)
        self.last_usd: float | None = None
        """What the request that was added last costs after; None where that is not told, or no price is known."""
        self._bill = Bill(rates_of, neighbours=neighbours)
        self._sessions = Sessions(sessions_max=_CONVERSATIONS_KEPT)
        self._targets: dict[tuple[str, str], Target] = {}
        self._placed: dict[tuple[Any, ...], _Placed] = {}
        """By what is quickly compared; several may be one way."""
        self._tally = Tally()

    def add(self, row: Sequence[Any]) -> None:
        (id, at, session, namespace, kind, text, target, rule, config_hash, _, provider, model, tier, *_) = row
        namespace, config_hash, tally = namespace or "", config_hash or "", self._tally
        self.last_usd = None
        tally.records += 1
        tally.since = tally.since or at
        tally.until = at
        again = self._deciders.of(namespace, session or "")
        try:
            facts = again.facts(text or "")
        except msgspec.DecodeError:
            tally.unreadable += 1
            return
        answer = again.decide(facts, text, config_hash, at, id, self._said)
        # As `session_key`, without its steps.
        conversation = f"{namespace}/{session} {facts.agent_id}" if session and kind in _CONVERSATIONS else ""
        if again.table.sticky and not isinstance(answer, str):
            answer, facts = self._last_word(again, answer, facts, row, conversation)
        used: Any = row[13:20]
        really = None
        if provider and used[0] is not None:
            really = self._targets.get((provider, model)) or self._target(provider, model)
        if isinstance(answer, str):
            tally.untold[answer] = tally.untold.get(answer, 0) + 1
            if really is not None:
                self._bill.add(conversation, really, really, used, at)
            return
        tally.told += 1
        if id in self._wanted:
            tally.tiers[id] = answer.tier
        key = (namespace, rule, target, tier, answer, again)
        placed = self._placed.get(key) or self._place(key)
        counted = placed.counted
        counted.requests += 1
        was = target or REFUSED
        if self._draw.count and answer.target is not None and was not in (answer.named, REFUSED):
            self._draw.show(id, was, answer.named)
        if len(counted.examples) < EXAMPLES:
            counted.examples.append((at, Example(id=id, because=_because(answer))))
        if really is None:
            return
        # Where nothing flips, whoever stood in for the planned target would stand in again.
        now = really if answer.target is None or was == answer.named else answer.target
        self._count_cost(placed, answer, self._bill.add(conversation, really, now, used, at), now, at)
        if conversation and again.table.sticky:
            self._remember(answer, facts, now, used, at, conversation)

    def _count_cost(
        self, placed: _Placed, answer: Outcome, cost: tuple[float | None, float | None, int], now: Target, at: float
    ) -> None:
        before_usd, after_usd, rewritten = cost
        counted = placed.counted
        if before_usd is None or after_usd is None:
            counted.unpriced += 1
            return
        counted.before_usd += before_usd
        if answer.target is not None:
            counted.after_usd += after_usd
        self.last_usd = after_usd if answer.target is not None else 0.0
        if rewritten > 0:
            counted.rewritten_tokens += rewritten
        if self._bill.doubt is not None:
            saved_usd, saved_tokens = self._bill.doubt
            if answer.target is None:
                saved_usd = 0.0
            self._tally.doubts.setdefault(now, []).append(Doubt(at, placed.way, saved_usd, saved_tokens))

    def _last_word(
        self, again: Again, outcome: Outcome, facts: Any, row: Sequence[Any], conversation: str
    ) -> tuple[Outcome, Any]:
        """And the facts that it went by."""
        if outcome.target is None:
            return outcome, facts
        at, was, rule, config_hash = row[1], row[6], row[7], row[8]
        stands_at, as_it_was = self._bill.standing(conversation, at)
        recorded = as_it_was and again.knew_the_standing(config_hash or "")
        if recorded and facts.standing is None:
            return outcome, facts
        if not recorded:
            if not conversation or stands_at == outcome.target:
                return outcome, facts
            facts = again.standing_at(facts, self._sessions.recall(facts, at, conversation))
        followed = recorded and rule != STICKINESS and was == outcome.named
        return again.last_word(outcome, facts, None if followed else self._rates_of)

    def _remember(
        self, outcome: Outcome, facts: Any, now: Target, used: Sequence[Any], at: float, conversation: str
    ) -> None:
        """For the sessions that will stand elsewhere than they did."""
        foregone = 0.0
        if outcome.rule == STICKINESS and isinstance(outcome.decision, Decision):
            foregone = foregone_usd(outcome.decision, now, facts.standing)
        usage = Usage(
            input_tokens=used[0],
            cache_read_tokens=used[1],
            cache_write_tokens=used[2],
            cache_write_1h_tokens=used[3],
            output_tokens=used[4],
        )
        stood_in = now is not outcome.target and now != outcome.target
        self._sessions.remember(facts, now, usage, at, foregone_usd=foregone, stand_in=stood_in, key=conversation)

    def _target(self, provider: str, model: str) -> Target:
        found = self._targets[provider, model] = Target(provider, model or "")
        return found

    def _place(self, key: tuple[Any, ...]) -> _Placed:
        namespace, rule, target, tier, answer, again = key
        was = target or REFUSED
        way = (namespace, rule or REFUSED, was, _tier(again, was, tier), answer.rule, answer.named, answer.tier)
        found = self._placed[key] = _Placed(way, self._tally.ways.setdefault(way, Counted()))
        return found

    def tally(self) -> Tally:
        return msgspec.structs.replace(self._tally, drawn=self._draw.kept, uses=self._bill.uses())


def walked(rows: Iterable[Sequence[Any]], walk: Walk, progress: Callable[[int], None], every: int = 20_000) -> None:
    for number, row in enumerate(rows, start=1):
        walk.add(row)
        if number % every == 0:
            progress(number)


def _tier(again: Again, target: str, recorded: str | None) -> str:
    tier = tier_of(Target(*target.split(",", 1)), again.table.tiers) if "," in target else None
    return tier.name if tier else recorded or ""


def _because(outcome: Outcome) -> str:
    return outcome.decision if isinstance(outcome.decision, str) else outcome.decision.because
