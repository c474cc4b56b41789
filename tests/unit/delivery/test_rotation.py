"""Other keys in the walk: tried before other targets, after short waits, and never without end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.target import Route, Target
from claude_code_router.delivery.backoff import RetrySettings
from claude_code_router.delivery.machine import BreakOff, Order, Tell, Try, Wait, Walk
from claude_code_router.delivery.policy import FAILURES

K = FailureKind
A, B = Target("p", "a"), Target("q", "b")


def failure(kind: FailureKind, retry_after_s: float | None = None) -> Failure:
    return Failure(kind=kind, fault="upstream", message="no", retry_after_s=retry_after_s)


@pytest.mark.parametrize("kind", [K.AUTH, K.BILLING, K.RATE_LIMIT])
def test_another_key_comes_before_another_target(kind: FailureKind) -> None:
    """While there is one that is well; then the Route goes on."""
    walk = Walk(Route((A, B)))
    walk.begin()
    order = walk.failed(failure(kind), content_left=False, other_key=True)
    assert isinstance(order, Try)
    assert order.target == A
    order = walk.failed(failure(kind), content_left=False, other_key=False)
    assert isinstance(order, Try)
    assert order.target == B


def test_a_short_pause_is_better_than_a_move() -> None:
    """The session's cache is with its key: a 429 of two seconds is waited for, a longer one is not."""
    for after, waits in ((1.0, True), (30.0, False)):
        walk = Walk(Route((A,)))
        walk.begin()
        order = walk.failed(failure(K.RATE_LIMIT, after), content_left=False, other_key=True)
        assert isinstance(order, Wait if waits else Try)


@pytest.mark.parametrize("kind", [kind for kind, line in FAILURES.items() if line.cools != "key"])
def test_other_failures_are_no_matter_of_keys(kind: FailureKind) -> None:
    """An overloaded model is overloaded for every account: the walk goes as if there was one key."""
    with_keys, without = Walk(Route((A, B))), Walk(Route((A, B)))
    with_keys.begin(), without.begin()
    orders = [
        walk.failed(failure(kind), content_left=False, other_key=walk is with_keys) for walk in (with_keys, without)
    ]
    assert orders[0] == orders[1]


@given(st.lists(st.tuples(st.sampled_from(list(K)), st.none() | st.floats(0, 5)), min_size=60, max_size=60))
def test_every_walk_ends(story: list[tuple[FailureKind, float | None]]) -> None:
    """Even when there is always another key that is well."""
    walk = Walk(Route((A, B)), RetrySettings(max_attempts=3))
    order: Order = walk.begin()
    tries = 0
    for kind, after in story:
        tries += 1
        if isinstance(order, Wait):
            order = walk.waited()
        order = walk.failed(failure(kind, after), content_left=False, other_key=True)
        if isinstance(order, Tell | BreakOff):
            break
    assert isinstance(order, Tell | BreakOff)
    assert tries < 15
