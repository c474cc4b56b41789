"""Stories of one walk: what happens, and what is ordered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.target import Route, Target
from claude_code_router.delivery.backoff import RetrySettings
from claude_code_router.delivery.machine import BreakOff, Order, Tell, Try, Wait, Walk
from claude_code_router.delivery.policy import NOT_ASKED

K = FailureKind
A, B, C, D = (Target("p", model) for model in "abcd")
WINDOWS = {A: 200_000, B: 100_000, C: 1_000_000, D: None}
LEFT = "content left"


def failure(kind: FailureKind, after_s: float | None = None) -> Failure:
    return Failure(kind=kind, fault="upstream", message=kind.value, retry_after_s=after_s)


def story(
    route: str, *happenings: object, repeats: bool = True, stronger: tuple[Target, ...] = (), **facts: object
) -> str:
    """`A B` as a route; kinds (or (kind, retry-after)) as they happen. Dice show a half: pauses are 0.25, 0.5 s."""
    walk = Walk(
        Route(tuple({"A": A, "B": B, "C": C, "D": D}[name] for name in route.split())),
        repeats=repeats,
        tokens=150_000,
        stronger=stronger,
        window_of=WINDOWS.__getitem__,
    )
    told: list[str] = [_spelled(walk.begin())]
    for happening in happenings:
        left = isinstance(happening, tuple) and happening[1] == LEFT
        kind, after = (
            (happening[0], None if left else happening[1]) if isinstance(happening, tuple) else (happening, None)
        )
        order = walk.failed(failure(kind, after), content_left=left, dice=0.5, **facts)  # type: ignore[arg-type]
        told.append(_spelled(order))
        if isinstance(order, Wait):
            told[-1] += f" {_spelled(walk.waited())}"
    return ", ".join(told)


def _spelled(order: Order) -> str:
    match order:
        case Try(target, last):
            return target.model.upper() + ("!" if last else "")
        case Wait(seconds):
            return f"wait {seconds:g}"
        case Tell(failed, attempt, note):
            return f"tell {failed.kind} of {attempt}" + (f" ({note})" if note else "")
        case BreakOff(failed):
            return f"break off {failed.kind}"


@pytest.mark.parametrize(
    ("route", "happenings", "orders"),
    [
        # A lone target: passing failures are repeated twice, with growing pauses; lasting ones are told at once.
        ("A", [], "A"),
        ("A", [K.SERVER] * 3, "A, wait 0.25 A, wait 0.5 A!, tell server of 2"),
        ("A", [K.CONNECT] * 3, "A, wait 0.25 A, wait 0.5 A!, tell connect of 2"),
        ("A", [K.RESET] * 3, "A, wait 0 A, wait 0.5 A!, tell reset of 2"),
        ("A", [K.SERVER, K.AUTH], "A, wait 0.25 A, tell auth of 1"),
        ("A", [K.EMPTY] * 2, "A, wait 0.25 A, tell empty of 1"),
        *(
            ("A", [kind], f"A, tell {kind} of 0")
            for kind in (K.BAD_REQUEST, K.AUTH, K.BILLING, K.NOT_FOUND, K.TOO_LARGE, K.TLS, K.FIRST_BYTE_TIMEOUT, K.MALFORMED)
        ),
        # A further target: what is likely to pass is repeated first, as far as the budget reserves one attempt for each target.
        ("A B", [K.SERVER] * 3, "A, wait 0.25 A, B!, tell server of 1"),
        ("A B", [K.CONNECT], "A, B"),
        ("A B", [K.CONNECT, K.SERVER, K.SERVER], "A, B, wait 0.25 B!, tell connect of 0"),
        ("A B C", [K.SERVER] * 3, "A, B, C!, tell server of 0"),
        ("A B C D", [K.SERVER] * 4, "A, B, C, D!, tell server of 0"),
        ("A B", [K.AUTH, K.AUTH], "A, B, tell auth of 0"),
        # The user's own mistake goes nowhere else; behind a failing target it speaks for itself.
        ("A B", [K.BAD_REQUEST], "A, tell bad_request of 0"),
        ("A B", [K.CONNECT, K.BAD_REQUEST], "A, B, tell bad_request of 1"),
        # Rate limits: the upstream's word counts, up to a bound.
        ("A", [(K.RATE_LIMIT, 7.0)], "A, wait 7 A"),
        ("A", [(K.RATE_LIMIT, 0.1)], "A, wait 0.25 A"),
        ("A", [(K.RATE_LIMIT, 21.0)], "A, tell rate_limit of 0"),
        ("A", [(K.SERVER, 21.0)], "A, tell server of 0"),
        ("A B", [(K.RATE_LIMIT, 2.0)], "A, wait 2 A"),
        ("A B", [(K.RATE_LIMIT, 3.0)], "A, B"),
        ("A B", [K.RATE_LIMIT], "A, B"),
        ("A B", [(K.OVERLOADED, 3.0)], "A, B"),
        # A prompt that does not fit goes only where it may fit.
        ("A B", [K.CONTEXT_OVERFLOW], "A, tell context_overflow of 0"),
        ("A D", [K.CONTEXT_OVERFLOW], "A, tell context_overflow of 0"),
        ("A B C", [K.CONTEXT_OVERFLOW], "A, C"),
        ("B D A", [K.CONTEXT_OVERFLOW, K.CONTEXT_OVERFLOW], "B, A, tell context_overflow of 1"),
        ("D B C", [K.CONTEXT_OVERFLOW], "D, C"),
        ("A C B", [K.CONTEXT_OVERFLOW, K.CONNECT], "A, C, wait 0.25 C!"),
        # Not asked at all: no attempt is spent, and the error told is that of a target that was.
        ("A B", [K.RESTING, K.SERVER], "A, B, wait 0.25 B"),
        ("A B", [K.RESTING, K.AUTH], "A, B, tell auth of 1"),
        ("A B", [K.RESTING, K.RESTING], "A, B, tell resting of 0"),
        ("A B", [K.AUTH, K.CAPPED], "A, B, tell auth of 0 (capped)"),
        ("A B C", [K.AUTH, K.CAPPED, K.AUTH], "A, B, C, tell auth of 0 (capped)"),
        # Content has left: no second voice in the same answer.
        *(("A B", [(kind, LEFT)], f"A, break off {kind}") for kind in (K.CUT, K.IDLE_TIMEOUT, K.ERROR_EVENT, K.TOTAL_TIMEOUT)),
        ("A B", [K.SERVER, (K.CUT, LEFT)], "A, wait 0.25 A, break off cut"),
    ],
)  # fmt: skip
def test_story(route: str, happenings: list[object], orders: str) -> None:
    """Each happening is answered by exactly this order."""
    assert story(route, *happenings) == orders


def test_a_client_that_repeats_is_asked_for_once() -> None:
    """Its repetitions and ours do not multiply; further targets are still asked."""
    assert story("A", K.SERVER, repeats=False) == "A!, tell server of 0"
    assert story("A B", K.SERVER, K.SERVER, repeats=False) == "A, B!, tell server of 0"


def test_an_exhausted_provider_is_not_repeated() -> None:
    """Without anything left in its retry budget a target is asked once, then the next."""
    assert story("A B", K.SERVER, K.SERVER, may_repeat=False) == "A, B, tell server of 0"


def test_time_is_part_of_the_budget() -> None:
    """After max_s nothing further begins, and no pause goes beyond it."""
    assert story("A B", K.CONNECT, now_s=601.0) == "A, tell connect of 0"
    assert story("A", K.SERVER, now_s=599.9) == "A, tell server of 0"
    assert story("A B", K.SERVER, now_s=599.9) == "A, B"


@pytest.mark.parametrize(
    ("route", "happenings", "orders"),
    [
        # Up, whatever the Route has left; there with a budget of attempts of its own.
        ("A B", [K.FELL_SHORT], "A, C"),
        ("A B", [K.SERVER, K.SERVER, K.FELL_SHORT, K.SERVER], "A, wait 0.25 A, B!, C, wait 0.25 C"),
        ("A B", [K.FELL_SHORT, K.AUTH], "A, C, D"),
        # Nothing better is to be had: the held reply itself, whoever failed behind it and however.
        ("A B", [K.FELL_SHORT, K.AUTH, K.AUTH], "A, C, D, tell fell_short of 0"),
        ("A B", [K.FELL_SHORT, K.BAD_REQUEST], "A, C, tell fell_short of 0"),
        ("A B", [K.CONNECT, K.FELL_SHORT, K.AUTH, K.CAPPED], "A, B, C, D, tell fell_short of 1"),
        ("A", [K.FELL_SHORT, (K.CUT, LEFT)], "A, C, break off cut"),
        # Only once.
        ("A", [K.FELL_SHORT, K.FELL_SHORT, K.FELL_SHORT], "A, C, D, tell fell_short of 0"),
    ],
)
def test_a_reply_that_fell_short(route: str, happenings: list[object], orders: str) -> None:
    """C and D are stronger: they are asked in place of the rest of the Route."""
    assert story(route, *happenings, stronger=(C, D)) == orders


def test_too_late_for_a_stronger_one() -> None:
    """After max_s the held reply is what there is."""
    assert story("A", K.FELL_SHORT, stronger=(C,), now_s=601.0) == "A, tell fell_short of 0"


@given(
    targets=st.lists(st.sampled_from([A, B, C, D]), min_size=1, max_size=4, unique=True),
    happenings=st.lists(
        st.tuples(
            st.sampled_from(list(FailureKind)),
            st.none() | st.floats(0, 1e6),
            st.floats(0, 1, exclude_max=True),
            st.booleans(),
            st.floats(0, 300),
        ),
        min_size=60,
        max_size=60,
    ),
    left_at=st.integers(0, 60),
    most=st.integers(1, 8),
    repeats=st.booleans(),
)
def test_every_story_ends(
    targets: list[Target],
    happenings: list[tuple[FailureKind, float | None, float, bool, float]],
    left_at: int,
    most: int,
    repeats: bool,
) -> None:
    """Whatever fails: attempts and time are bounded, targets are never revisited, content that left is only broken off."""
    settings = RetrySettings(max_attempts=most)
    walk = Walk(Route(tuple(targets)), settings, repeats=repeats, window_of=WINDOWS.__getitem__)
    first = walk.begin()
    order: Order = first
    now_s, asked, seen = 0.0, 0, [first.target]
    for kind, after_s, dice, may_repeat, took_s in happenings:
        assert isinstance(order, Try)
        if order.target != seen[-1]:
            seen.append(order.target)
        asked += kind not in NOT_ASKED
        now_s += took_s
        left = asked > left_at
        begun_at = now_s
        order = walk.failed(failure(kind, after_s), content_left=left, now_s=now_s, dice=dice, may_repeat=may_repeat)
        if isinstance(order, Wait):
            assert order.seconds <= max(settings.cap_s, settings.retry_after_max_s)
            assert may_repeat
            assert repeats
            now_s += order.seconds
            assert now_s <= settings.max_s
            order = walk.waited()
            assert order.target == seen[-1]
        assert not left or isinstance(order, BreakOff)
        if not isinstance(order, Try):
            break
        assert begun_at <= settings.max_s
    assert not isinstance(order, Try)
    assert asked <= max(most, len(targets))
    assert len(seen) == len(set(seen))
