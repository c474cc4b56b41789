"""When a session moves, and when it stays for its cache's sake."""

from collections.abc import Mapping
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.catalog.prices import Rate, Rates
from claude_code_router.core.decision import Choose, Decision, Pass
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.routing.economy import Calls, move
from claude_code_router.routing.sessions import Sessions, Warm
from claude_code_router.routing.stickiness import foregone_usd, settle

HEAVY, MID, LIGHT, UNPRICED = (Target("p", name) for name in ("heavy", "mid", "light", "unpriced"))


def priced(input_usd: float, output_usd: float, read: float) -> Rates:
    return Rates(
        input=Rate(input_usd),
        output=Rate(output_usd),
        cache_read=Rate(input_usd * read),
        cache_write=Rate(input_usd * 1.25),
    )


RATES = {HEAVY: priced(5, 25, 0.1), MID: priced(3, 15, 0.1), LIGHT: priced(1, 5, 0.1)}
CALLS = Calls(prefix_tokens=100_000, new_tokens=1_500, output_tokens=600)


def decision(target: Target, rule: str = "default", scenario: str = "default") -> Decision:
    route = Route((target,))
    verdicts = (Choose(rule, route, "because", scenario),)
    return Decision(route=route, rule=rule, scenario=scenario, because="because", verdicts=verdicts, config_hash="")


def warm(
    target: Target = HEAVY,
    *,
    expired: bool = False,
    foregone: float = 0.0,
    calls_a_turn: float = 1.0,
    elsewhere: Mapping[Target, int] | None = None,
) -> Warm:
    caches = dict(elsewhere or {}) if expired else {target: CALLS.prefix_tokens, **(elsewhere or {})}
    return Warm(target=target, warm_tokens=caches, calls=CALLS, calls_a_turn=calls_a_turn, foregone_usd=foregone)


@pytest.mark.parametrize(
    ("here", "there", "calls"),
    [(HEAVY, LIGHT, 1.9), (MID, LIGHT, 3.9), (HEAVY, MID, 11.6)],
)
def test_break_even_is_as_published(here: Target, there: Target, calls: float) -> None:
    """The number of calls after which moving down pays, for the prices and the session of the published table."""
    found = move(RATES[here], RATES[there], CALLS)
    assert found is not None
    assert found.break_even_calls == pytest.approx(calls, abs=0.06)


@pytest.mark.parametrize(
    ("wished", "where", "kind", "chosen"),
    [
        (MID, warm(), "user", HEAVY),  # one turn of mid work does not pay for the cache
        (MID, warm(foregone=0.2), "user", HEAVY),
        (MID, warm(foregone=0.4), "user", MID),  # by now staying has cost as much as moving
        (LIGHT, warm(foregone=0.1), "user", LIGHT),
        (MID, warm(calls_a_turn=12.0), "user", MID),  # this turn alone will pay for it
        (MID, warm(elsewhere={MID: 95_000}), "user", MID),  # its cache is warm from an earlier visit
        (MID, warm(foregone=9.0), "tool_result", HEAVY),  # never inside a tool loop
        (MID, warm(expired=True), "tool_result", MID),  # nothing is lost
        (HEAVY, warm(LIGHT), "user", HEAVY),  # up is always followed
        (HEAVY, warm(LIGHT), "tool_result", HEAVY),
        (UNPRICED, warm(), "user", UNPRICED),  # what is not known is not compared
        (HEAVY, warm(), "user", HEAVY),
    ],
)
def test_settle(wished: Target, where: Warm, kind: str, chosen: Target) -> None:
    """Up always, down when it pays, never inside a tool loop, and by the rules where prices are unknown."""
    signals = Signals(model="m", kind=kind)  # type: ignore[arg-type]
    assert settle(decision(wished), signals, where, RATES.get).route.first == chosen


@pytest.mark.parametrize("rule", ["explicit", "image", "longContext", "webSearch", "subagentTag", "custom"])
def test_what_is_needed_is_followed_at_any_price(rule: str) -> None:
    """A window, eyes, a search, a model named: no cache outweighs those."""
    wished = decision(MID, rule, "default")
    assert settle(wished, Signals(model="m"), warm(), RATES.get) == wished


def test_staying_keeps_the_rest_of_the_route_and_says_why() -> None:
    """The wished target becomes the next one to try, and the verdicts tell the numbers."""
    settled = settle(decision(MID), Signals(model="m"), warm(), RATES.get)
    assert settled.route == Route((HEAVY, MID))
    assert settled.rule == "stickiness"
    assert "pays after 11.6 calls" in settled.because
    assert settled.verdicts[1:] == decision(MID).verdicts


def test_following_says_why_as_well() -> None:
    """A move that is followed leaves a verdict, not a gap."""
    settled = settle(decision(MID), Signals(model="m"), warm(expired=True), RATES.get)
    assert isinstance(settled.verdicts[0], Pass)
    assert "expired" in settled.verdicts[0].because


def test_no_past_no_change() -> None:
    """A first turn is the rules' alone, the very same object."""
    wished = decision(MID)
    assert settle(wished, Signals(model="m"), None, RATES.get) is wished


def test_sessions_learn_from_reports() -> None:
    """Where it is warm, how much of it, what staying has cost; nothing for a session without a cache or a past."""
    sessions = Sessions(sessions_max=2)
    tell = partial(sessions.remember, user_turn=True)
    tell("s", HEAVY, Usage(input_tokens=10), 0.0, foregone_usd=0.0)
    assert sessions.recall("s", 1.0) is None
    tell("s", HEAVY, Usage(cache_write_tokens=10_000, output_tokens=600), 2.0, foregone_usd=0.5)
    tell("s", HEAVY, Usage(cache_read_tokens=10_000, cache_write_tokens=2_000), 3.0, foregone_usd=0.25)
    found = sessions.recall("s", 4.0)
    assert found is not None
    assert (found.target, found.warm_tokens, found.foregone_usd) == (HEAVY, {HEAVY: 12_000}, 0.75)
    late = sessions.recall("s", 304.0)
    assert late is not None
    assert late.expired
    tell("s", MID, Usage(cache_write_tokens=13_000), 302.0, foregone_usd=0.0)
    moved = sessions.recall("s", 302.5)
    assert moved is not None
    assert (moved.target, moved.warm_tokens, moved.foregone_usd) == (MID, {HEAVY: 12_000, MID: 13_000}, 0.0)
    for other in ("t", "u"):
        tell(other, MID, Usage(cache_write_tokens=1), 307.0, foregone_usd=0.0)
    assert sessions.recall("s", 308.0) is None
    assert sessions.recall("", 308.0) is None


def test_an_hours_cache_lives_an_hour() -> None:
    """A write for an hour is not taken for expired after five minutes."""
    sessions = Sessions()
    usage = Usage(cache_write_tokens=9, cache_write_1h_tokens=9)
    sessions.remember("s", HEAVY, usage, 0.0, foregone_usd=0.0, user_turn=True)
    found = sessions.recall("s", 3000.0)
    assert found is not None
    assert not found.expired


def test_a_sessions_turns_are_counted() -> None:
    """Long tool loops raise the number of calls that a turn is expected to have."""
    sessions = Sessions()
    for step in range(60):
        usage = Usage(cache_write_tokens=100)
        sessions.remember("s", HEAVY, usage, float(step), foregone_usd=0.0, user_turn=step % 20 == 0)
    found = sessions.recall("s", 60.0)
    assert found is not None
    assert 10 < found.calls_a_turn < 20


@given(
    st.lists(st.integers(100, 5_000), min_size=1, max_size=80),
    st.sampled_from([(HEAVY, MID), (HEAVY, LIGHT), (MID, LIGHT)]),
)
def test_never_far_above_the_best_fixed_choice(growth: list[int], pair: tuple[Target, Target]) -> None:
    """Rules that wish for the cheaper target from now on: whatever the session's length, staying and then moving costs at
    most the price of one move more than never moving, and of two more than moving at once."""
    here, there = pair
    sessions = Sessions()
    size = 50_000
    sessions.remember(
        "s", here, Usage(cache_write_tokens=size, output_tokens=600), 0.0, foregone_usd=0.0, user_turn=True
    )
    ours = never = at_once = dearest_move = dearest_saving = 0.0
    at, moved_at_once = here, False
    for step, grown in enumerate(growth, 1):
        known = sessions.recall("s", float(step))
        assert known is not None
        chosen = settle(decision(there), Signals(model="m"), known, RATES.get).route.first
        warm_usage = Usage(cache_read_tokens=size, cache_write_tokens=grown, output_tokens=600)
        cold_usage = Usage(cache_write_tokens=size + grown, output_tokens=600)
        ours += cost(chosen, warm_usage if chosen == at else cold_usage)
        never += cost(here, warm_usage)
        at_once += cost(there, warm_usage if moved_at_once else cold_usage)
        moved_at_once = True
        dearest_move = max(dearest_move, cost(there, cold_usage) - cost(there, warm_usage))
        dearest_saving = max(dearest_saving, cost(here, warm_usage) - cost(there, warm_usage))
        missed = foregone_usd(there, chosen, known, RATES.get)
        size += grown
        used = warm_usage if chosen == at else cold_usage
        sessions.remember("s", chosen, used, float(step), foregone_usd=missed, user_turn=True)
        at = chosen
    assert ours <= never + dearest_move + dearest_saving + 1e-9
    # The prefix has grown meanwhile: the move that was put off can cost more than the one made at once.
    assert ours <= at_once + 2 * (dearest_move + dearest_saving) + 1e-9


def cost(target: Target, usage: Usage) -> float:
    usd = RATES[target].cost_usd(usage)
    assert usd is not None
    return usd
