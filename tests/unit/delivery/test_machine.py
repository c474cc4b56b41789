"""Stories of one walk: what happens, and what is ordered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.target import Route, Target
from claude_code_router.delivery.machine import BreakOff, Order, Tell, Try, Walk
from claude_code_router.delivery.policy import FAILURES

K = FailureKind
A, B, C = Target("p", "a"), Target("p", "b"), Target("p", "c")


def failure(kind: FailureKind) -> Failure:
    return Failure(kind=kind, fault="upstream", message=kind.value)


def story(route: tuple[Target, ...], *happenings: tuple[FailureKind, bool]) -> list[Order]:
    walk = Walk(Route(route))
    return [walk.begin(), *(walk.failed(failure(kind), content_left=left) for kind, left in happenings)]


@pytest.mark.parametrize(
    ("route", "happenings", "orders"),
    [
        ((A,), [], [Try(A, last=True)]),
        ((A, B), [], [Try(A, last=False)]),
        ((A,), [(K.SERVER, False)], [Try(A, last=True), Tell(failure(K.SERVER), 0)]),
        ((A, B), [(K.SERVER, False)], [Try(A, last=False), Try(B, last=True)]),
        (
            (A, B),
            [(K.RATE_LIMIT, False), (K.SERVER, False)],
            [Try(A, last=False), Try(B, last=True), Tell(failure(K.RATE_LIMIT), 0)],
        ),
        ((A, B), [(K.BAD_REQUEST, False)], [Try(A, last=False), Tell(failure(K.BAD_REQUEST), 0)]),
        (
            (A, B),
            [(K.SERVER, False), (K.BAD_REQUEST, False)],
            [Try(A, last=False), Try(B, last=True), Tell(failure(K.BAD_REQUEST), 1)],
        ),
        ((A, B), [(K.CUT, True)], [Try(A, last=False), BreakOff(failure(K.CUT))]),
        (
            (A, B),
            [(K.RESET, False), (K.RESET, False)],
            [Try(A, last=False), Try(A, last=False), Try(B, last=True)],
        ),
    ],
)
def test_story(route: tuple[Target, ...], happenings: list[tuple[FailureKind, bool]], orders: list[Order]) -> None:
    """Each happening is answered by exactly this order."""
    assert story(route, *happenings) == orders


@given(
    targets=st.lists(st.sampled_from([A, B, C]), min_size=1, max_size=5, unique=True),
    kinds=st.lists(st.sampled_from(list(FailureKind)), min_size=40, max_size=40),
    left_at=st.integers(0, 40),
)
def test_every_story_ends(targets: list[Target], kinds: list[FailureKind], left_at: int) -> None:
    """Whatever fails, the walk ends within its bound, and after content has left there is only BreakOff."""
    walk = Walk(Route(tuple(targets)))
    order: Order = walk.begin()
    tries = 0
    while isinstance(order, Try):
        tries += 1
        left = tries > left_at
        order = walk.failed(failure(kinds[tries - 1]), content_left=left)
        assert not left or isinstance(order, BreakOff)
    assert tries <= len(targets) * (1 + max(line.again_here for line in FAILURES.values()))
