"""What each session's replies said of its prompt caches: where they are warm, how much of them, until when."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.routing.economy import Calls

_TTL_S = 300.0  # Anthropic's default time to live; others' implicit caches last about as long
_TTL_1H_S = 3600.0
_LEARNING_RATE = 0.3


class Warm(msgspec.Struct, frozen=True, kw_only=True):
    """The session's present place, as a fact for `stickiness.settle`."""

    target: Target
    warm_tokens: Mapping[Target, int]
    """By target: how much of the conversation its cache most likely still has. Without `target`: that has expired."""
    calls: Calls
    calls_a_turn: float
    """So many calls a turn of this session has had."""
    foregone_usd: float
    """What staying has cost so far, against the cheaper target that the rules wished for."""

    @property
    def expired(self) -> bool:
        return self.target not in self.warm_tokens


class _Cache(msgspec.Struct):
    tokens: int
    at: float
    ttl_s: float


class _Session(msgspec.Struct, kw_only=True):
    target: Target
    caches: dict[Target, _Cache] = {}
    prompt_tokens: int = 0
    new_tokens: float = 1_500.0  # an agent's usual step, until its own are known
    output_tokens: float = 600.0
    calls_a_turn: float = 4.0
    calls_this_turn: int = 0
    foregone_usd: float = 0.0


class Sessions:
    """In memory only, bounded; the least recently used is forgotten. Times are passed in (monotonic seconds)."""

    def __init__(self, *, sessions_max: int = 4096) -> None:
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._max = sessions_max

    def recall(self, conversation: str, now: float) -> Warm | None:
        """None for a conversation that has no past, or whose upstreams have never reported a cache."""
        known = self._sessions.get(conversation) if conversation else None
        if known is None or not known.caches:
            return None
        return Warm(
            target=known.target,
            warm_tokens={t: cache.tokens for t, cache in known.caches.items() if now - cache.at <= cache.ttl_s},
            calls=Calls(
                prefix_tokens=known.prompt_tokens,
                new_tokens=round(known.new_tokens),
                output_tokens=round(known.output_tokens),
            ),
            calls_a_turn=known.calls_a_turn,
            foregone_usd=known.foregone_usd,
        )

    def remember(
        self, conversation: str, target: Target, usage: Usage, now: float, *, foregone_usd: float, user_turn: bool
    ) -> None:
        """A reply came from `target`. `foregone_usd`: what this call cost more than where the rules wished to go."""
        if not conversation:
            return
        known = self._sessions.get(conversation)
        if known is None:
            known = self._sessions[conversation] = _Session(target=target)
        if known.target != target:
            known.target, known.foregone_usd = target, 0.0
        _count_turns(known, user_turn=user_turn)
        grown = usage.prompt_tokens - known.prompt_tokens
        if known.prompt_tokens and grown > 0:
            known.new_tokens += _LEARNING_RATE * (grown - known.new_tokens)
        known.output_tokens += _LEARNING_RATE * (usage.output_tokens - known.output_tokens)
        known.prompt_tokens = usage.prompt_tokens
        known.foregone_usd += max(0.0, foregone_usd)
        if usage.cache_read_tokens + usage.cache_write_tokens > 0:
            before = known.caches.get(target)
            ttl_s = _TTL_1H_S if usage.cache_write_1h_tokens else before.ttl_s if before else _TTL_S
            known.caches[target] = _Cache(usage.prompt_tokens, now, ttl_s)
        else:
            known.caches.pop(target, None)
        self._sessions.move_to_end(conversation)
        if len(self._sessions) > self._max:
            self._sessions.popitem(last=False)


def _count_turns(known: _Session, *, user_turn: bool) -> None:
    if user_turn and known.calls_this_turn:
        known.calls_a_turn += _LEARNING_RATE * (known.calls_this_turn - known.calls_a_turn)
        known.calls_this_turn = 0
    known.calls_this_turn += 1
