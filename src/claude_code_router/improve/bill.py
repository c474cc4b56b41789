"""What the same replies would have cost elsewhere, prompt caches accounted for. Pure; times are the records' own.

A session that goes to another model leaves its warm cache behind and writes its prefix anew. So the recorded usage is taken
over only as long as the session is where it really was. From its first change on, each reply's cacheable part (what was
read from a cache or written to one) is split again: read as far as the model's cache still has this conversation, written
beyond that. The arithmetic of docs/stickiness.md, call by call.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from claude_code_router.catalog.prices import Rates
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage

_TTL_S = 300.0
_TTL_1H_S = 3600.0
_MILLION = 1_000_000

RatesOf = Callable[[Target], Rates | None]


Used = tuple[int, int, int, int, int, int, int]
"""A recorded reply's usage in the order of the columns: input, cache read, cache written, of it for an hour, output, of it
reasoning, searches."""
Cost = tuple[float | None, float | None, int]
"""Where it was, where it would be (None: a price is not known), and how many tokens more are written to a cache."""


class _Conversation(msgspec.Struct, gc=False):
    warm: dict[Target, tuple[int, float, float]]
    """By target: tokens, when, time to live."""
    shared_tokens: int
    """What its first reply read from a cache: the prompt that it has in common with other conversations."""
    diverged: bool = False
    together: bool = True
    """The last reply came from the same target in truth and here."""
    hour: bool = False
    last: Target | None = None


class Bill:
    """Fed with the replies in their order. Bounded only by the number of conversations."""

    def __init__(self, rates_of: RatesOf) -> None:
        self._prices: dict[Target, _Price] = {}
        self._rates_of = rates_of
        self._conversations: dict[str, _Conversation] = {}
        self._last_used: dict[Target, float] = {}

    def add(self, conversation: str, really: Target, now: Target, used: Used, at: float) -> Cost:
        """`really`: who answered; `now`: who would. `conversation` is empty for what is none."""
        known = self._conversations.get(conversation) if conversation else None
        if known is None:
            known = _Conversation({}, used[1])
            if conversation:
                self._conversations[conversation] = known
        if used[3]:
            known.hour = True
        price = self._prices.get(really) or self._price(really)
        before = after = price.of(used)
        rewritten = 0
        if now is really or now == really:
            if known.diverged and not known.together:
                after, rewritten = self._elsewhere(known, now, used, at)
            known.together = True
        else:
            known.diverged, known.together = True, False
            after, rewritten = self._elsewhere(known, now, used, at)
        known.last = now
        self._last_used[now] = at
        if used[1] or used[2]:
            known.warm[now] = (used[0] + used[1] + used[2], at, _TTL_1H_S if known.hour else _TTL_S)
        return before, after, rewritten

    def _elsewhere(self, known: _Conversation, now: Target, used: Used, at: float) -> tuple[float | None, int]:
        split = self._split(known, now, used, at)
        return self._price(now).of(split), split[2] - used[2]

    def standing(self, conversation: str) -> tuple[Target | None, bool]:
        """Who would have answered it last, and whether all of it would have gone as it really went."""
        known = self._conversations.get(conversation)
        return (known.last, not known.diverged) if known is not None else (None, True)

    def _split(self, known: _Conversation, now: Target, used: Used, at: float) -> Used:
        uncached, was_read, was_written, _, output, reasoning, searches = used
        cacheable = was_read + was_written
        tokens, then, ttl_s = known.warm.get(now, (0, 0.0, 0.0))
        warm = tokens if tokens and at - then <= ttl_s else self._shared(known, now, at)
        read = min(warm, cacheable)
        write = cacheable - read
        return uncached, read, write, write if known.hour else 0, output, reasoning, searches

    def _shared(self, known: _Conversation, now: Target, at: float) -> int:
        """System prompt and tools are warm when any conversation has been there lately."""
        return known.shared_tokens if at - self._last_used.get(now, float("-inf")) <= _TTL_S else 0

    def _price(self, target: Target) -> _Price:
        found = self._prices.get(target)
        if found is None:
            found = self._prices[target] = _Price(self._rates_of(target))
        return found


class _Price:
    """Rates made ready for a million replies."""

    def __init__(self, rates: Rates | None) -> None:
        self._rates = rates
        self._flat = _flat(rates) if rates is not None else None

    def of(self, used: Used) -> float | None:
        if self._flat is None:
            return None if self._rates is None else self._rates.cost_usd(_usage(used))
        uncached, read, write, hour, output, thinking, search, each = self._flat
        a, b, c, d, e, f, g = used
        d = min(d, c)
        return (a * uncached + b * read + (c - d) * write + d * hour + (e - f) * output + f * thinking) / _MILLION + (
            g * search + each
        )


def _flat(rates: Rates) -> tuple[float, ...] | None:
    """None when a rate goes by the prompt's length, or is not known: then `Rates` itself is asked."""
    write = rates.cache_write or rates.input
    each = (
        rates.input, rates.cache_read or rates.input, write, rates.cache_write_1h or write, rates.output,
        rates.reasoning or rates.output,
    )  # fmt: skip
    known = [rate for rate in each if rate is not None and not rate.tiers]
    if len(known) < len(each):
        return None
    return (*[rate.base for rate in known], rates.web_search_usd, rates.request_usd)


def _usage(used: Used) -> Usage:
    return Usage(
        input_tokens=used[0],
        cache_read_tokens=used[1],
        cache_write_tokens=used[2],
        cache_write_1h_tokens=used[3],
        output_tokens=used[4],
        reasoning_tokens=used[5],
        web_searches=used[6],
    )
