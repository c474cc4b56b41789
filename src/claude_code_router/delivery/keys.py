"""Which of a provider's keys a session uses. Pure but for the memory of where sessions live.

One session stays with one account: its prompt cache is there, and signed thinking can be bound to the organisation that
made it (Anthropic's newest models). So keys share *sessions*, not requests, and a session moves only when its key rests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from math import log

import msgspec

from claude_code_router.providers.provider import Credential

_MOST_SESSIONS = 4096


class Choice(msgspec.Struct, frozen=True):
    credential: Credential
    moved_from: str = ""
    """The session's key until now, which rests."""


def score(session: str, credential: Credential) -> float:
    """Weighted rendezvous hashing: the highest score wins. Adding or removing a key moves only the sessions that it gains
    or loses; a key gets sessions in proportion to its weight."""
    digest = blake2b(f"{session}\0{credential.name}".encode(), digest_size=8).digest()
    share = (int.from_bytes(digest, "big") + 0.5) / 2.0**64
    return -credential.weight / log(share)


def ranked(session: str, credentials: Sequence[Credential]) -> list[Credential]:
    return sorted(credentials, key=lambda credential: (-score(session, credential), credential.name))


def choose(
    session: str,
    credentials: Sequence[Credential],
    home: str,
    rests_until_s: Callable[[Credential], float | None],
    is_full: Callable[[Credential], bool] = lambda _: False,
) -> Choice:
    """`home`: the key that the session has used so far, or empty. A key that rests is chosen only when all do; one that is
    full only by the session that lives there, or when all are."""
    at_home = next((credential for credential in credentials if credential.name == home), None)
    if at_home is not None and rests_until_s(at_home) is None:
        return Choice(at_home)
    order = ranked(session, credentials)
    warm = [credential for credential in order if rests_until_s(credential) is None]
    if warm:
        return Choice(next((c for c in warm if not is_full(c)), warm[0]), at_home.name if at_home else "")
    if at_home is not None:
        return Choice(at_home)  # one tired key is as good as the other, and this one has the cache
    return Choice(min(order, key=lambda credential: rests_until_s(credential) or 0.0))


class Homes:
    """Where sessions live, by provider; the oldest are forgotten."""

    def __init__(self, most: int = _MOST_SESSIONS) -> None:
        self._most = most
        self._homes: dict[tuple[str, str], str] = {}

    def of(self, provider: str, session: str) -> str:
        return self._homes.get((provider, session), "")

    def settle(self, provider: str, session: str, credential: str) -> None:
        self._homes.pop((provider, session), None)
        self._homes[provider, session] = credential
        while len(self._homes) > self._most:
            del self._homes[next(iter(self._homes))]
