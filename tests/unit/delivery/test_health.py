"""Breakers: what opens them, for how long, and how they close."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.delivery.health import (
    LONGEST_S,
    LONGEST_SAID_S,
    PROBE_S,
    SOFT_FAILURES,
    SOFT_WITHIN_S,
    Breaker,
    Health,
)
from claude_code_router.delivery.policy import FAILURES

K = FailureKind
A, B = ("target", "p", "http://x", "a"), ("target", "p", "http://x", "b")


def failure(kind: FailureKind = K.SERVER, retry_after_s: float | None = None) -> Failure:
    return Failure(kind=kind, fault="upstream", message="no", retry_after_s=retry_after_s)


def opened(*, at: float = 0.0, cool_s: float = 10.0) -> Breaker:
    return Breaker().failed(K.RATE_LIMIT, at, cool_s, None)


def test_the_story_of_a_breaker() -> None:
    """Closed, open, half open with one probe at a time, open for twice as long, closed."""
    breaker = opened(at=0.0)
    assert [breaker.state(now) for now in (0.0, 9.9, 10.0)] == ["open", "open", "half_open"]
    assert breaker.rests_until_s(5.0) == 10.0
    assert breaker.rests_until_s(10.0) is None
    probing = breaker.begun(10.0)
    assert probing.rests_until_s(11.0) == 10.0 + PROBE_S
    again = probing.failed(K.RATE_LIMIT, 12.0, 10.0, None)
    assert (again.state(31.9), again.state(32.0)) == ("open", "half_open")
    health = Health()
    health.failed(A, failure(K.RATE_LIMIT), 0.0, 10.0)
    health.succeeded([A], began_s=10.0)
    assert not health


@pytest.mark.parametrize(
    ("kind", "failures", "is_open"),
    [
        (K.RATE_LIMIT, 1, True),
        (K.AUTH, 1, True),
        (K.BILLING, 1, True),
        (K.CONNECT, 1, True),
        (K.NOT_FOUND, 1, True),
        (K.SERVER, 1, False),
        (K.SERVER, SOFT_FAILURES - 1, False),
        (K.SERVER, SOFT_FAILURES, True),
        (K.CUT, SOFT_FAILURES - 1, False),
        (K.OVERLOADED, SOFT_FAILURES, True),
    ],
)
def test_how_many_failures_open_it(kind: FailureKind, failures: int, is_open: bool) -> None:
    """What says the same to the next request opens at once; what may be one mishap only when it repeats itself."""
    breaker = Breaker()
    for n in range(failures):
        breaker = breaker.failed(kind, float(n), 10.0, None)
    assert (breaker.state(float(failures)) == "open") is is_open


def test_mishaps_far_apart_do_not_add_up() -> None:
    """Three failures in an hour are no outage."""
    breaker = Breaker()
    for n in range(10):
        breaker = breaker.failed(K.SERVER, n * (SOFT_WITHIN_S + 1), 10.0, None)
    assert breaker.state(10 * SOFT_WITHIN_S + 11) == "closed"


@pytest.mark.parametrize(("said", "rests"), [(7.0, 7.0), (0.0, 1.0), (3 * 86_400.0, LONGEST_SAID_S)])
def test_the_upstreams_own_time_wins(said: float, rests: float) -> None:
    """`retry-after` and quota resets are respected, within reason; any failure that comes with one opens."""
    assert Breaker().failed(K.SERVER, 100.0, 10.0, said).until_s == 100.0 + rests


def test_stragglers_neither_double_nor_close() -> None:
    """Of ten requests in flight when it opens, the failures are one outage, and a late success is old news."""
    breaker = opened(at=50.0)
    for n in range(9):
        breaker = breaker.failed(K.RATE_LIMIT, 51.0 + n / 10, 10.0, None)
    assert breaker.openings == 1
    assert breaker.until_s < 62.0
    assert breaker.outlives(began_s=49.0)
    assert not breaker.outlives(began_s=50.0)


def test_a_probe_of_a_client_that_left_is_given_back() -> None:
    """The next request may probe at once."""
    assert opened(at=0.0).begun(10.0).abandoned().rests_until_s(11.0) is None


def test_only_what_is_no_more_is_forgotten() -> None:
    """An edited provider starts anew, its neighbours keep their breakers."""
    health = Health()
    health.failed(A, failure(K.AUTH), 0.0, 10.0)
    health.failed(("key", "p", "key-1", "m"), failure(K.RATE_LIMIT), 0.0, 10.0)
    health.keep_only(frozenset({("key", "p", "key-1")}))
    assert list(health.breakers) == [("key", "p", "key-1", "m")]


def test_the_last_of_several_counts() -> None:
    """A target rests for as long as any of its scopes does."""
    health = Health()
    health.failed(A, failure(K.RATE_LIMIT), 0.0, 10.0)
    health.failed(B, failure(K.AUTH), 0.0, 300.0)
    assert health.rests_until_s([A, B], 5.0) == 300.0
    assert health.because([A, B], 5.0) == "auth"
    assert health.rests_until_s([A], 11.0) is None


def test_breakers_are_bounded() -> None:
    """A client that asks for endless models that do not exist fills no memory; what failed last is known."""
    health = Health()
    for n in range(2000):
        health.failed(("target", "p", "http://x", f"typo-{n}"), failure(K.NOT_FOUND), float(n), 300.0)
    assert len(health.breakers) == 512
    assert health.rests_until_s([("target", "p", "http://x", "typo-1999")], 2000.0) is not None


happenings = st.lists(
    st.tuples(
        st.sampled_from(["fail", "succeed", "begin", "abandon"]),
        st.sampled_from([kind for kind in K if FAILURES[kind].cools]),
        st.floats(0, 120),
        st.none() | st.floats(0, 1e6),
    ),
    max_size=40,
)


@given(happenings)
def test_every_breaker_lets_a_probe_through_in_the_end(
    story: list[tuple[str, FailureKind, float, float | None]],
) -> None:
    """Whatever happens, nothing rests for ever, and not longer than the bounds say."""
    health, now = Health(), 0.0
    for what, kind, passed, said in story:
        now += passed
        match what:
            case "fail":
                health.failed(A, failure(kind, said), now, FAILURES[kind].cool_s)
            case "succeed":
                health.succeeded([A], now)
            case "begin":
                health.begun([A], now)
            case _:
                health.abandoned([A])
        until = health.rests_until_s([A], now)
        longest = max(LONGEST_S, LONGEST_SAID_S, *(line.cool_s for line in FAILURES.values()))
        assert until is None or now < until <= now + longest
    assert health.rests_until_s([A], now + 3601.0) is None
