"""Circuit breakers: what is left alone after failures, and for how long. Pure: times are arguments, monotonic seconds.

    closed ──failures──▶ open ──its time is over──▶ half open ──one probe──▶ closed, or open for twice as long

What cools and for how long stands in the failure table (`delivery.policy`). A breaker only says "rather not": whether it is
asked all the same, because nothing better is left, is the gate's choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from claude_code_router.core.failure import Failure, FailureKind

State = Literal["closed", "open", "half_open"]
Scope = tuple[str, ...]
"""What a breaker stands for: `("provider", name, url)`, `("target", name, url, model)`, `("key", name, id)`, and
`("key", name, id, model)` for what a key may not do with one model."""

SOFT_FAILURES = 3
"""In a row, until what may be a single mishap opens a breaker. One hiccup must not move a session off its prompt cache."""
SOFT_WITHIN_S = 60.0
PROBE_S = 30.0
"""So long others keep away from a probe without an answer; a thinking model may take longer, and then two probe."""
LONGEST_S = 300.0
"""Doubling ends here."""
LONGEST_SAID_S = 3600.0
"""An upstream may name a reset in days. One probe an hour costs nothing, and notices a topped-up account."""

_MOST_BREAKERS = 512

_CERTAIN = frozenset(
    {
        FailureKind.CONNECT, FailureKind.DNS, FailureKind.TLS, FailureKind.CONNECT_TIMEOUT, FailureKind.AUTH,
        FailureKind.BILLING, FailureKind.NOT_FOUND, FailureKind.RATE_LIMIT,
    }
)  # fmt: skip
"""Says the same to the next request: opens at once."""

ALIVE = frozenset({FailureKind.BAD_REQUEST, FailureKind.CONTEXT_OVERFLOW, FailureKind.TOO_LARGE, FailureKind.REFUSAL})
"""Failures of a request that an upstream in good health answers with."""


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    failures: int = 0
    """In a row, while closed."""
    failed_at_s: float = 0.0
    openings: int = 0
    """In a row; 0: closed."""
    opened_at_s: float = 0.0
    until_s: float = 0.0
    probe_until_s: float = 0.0
    because: str = ""
    """The last failure's kind."""

    def state(self, now_s: float) -> State:
        if not self.openings:
            return "closed"
        return "open" if now_s < self.until_s else "half_open"

    def rests_until_s(self, now_s: float) -> float | None:
        """None: it may be asked. Half open, only one at a time may."""
        state = self.state(now_s)
        if state == "open":
            return self.until_s
        return self.probe_until_s if state == "half_open" and now_s < self.probe_until_s else None

    def begun(self, now_s: float) -> Breaker:
        """An attempt starts; half open, it is the probe."""
        if self.state(now_s) != "half_open":
            return self
        return msgspec.structs.replace(self, probe_until_s=now_s + PROBE_S)

    def abandoned(self) -> Breaker:
        """An attempt ended without an answer, because the client had left: the next one may probe."""
        return msgspec.structs.replace(self, probe_until_s=0.0) if self.probe_until_s else self

    def failed(self, kind: FailureKind, now_s: float, cool_s: float, said_s: float | None) -> Breaker:
        """`cool_s`: the table's; `said_s`: the upstream's own `retry-after` or reset, which wins."""
        recent = now_s - self.failed_at_s <= SOFT_WITHIN_S
        failures = self.failures + 1 if recent else 1
        sure = self.openings > 0 or said_s is not None or kind in _CERTAIN
        if not sure and failures < SOFT_FAILURES:
            return Breaker(failures=failures, failed_at_s=now_s, because=kind.value)
        was_open = self.state(now_s) == "open"  # a straggler: more of the same outage, no new opening
        openings = self.openings if was_open else self.openings + 1
        rest_s = max(cool_s, min(LONGEST_S, cool_s * 2.0 ** min(openings - 1, 16)))
        if said_s is not None:
            rest_s = min(LONGEST_SAID_S, max(1.0, said_s))
        return Breaker(
            failures=0,
            failed_at_s=now_s,
            openings=openings,
            opened_at_s=self.opened_at_s if was_open else now_s,
            until_s=max(now_s + rest_s, self.until_s),
            because=kind.value,
        )

    def outlives(self, began_s: float) -> bool:
        """A success of an attempt that began at `began_s` does not close it: that was before it opened."""
        return self.openings > 0 and began_s < self.opened_at_s


class Health:
    """The breakers of everything that has failed lately; what is well has none."""

    def __init__(self) -> None:
        self._breakers: dict[Scope, Breaker] = {}

    def __bool__(self) -> bool:
        return bool(self._breakers)

    @property
    def breakers(self) -> Mapping[Scope, Breaker]:
        return self._breakers

    def rests_until_s(self, scopes: Iterable[Scope], now_s: float) -> float | None:
        """None when none of them rests; else when the last of them does no more."""
        latest: float | None = None
        for scope in scopes:
            breaker = self._breakers.get(scope)
            until = breaker.rests_until_s(now_s) if breaker else None
            if until is not None and (latest is None or until > latest):
                latest = until
        return latest

    def because(self, scopes: Iterable[Scope], now_s: float) -> str:
        resting = [b for scope in scopes if (b := self._breakers.get(scope)) and b.rests_until_s(now_s) is not None]
        return max(resting, key=lambda breaker: breaker.until_s).because if resting else ""

    def begun(self, scopes: Iterable[Scope], now_s: float) -> None:
        for scope in scopes:
            breaker = self._breakers.get(scope)
            if breaker is not None:
                self._breakers[scope] = breaker.begun(now_s)

    def succeeded(self, scopes: Iterable[Scope], began_s: float) -> None:
        for scope in scopes:
            breaker = self._breakers.get(scope)
            if breaker is not None and not breaker.outlives(began_s):
                del self._breakers[scope]

    def abandoned(self, scopes: Iterable[Scope]) -> None:
        for scope in scopes:
            breaker = self._breakers.get(scope)
            if breaker is not None:
                self._breakers[scope] = breaker.abandoned()

    def failed(self, scope: Scope, failure: Failure, now_s: float, cool_s: float) -> None:
        breaker = self._breakers.pop(scope, None) or Breaker()
        self._breakers[scope] = breaker.failed(failure.kind, now_s, cool_s, failure.retry_after_s)
        while len(self._breakers) > _MOST_BREAKERS:  # clients may name any model: the failure longest ago is forgotten
            del self._breakers[next(iter(self._breakers))]

    def keep_only(self, scopes: frozenset[Scope]) -> None:
        """After an edit of the config: forget what is no more (its first three parts are what is configured)."""
        self._breakers = {scope: breaker for scope, breaker in self._breakers.items() if scope[:3] in scopes}
