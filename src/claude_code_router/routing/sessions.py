"""What each session's last reply said of its prompt cache: where it is warm, how much of it, until when."""

from __future__ import annotations

from collections import OrderedDict

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
    expired: bool
    """Its cache has most likely gone: moving away loses nothing."""
    calls: Calls
    foregone_usd: float
    """What staying has cost so far, against the cheaper target that the rules wished for."""


class _Session(msgspec.Struct, kw_only=True):
    target: Target
    at: float = 0.0
    ttl_s: float = _TTL_S
    prompt_tokens: int = 0
    cached: bool = False
    new_tokens: float = 1_500.0  # an agent's usual step, until its own are known
    output_tokens: float = 600.0
    foregone_usd: float = 0.0


class Sessions:
    """In memory only, bounded; the least recently used is forgotten. Times are passed in (monotonic seconds)."""

    def __init__(self, *, sessions_max: int = 4096) -> None:
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._max = sessions_max

    def recall(self, conversation: str, now: float) -> Warm | None:
        """None for a conversation that has no past, or whose upstream has never reported a cache."""
        known = self._sessions.get(conversation) if conversation else None
        if known is None or not known.cached:
            return None
        calls = Calls(
            cached_tokens=known.prompt_tokens,
            new_tokens=round(known.new_tokens),
            output_tokens=round(known.output_tokens),
        )
        expired = now - known.at > known.ttl_s
        return Warm(target=known.target, expired=expired, calls=calls, foregone_usd=known.foregone_usd)

    def remember(self, conversation: str, target: Target, usage: Usage, now: float, *, foregone_usd: float) -> None:
        """A reply came from `target`. `foregone_usd`: what this call cost more than where the rules wished to go."""
        if not conversation:
            return
        known = self._sessions.get(conversation)
        if known is None or known.target != target:
            known = self._sessions[conversation] = _Session(target=target)
        grown = usage.prompt_tokens - known.prompt_tokens
        if known.prompt_tokens and grown > 0:
            known.new_tokens += _LEARNING_RATE * (grown - known.new_tokens)
        known.output_tokens += _LEARNING_RATE * (usage.output_tokens - known.output_tokens)
        known.prompt_tokens = usage.prompt_tokens
        known.cached = usage.cache_read_tokens + usage.cache_write_tokens > 0
        known.ttl_s = _TTL_1H_S if usage.cache_write_1h_tokens else max(known.ttl_s, _TTL_S)
        known.foregone_usd += max(0.0, foregone_usd)
        known.at = now
        self._sessions.move_to_end(conversation)
        if len(self._sessions) > self._max:
            self._sessions.popitem(last=False)
