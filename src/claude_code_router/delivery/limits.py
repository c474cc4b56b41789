"""Limits: requests and tokens in any minute, and how much at once, with a queue. Sans-IO: times are arguments, monotonic
seconds; whoever waits is told by the gate.

A `Ledger` counts for one thing that has limits (a provider, a key, a namespace); the `Limiter` lets requests pass that need
a place in several of them, in the order of their coming.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from claude_code_router.core.limits import Limits

WINDOW_S = 60.0
_UNKNOWN_S = 1.0
"""A place is free when another request ends; nobody knows when. What a client that asks is told."""


class Block(msgspec.Struct, frozen=True):
    """Why a request may not pass now."""

    because: str
    wait_s: float | None = None
    """Until it may; None: until another one ends."""
    never: bool = False


class Entry(msgspec.Struct):
    at_s: float
    tokens: int


class Ledger:
    """One thing's counts."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        """For messages: `provider openrouter`."""
        self.limits = limits
        self.running = 0
        self._entries: deque[Entry] = deque()
        self._tokens = 0

    def block(self, tokens: int, now_s: float) -> Block | None:
        """What keeps one more request of so many tokens out; None when nothing does."""
        self._forget(now_s)
        limits = self.limits
        most, most_tokens = limits.requests_per_min, limits.tokens_per_min
        if most_tokens is not None and tokens > most_tokens:
            return Block(f"about {tokens} tokens in one request, {most_tokens} a minute for {self.name}", never=True)
        if limits.concurrency is not None and self.running >= limits.concurrency:
            return Block(f"{self.running} of {limits.concurrency} requests at once for {self.name}")
        if most is not None and len(self._entries) >= most:
            freed = self._entries[len(self._entries) - most]
            return Block(f"{most} requests a minute for {self.name}", freed.at_s + WINDOW_S - now_s)
        if most_tokens is not None and self._tokens + tokens > most_tokens:
            return Block(f"{most_tokens} tokens a minute for {self.name}", self._tokens_wait_s(tokens, now_s))
        return None

    def take(self, tokens: int, now_s: float) -> Entry:
        entry = Entry(now_s, tokens)
        self._entries.append(entry)
        self._tokens += tokens
        self.running += 1
        return entry

    def end(self, entry: Entry, tokens: int | None, now_s: float) -> None:
        """`tokens`: what it really used; None: not known, the estimate stands."""
        self._forget(now_s)
        self.running -= 1
        if tokens is not None and now_s < entry.at_s + WINDOW_S:
            self._tokens += tokens - entry.tokens
            entry.tokens = tokens

    def used(self, now_s: float) -> tuple[int, int, int]:
        """Requests and tokens of the last minute, and how many run now."""
        self._forget(now_s)
        return len(self._entries), self._tokens, self.running

    def _tokens_wait_s(self, tokens: int, now_s: float) -> float:
        over = self._tokens + tokens - (self.limits.tokens_per_min or 0)
        for entry in self._entries:
            over -= entry.tokens
            if over <= 0:
                return entry.at_s + WINDOW_S - now_s
        return WINDOW_S

    def _forget(self, now_s: float) -> None:
        while self._entries and now_s >= self._entries[0].at_s + WINDOW_S:
            self._tokens -= self._entries.popleft().tokens


class Ticket:
    """One request's way through: waiting, then let in or refused."""

    def __init__(self, ledgers: Sequence[Ledger], tokens: int, deadline_s: float) -> None:
        self.ledgers = ledgers
        self.tokens = tokens
        self.deadline_s = deadline_s
        self.entries: list[Entry] | None = None
        """Not None: let in."""
        self.refusal: Block | None = None

    @property
    def decided(self) -> bool:
        return self.entries is not None or self.refusal is not None


class Limiter:
    """First come, first served, among those who want the same."""

    def __init__(self) -> None:
        self._waiting: list[Ticket] = []

    def ask(self, ledgers: Sequence[Ledger], tokens: int, now_s: float, queue_s: float) -> Ticket:
        """The ticket is decided at once, or waits: then call `pump` at `next_s`."""
        ticket = Ticket(ledgers, tokens, now_s + queue_s)
        self._decide(ticket, {id(ledger) for ahead in self._waiting for ledger in ahead.ledgers}, now_s)
        if not ticket.decided:
            self._waiting.append(ticket)
        return ticket

    def end(self, ticket: Ticket, tokens: int | None, now_s: float) -> None:
        """A request that was let in has ended, or one that waited has given up."""
        if ticket.entries is None:
            self._waiting = [other for other in self._waiting if other is not ticket]
            return
        for ledger, entry in zip(ticket.ledgers, ticket.entries, strict=True):
            ledger.end(entry, tokens, now_s)

    def pump(self, now_s: float) -> list[Ticket]:
        """Decide whatever can be decided now; gives those that were."""
        taken: set[int] = set()  # ledgers that somebody ahead is waiting for
        decided = []
        for ticket in self._waiting:
            self._decide(ticket, taken, now_s)
            if ticket.decided:
                decided.append(ticket)
        if decided:
            self._waiting = [ticket for ticket in self._waiting if not ticket.decided]
        return decided

    def next_s(self, now_s: float) -> float | None:
        """When to call `pump` next, even if nobody ends before; None when nobody waits."""
        times = []
        for ticket in self._waiting:
            blocks = [block for ledger in ticket.ledgers if (block := ledger.block(ticket.tokens, now_s))]
            waits = [block.wait_s for block in blocks if block.wait_s is not None]
            times.append(min([ticket.deadline_s, *(now_s + wait for wait in waits)]))
        return min(times, default=None)

    def _decide(self, ticket: Ticket, taken: set[int], now_s: float) -> None:
        blocks = [block for ledger in ticket.ledgers if (block := ledger.block(ticket.tokens, now_s))]
        behind = any(id(ledger) in taken for ledger in ticket.ledgers)
        if not blocks and not behind:
            ticket.entries = [ledger.take(ticket.tokens, now_s) for ledger in ticket.ledgers]
            return
        worst = max(blocks, key=_wait_s, default=Block("others are waiting already"))
        if worst.never or now_s >= ticket.deadline_s or now_s + _wait_s(worst) > ticket.deadline_s:
            ticket.refusal = worst
        else:
            taken.update(id(ledger) for ledger in ticket.ledgers)


def _wait_s(block: Block) -> float:
    return block.wait_s if block.wait_s is not None else 0.0


def retry_after_s(block: Block) -> float:
    """What a refused client is told."""
    return max(_UNKNOWN_S, block.wait_s or 0.0)
