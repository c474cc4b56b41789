from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.plugins.breaker import FAILURES, OPEN_S, WINDOW_S, Breaker


def broken(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        assert breaker.opens_in_s(at) == 0.0
        breaker.failed(at)
    return breaker


def test_opens() -> None:
    """Three failures within the window open it for the stated time."""
    breaker = broken(100.0)
    assert breaker.opens_in_s(100.0) == OPEN_S
    assert breaker.opens_in_s(100.0 + OPEN_S - 1) == 1.0


def test_one_tries() -> None:
    """After that one request tries, and the others wait for its fate."""
    breaker = broken()
    assert breaker.opens_in_s(OPEN_S) == 0.0
    assert breaker.opens_in_s(OPEN_S) > 0
    breaker.succeeded()
    assert breaker.opens_in_s(OPEN_S) == 0.0
    assert breaker.opens_in_s(OPEN_S) == 0.0


def test_trial_that_fails() -> None:
    """One failed trial opens it again."""
    breaker = broken()
    assert breaker.opens_in_s(OPEN_S) == 0.0
    assert breaker.failed(OPEN_S)
    assert breaker.opens_in_s(OPEN_S + 1) == OPEN_S - 1


def test_trial_that_nobody_waited_for() -> None:
    """A trial whose client left makes room for another."""
    breaker = broken()
    assert breaker.opens_in_s(OPEN_S) == 0.0
    breaker.abandoned()
    assert breaker.opens_in_s(OPEN_S) == 0.0


def test_new_script() -> None:
    """A new script starts with a clean slate."""
    breaker = broken()
    breaker.reset()
    assert breaker.opens_in_s(0.0) == 0.0
    assert not breaker.failed(0.0)


@given(st.lists(st.floats(WINDOW_S / (FAILURES - 1) + 0.01, 1e4), max_size=50))
def test_rare_failures(pauses: list[float]) -> None:
    """Failures that are far enough apart never open it."""
    breaker, now = Breaker(), 0.0
    for pause in pauses:
        now += pause
        assert breaker.opens_in_s(now) == 0.0
        assert not breaker.failed(now)
