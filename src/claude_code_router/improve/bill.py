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
from claude_code_router.improve.tally import SHARED_TTL_S, Uses

_TTL_S = 300.0
_TTL_1H_S = 3600.0
_FORGOTTEN_S = 86_400.0
"""A conversation that was silent for so long begins anew: no cache has anything of it."""
_LOOKED_THROUGH_AT = 20_000
"""So many conversations are kept before the forgotten ones are looked for."""
_MILLION = 1_000_000

RatesOf = Callable[[Target], Rates | None]


Used = tuple[int, int, int, int, int, int, int]
"""A recorded reply's usage in the order of the columns: input, cache read, cache written, of it for an hour, output, of it
reasoning, searches."""
Cost = tuple[float | None, float | None, int]
"""Where it was, where it would be (None: a price is not known), and how many tokens more are written to a cache."""


class _Place:
    """A target: its rates made ready for a million replies, and when it was used."""

    def __init__(self, target: Target, rates: Rates | None) -> None:
        self.target = target
        self.uses: Uses = []
        self._rates = rates
        self._flat = _flat(rates) if rates is not None else None

    def cost_usd(self, used: Used) -> float | None:
        if self._flat is None:
            return None if self._rates is None else self._rates.cost_usd(_usage(used))
        uncached, read, write, hour, output, thinking, search, each = self._flat
        a, b, c, d, e, f, g = used
        if not (d or f or g):
            return a * uncached + b * read + c * write + e * output + each
        d = min(d, c)
        return (
            a * uncached + b * read + (c - d) * write + d * hour + (e - f) * output + f * thinking + g * search + each
        )

    def use(self, at: float) -> None:
        uses = self.uses
        if uses and at - uses[-1][1] <= SHARED_TTL_S:
            uses[-1] = (uses[-1][0], at)
        else:
            uses.append((at, at))

    def lately(self, at: float) -> bool:
        return bool(self.uses) and at - self.uses[-1][1] <= SHARED_TTL_S


class _Conversation(msgspec.Struct, gc=False):
    warm: dict[_Place, tuple[int, float, float]]
    """By target: tokens, when, time to live."""
    shared_tokens: int
    """What its first reply read from a cache: the prompt that it has in common with other conversations."""
    at: float
    """Of its last reply."""
    diverged: bool = False
    together: bool = True
    """The last reply came from the same target in truth and here."""
    hour: bool = False
    last: Target | None = None


class Bill:
    """Fed with the replies in their order. Bounded by the number of conversations of a day."""

    def __init__(self, rates_of: RatesOf, *, neighbours: bool = False) -> None:
        """`neighbours`: a session is fed alone, and wherever it goes others are taken to go too: what they share is warm."""
        self._rates_of = rates_of
        self._neighbours = neighbours
        self._places: dict[Target, _Place] = {}
        self._conversations: dict[str, _Conversation] = {}
        self._look_through_at = _LOOKED_THROUGH_AT
        self.doubt: tuple[float, int] | None = None
        """Of the reply that was added last: the dollars and the written tokens that it would have saved, had another
        conversation been there lately. None when that would have changed nothing, or one had been."""

    def add(self, conversation: str, really: Target, now: Target, used: Used, at: float) -> Cost:
        """`really`: who answered; `now`: who would. `conversation` is empty for what is none."""
        self.doubt = None
        known = self._known(conversation, at) or self._begin(conversation, used[1], at)
        known.at = at
        if used[3]:
            known.hour = True
        was = place = self._places.get(really) or self._place(really)
        before = after = was.cost_usd(used)
        rewritten = 0
        if now is really or now == really:
            if known.diverged and not known.together:
                after, rewritten = self._elsewhere(known, place, used, at)
            known.together = True
        else:
            place = self._places.get(now) or self._place(now)
            known.diverged, known.together = True, False
            after, rewritten = self._elsewhere(known, place, used, at)
        known.last = now
        place.use(at)
        if used[1] or used[2]:
            known.warm[place] = (used[0] + used[1] + used[2], at, _TTL_1H_S if known.hour else _TTL_S)
        return before, after, rewritten

    def standing(self, conversation: str, at: float) -> tuple[Target | None, bool]:
        """Who would have answered it last, and whether all of it would have gone as it really went."""
        known = self._known(conversation, at)
        return (known.last, not known.diverged) if known is not None else (None, True)

    def _known(self, conversation: str, at: float) -> _Conversation | None:
        known = self._conversations.get(conversation)
        return known if known is not None and at - known.at <= _FORGOTTEN_S else None

    def _begin(self, conversation: str, shared_tokens: int, at: float) -> _Conversation:
        begun = _Conversation({}, shared_tokens, at)
        if conversation:
            self._conversations[conversation] = begun
            if len(self._conversations) >= self._look_through_at:
                self._forget(at)
        return begun

    def _forget(self, at: float) -> None:
        kept = {name: one for name, one in self._conversations.items() if at - one.at <= _FORGOTTEN_S}
        self._conversations, self._look_through_at = kept, max(_LOOKED_THROUGH_AT, 2 * len(kept))

    def uses(self) -> dict[Target, Uses]:
        return {place.target: place.uses for place in self._places.values() if place.uses}

    def _elsewhere(self, known: _Conversation, place: _Place, used: Used, at: float) -> tuple[float | None, int]:
        tokens, then, ttl_s = known.warm.get(place, (0, 0.0, 0.0))
        own = tokens if at - then <= ttl_s else 0
        # System prompt and tools are warm when any conversation has been there lately.
        shared = 0 if own else known.shared_tokens
        warm = own or (shared if self._neighbours or place.lately(at) else 0)
        split = _split(used, warm, hour=known.hour)
        cost = place.cost_usd(split)
        if shared and not warm and cost is not None:
            otherwise = _split(used, shared, hour=known.hour)
            saved = cost - (place.cost_usd(otherwise) or 0.0)
            self.doubt = saved, max(0, split[2] - used[2]) - max(0, otherwise[2] - used[2])
        return cost, split[2] - used[2]

    def _place(self, target: Target) -> _Place:
        found = self._places[target] = _Place(target, self._rates_of(target))
        return found


def _split(used: Used, warm_tokens: int, *, hour: bool) -> Used:
    """Read as far as it is warm, written beyond."""
    uncached, was_read, was_written, _, output, reasoning, searches = used
    cacheable = was_read + was_written
    read = min(warm_tokens, cacheable)
    write = cacheable - read
    return uncached, read, write, write if hour else 0, output, reasoning, searches


def _flat(rates: Rates) -> tuple[float, ...] | None:
    """USD per token, search and request. None when a rate goes by the prompt's length, or is not known: then `Rates` itself
    is asked."""
    write = rates.cache_write or rates.input
    each = (
        rates.input, rates.cache_read or rates.input, write, rates.cache_write_1h or write, rates.output,
        rates.reasoning or rates.output,
    )  # fmt: skip
    known = [rate for rate in each if rate is not None and not rate.tiers]
    if len(known) < len(each):
        return None
    return (*[rate.base / _MILLION for rate in known], rates.web_search_usd, rates.request_usd)


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
