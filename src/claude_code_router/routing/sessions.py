"""What each session's replies said of its prompt caches: where they are warm, how much of them, until when."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from claude_code_router.core.signals import Signals
from claude_code_router.core.standing import Calls, Standing
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.routing.tokens import conversation_of

_TTL_S = 300.0  # Anthropic's default time to live; others' implicit caches last about as long
_TTL_1H_S = 3600.0
_LEARNING_RATE = 0.3


class _Cache(msgspec.Struct):
    tokens: int
    at: float
    ttl_s: float


class _Session(msgspec.Struct, kw_only=True):
    target: Target
    asked: str = ""
    stand_in: bool = False
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

    def recall(self, signals: Signals, now: float, key: str | None = None) -> Standing | None:
        """None for a conversation that has no past: a first turn, a helper, a client that names no session.

        `key`: `session_key`'s, where that is known already.
        """
        known = self._sessions.get(session_key(signals) if key is None else key)
        if known is None or signals.kind == "compaction":
            return None
        prefix = min(known.prompt_tokens, signals.tokens) or known.prompt_tokens  # a rewound session is shorter
        return Standing(
            target=known.target,
            asked=known.asked,
            stand_in=known.stand_in,
            warm={str(at): min(c.tokens, prefix) for at, c in known.caches.items() if now - c.at <= c.ttl_s},
            calls=Calls(
                prefix_tokens=prefix,
                new_tokens=round(known.new_tokens),
                output_tokens=round(known.output_tokens),
            ),
            calls_a_turn=round(known.calls_a_turn, 2),
            foregone_usd=known.foregone_usd,
        )

    def remember(
        self,
        signals: Signals,
        target: Target,
        usage: Usage,
        now: float,
        *,
        foregone_usd: float = 0.0,
        stand_in: bool = False,
        key: str | None = None,
    ) -> None:
        """A reply came from `target`, in place of the planned one when it is a `stand_in`.

        `foregone_usd`: what this call cost more than where the rules wished to go. A compaction ends what was remembered:
        the conversation begins anew, with another prefix.
        """
        key = session_key(signals) if key is None else key
        if not key:
            return
        if signals.kind == "compaction":
            self._sessions.pop(key, None)
            return
        known = self._sessions.get(key)
        if known is None:
            known = self._sessions[key] = _Session(target=target)
        if known.target != target:
            known.target, known.foregone_usd = target, 0.0
        known.asked, known.stand_in = signals.model, stand_in
        _count_turns(known, user_turn=signals.kind == "user")
        grown = usage.prompt_tokens - known.prompt_tokens
        if known.prompt_tokens and grown > 0:
            known.new_tokens += _LEARNING_RATE * (grown - known.new_tokens)
        known.output_tokens += _LEARNING_RATE * (usage.output_tokens - known.output_tokens)
        known.prompt_tokens = usage.prompt_tokens
        known.foregone_usd += max(0.0, foregone_usd)
        cached = usage.cache_read_tokens + usage.cache_write_tokens
        if cached > 0:
            # Where caches are implicit nobody reports writes, and the whole prompt is in.
            cached = cached if usage.cache_write_tokens else usage.prompt_tokens
            before = known.caches.get(target)
            ttl_s = _TTL_1H_S if usage.cache_write_1h_tokens else before.ttl_s if before else _TTL_S
            known.caches[target] = _Cache(cached, now, ttl_s)
        else:
            known.caches.pop(target, None)
        self._sessions.move_to_end(key)
        if len(self._sessions) > self._max:
            self._sessions.popitem(last=False)


def session_key(signals: Signals) -> str:
    """Empty for what is no conversation. Lanes do not see each other's."""
    conversation = conversation_of(signals)
    return f"{signals.namespace}/{conversation}" if conversation else ""


def _count_turns(known: _Session, *, user_turn: bool) -> None:
    if user_turn and known.calls_this_turn:
        known.calls_a_turn += _LEARNING_RATE * (known.calls_this_turn - known.calls_a_turn)
        known.calls_this_turn = 0
    known.calls_this_turn += 1
