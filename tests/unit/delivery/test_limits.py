"""Limits: never more than allowed, first come first served, and a clear word to who does not get a turn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.limits import Limits
from claude_code_router.delivery.limits import WINDOW_S, Ledger, Limiter, Ticket, retry_after_s

steps = st.lists(
    st.tuples(st.sampled_from(["ask", "end", "pump"]), st.floats(0, 25), st.integers(0, 60)), min_size=1, max_size=60
)


def limiter_with(**limits: float) -> tuple[Limiter, Ledger]:
    return Limiter(), Ledger("provider p", Limits(**limits))  # type: ignore[arg-type]


@given(steps, st.integers(1, 4), st.integers(50, 120), st.integers(1, 4))
def test_never_more_than_allowed(story: list[tuple[str, float, int]], per_min: int, tokens: int, at_once: int) -> None:
    """In no window of 60 s more requests or (by the estimates) tokens than the limit, and never more at once."""
    limiter = Limiter()
    both = [
        Ledger("one", Limits(requests_per_min=per_min, concurrency=at_once)),
        Ledger("two", Limits(tokens_per_min=tokens)),
    ]
    now = 0.0
    running: list[Ticket] = []
    begun: list[tuple[float, int]] = []
    for what, passed, size in story:
        now += passed
        if what == "ask":
            ticket = limiter.ask(both, size, now, queue_s=40.0)
            fresh = [ticket] if ticket.decided else []
        elif what == "end" and running:
            limiter.end(running.pop(0), None, now)
            fresh = limiter.pump(now)
        else:
            fresh = limiter.pump(now)
        for ticket in fresh:
            if ticket.entries is not None:
                running.append(ticket)
                begun.append((now, ticket.tokens))
        assert len(running) <= at_once
        window = [(at, size) for at, size in begun if at > now - WINDOW_S]
        assert len(window) <= per_min
        assert sum(size for _, size in window) <= tokens


@given(steps)
def test_everybody_is_told_in_time(story: list[tuple[str, float, int]]) -> None:
    """Pumping when `next_s` says so, every ticket is decided by its deadline."""
    limiter, ledger = limiter_with(requests_per_min=2, concurrency=1)
    now = 0.0
    tickets: list[Ticket] = []
    for what, passed, size in story:
        until = now + passed
        while (at := limiter.next_s(now)) is not None and at <= until:
            now = max(at, now + 1e-6)
            limiter.pump(now)
        now = until
        if what == "ask":
            tickets.append(limiter.ask([ledger], size, now, queue_s=20.0))
    limiter.pump(now + 21.0)
    assert all(ticket.decided for ticket in tickets)


def test_first_come_first_served() -> None:
    """Who came later does not overtake, even when there is a place at that moment."""
    limiter, ledger = limiter_with(concurrency=1)
    first, second = (limiter.ask([ledger], 1, 0.0, 30.0) for _ in range(2))
    limiter.end(first, None, 1.0)
    third = limiter.ask([ledger], 1, 1.0, 30.0)
    limiter.pump(1.0)
    assert second.entries is not None
    assert not third.decided


def test_who_waits_for_one_thing_does_not_hold_up_another() -> None:
    """A queue at one provider is none at the other."""
    limiter = Limiter()
    busy, free = (Ledger(name, Limits(concurrency=1)) for name in ("busy", "free"))
    for _ in range(2):
        limiter.ask([busy], 1, 0.0, 30.0)
    assert limiter.ask([free], 1, 0.0, 30.0).entries is not None


@pytest.mark.parametrize(
    ("limits", "tokens", "because", "retry_s"),
    [
        ({"requests_per_min": 1}, 1, "1 requests a minute for provider p", 60.0),
        ({"tokens_per_min": 100}, 60, "100 tokens a minute for provider p", 60.0),
        ({"concurrency": 1}, 1, "1 of 1 requests at once for provider p", 1.0),
    ],
)
def test_who_gets_no_turn_is_told_why(limits: dict[str, float], tokens: int, because: str, retry_s: float) -> None:
    """A sentence for people, and when to come again."""
    limiter, ledger = limiter_with(**limits)
    limiter.ask([ledger], tokens, 0.0, 0.0)
    refused = limiter.ask([ledger], tokens, 0.0, 0.0).refusal
    assert refused is not None
    assert (refused.because, retry_after_s(refused)) == (because, retry_s)


def test_nobody_waits_for_what_cannot_come_in_time() -> None:
    """The window frees a place in 60 s, the queue's patience is 30: refused at once, not in 30 s."""
    limiter, ledger = limiter_with(requests_per_min=1)
    limiter.ask([ledger], 1, 0.0, 30.0)
    assert limiter.ask([ledger], 1, 0.0, 30.0).refusal is not None
    assert not limiter.ask([ledger], 1, 40.0, 30.0).decided


def test_a_request_beyond_the_whole_limit_never_waits() -> None:
    """It would never fit; the sentence has both figures."""
    limiter, ledger = limiter_with(tokens_per_min=100)
    refused = limiter.ask([ledger], 101, 0.0, 30.0).refusal
    assert refused is not None
    assert "101 tokens in one request, 100 a minute" in refused.because


def test_what_was_really_used_counts() -> None:
    """An estimate is put right when the reply has said its usage: most of a long session comes from the cache."""
    limiter, ledger = limiter_with(tokens_per_min=100)
    ticket = limiter.ask([ledger], 90, 0.0, 0.0)
    limiter.end(ticket, 10, 1.0)
    assert ledger.used(1.0) == (1, 10, 0)
    assert limiter.ask([ledger], 90, 1.0, 0.0).entries is not None


def test_who_gives_up_frees_the_way() -> None:
    """A client that leaves the queue is not waited for."""
    limiter, ledger = limiter_with(concurrency=1)
    first, second, third = (limiter.ask([ledger], 1, 0.0, 30.0) for _ in range(3))
    limiter.end(second, None, 1.0)
    limiter.end(first, None, 2.0)
    limiter.pump(2.0)
    assert third.entries is not None
    assert limiter.next_s(2.0) is None
