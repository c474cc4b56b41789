"""When a session moves, and when it stays for its cache's sake."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.catalog.prices import Rate, Rates
from claude_code_router.core.decision import Choose, Decision, Pass
from claude_code_router.core.signals import Signals
from claude_code_router.core.standing import Calls, Standing
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.routing.conditions import All
from claude_code_router.routing.declared import DeclaredRule, Share, Tier, Use
from claude_code_router.routing.economy import move
from claude_code_router.routing.guards import guarded
from claude_code_router.routing.sessions import Sessions
from claude_code_router.routing.stickiness import foregone_usd, last_word
from claude_code_router.routing.table import GuardSettings, RoutingTable

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


TIERS = {
    name: Tier(name, rank, (target,))
    for rank, (name, target) in enumerate((("light", LIGHT), ("mid", MID), ("heavy", HEAVY)))
}
SCENARIOS: dict[Any, Target] = {"default": MID, "think": HEAVY, "background": LIGHT, "subagent": UNPRICED}
TABLE = RoutingTable(scenarios=SCENARIOS, sticky=True)


def warm(
    target: Target = HEAVY,
    *,
    expired: bool = False,
    foregone: float = 0.0,
    calls_a_turn: float = 1.0,
    elsewhere: Mapping[Target, int] | None = None,
    **more: Any,
) -> Standing:
    caches = dict(elsewhere or {}) if expired else {target: CALLS.prefix_tokens, **(elsewhere or {})}
    return Standing(
        target=target,
        asked="m",
        warm={str(at): tokens for at, tokens in caches.items()},
        calls=CALLS,
        calls_a_turn=calls_a_turn,
        foregone_usd=foregone,
        **more,
    )


def settled(wished: Decision, where: Standing | None, table: RoutingTable = TABLE, **facts: Any) -> Decision:
    return last_word(wished, Signals(**{"model": "m", "standing": where, **facts}), table, RATES.get)[1]


@pytest.mark.parametrize(
    ("here", "there", "calls"),
    [(HEAVY, LIGHT, 1.9), (MID, LIGHT, 3.9), (HEAVY, MID, 11.6)],
)
def test_break_even_is_as_published(here: Target, there: Target, calls: float) -> None:
    """The number of calls after which moving down pays, for the prices and the session of the published table."""
    found = move(RATES[here], RATES[there], CALLS)
    assert found is not None
    assert found.break_even_calls == pytest.approx(calls, abs=0.06)


RATE = st.none() | st.builds(
    Rate, st.floats(0.01, 100), st.just(()) | st.tuples(st.tuples(st.integers(0, 400_000), st.floats(0.01, 100)))
)
ANY_RATES = st.builds(Rates, input=RATE, output=RATE, cache_read=RATE, cache_write=RATE, request_usd=st.floats(0, 0.01))


@given(
    here=ANY_RATES,
    there=ANY_RATES,
    calls=st.builds(
        Calls,
        prefix_tokens=st.integers(0, 500_000),
        new_tokens=st.integers(0, 9_000),
        output_tokens=st.integers(0, 9_000),
    ),
    warm_tokens=st.integers(0, 600_000),
)
def test_a_move_costs_what_its_calls_cost(here: Rates, there: Rates, calls: Calls, warm_tokens: int) -> None:
    """The arithmetic is that of the bill, for any prices, also those that go by the prompt's length or are not known."""

    def usd(rates: Rates, read: int) -> float | None:
        usage = Usage(
            cache_read_tokens=read,
            cache_write_tokens=calls.prefix_tokens - read + calls.new_tokens,
            output_tokens=calls.output_tokens,
        )
        return rates.cost_usd(usage)

    stay, then, first = (
        usd(here, calls.prefix_tokens),
        usd(there, calls.prefix_tokens),
        usd(there, min(warm_tokens, calls.prefix_tokens)),
    )
    found = move(here, there, calls, warm_tokens)
    if stay is None or then is None or first is None:
        assert found is None
    else:
        assert found is not None
        assert found.saving_usd == pytest.approx(stay - then, abs=1e-9)
        assert found.once_usd == pytest.approx(max(0.0, first - then), abs=1e-9)


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
        (MID, warm(expired=True), "user", MID),  # nothing is lost
        (MID, warm(expired=True), "tool_result", HEAVY),  # the loop is one piece of work
        (HEAVY, warm(LIGHT), "user", HEAVY),  # up is always followed
        (HEAVY, warm(LIGHT), "tool_result", HEAVY),
        (UNPRICED, warm(), "user", UNPRICED),  # what is not known is not compared
        (HEAVY, warm(), "user", HEAVY),
    ],
)
def test_settle(wished: Target, where: Standing, kind: str, chosen: Target) -> None:
    """Up always, down when it pays, never inside a tool loop, and by the rules where prices are unknown."""
    assert settled(decision(wished), where, kind=kind).route.first == chosen


@pytest.mark.parametrize("rule", ["explicit", "image", "longContext", "webSearch", "subagentTag", "custom"])
def test_what_is_needed_is_followed_at_any_price(rule: str) -> None:
    """A window, eyes, a search, a model named: no cache outweighs those."""
    wished = decision(MID, rule, "default")
    assert settled(wished, warm()) == wished


def test_staying_keeps_the_rest_of_the_route_and_says_why() -> None:
    """The wished target becomes the next one to try, and the verdicts tell the numbers."""
    found = settled(decision(MID), warm())
    assert found.route == Route((HEAVY, MID))
    assert found.rule == "stickiness"
    assert "pays after 11.6 calls" in found.because
    assert found.verdicts[:-1] == decision(MID).verdicts


def test_following_says_why_as_well() -> None:
    """A move that is followed leaves a verdict, not a gap."""
    last = settled(decision(MID), warm(expired=True)).verdicts[-1]
    assert isinstance(last, Pass)
    assert "loses nothing" in last.because


def test_no_past_no_change() -> None:
    """A first turn is the rules' alone, the very same object."""
    wished = decision(MID)
    assert settled(wished, None) is wished


def declared(name: str, target: Target, *, firm: bool) -> DeclaredRule:
    return DeclaredRule(name=name, when=All(()), shares=(Share(100.0, Use((target,), "x")),), firm=firm)


@pytest.mark.parametrize(
    ("table", "where", "facts", "why"),
    [
        (TABLE, warm(stand_in=True), {}, "only stood in"),
        (TABLE, warm(), {"model": "opus"}, 'asks for "opus" now'),
        (RoutingTable(scenarios={"default": MID}), warm(), {}, "nobody's target any more"),
        (
            msgspec.structs.replace(TABLE, tiers={**TIERS, "best": Tier("best", 9, (MID,))}),
            warm(),
            {},
            "above the heavy",
        ),
        (TABLE, warm(), {"tokens": 99_000_000}, "does not pay yet"),  # an unknown window is no reason
    ],
)
def test_what_makes_the_cache_no_argument(table: RoutingTable, where: Standing, facts: Any, why: str) -> None:
    """A stand-in is no home; the client's own change of mind, a config without the old target and a higher tier count."""
    found = settled(decision(MID), where, table, **facts).verdicts[-1]
    assert why in found.because


def test_it_never_stays_where_the_prompt_does_not_fit() -> None:
    """A window of 200,000 tokens holds no 300,000, however warm they are."""
    small, large = Target("p", "claude-opus-4-5"), Target("p", "cheap-and-wide")
    rates = {small: RATES[HEAVY], large: RATES[LIGHT]}
    table = RoutingTable(scenarios={"default": large, "think": small}, guards=GuardSettings())
    signals = Signals(model="m", kind="tool_result", tokens=300_000, standing=warm(small))
    _, found = last_word(guarded(decision(large), signals, table), signals, table, rates.get)
    assert found.route.first == large
    assert "cannot hold" in found.verdicts[-1].because


@pytest.mark.parametrize(("firm", "chosen"), [(True, MID), (False, HEAVY)])
def test_a_firm_rule_is_followed_at_any_price(*, firm: bool, chosen: Target) -> None:
    """What an owner names outright is meant, whatever is warm elsewhere."""
    table = msgspec.structs.replace(TABLE, declared=(declared("mine", MID, firm=firm),))
    assert settled(decision(MID, "mine"), warm(), table).route.first == chosen


def test_a_guard_wins() -> None:
    """What a guard has overruled is not looked at again."""
    wished = decision(MID, "guard floor")
    assert settled(wished, warm(LIGHT)) is wished


def turn(kind: str = "user", session: str = "s", **more: Any) -> Signals:
    return Signals(**{"model": "m", "kind": kind, "session": session, "tokens": 1_000_000, **more})


def test_sessions_learn_from_reports() -> None:
    """Where it is warm, how much of it, what staying has cost; nothing for a session without a past, or without a name."""
    sessions = Sessions(sessions_max=2)
    tell = partial(sessions.remember, turn())
    tell(HEAVY, Usage(input_tokens=10), 0.0)
    cold = sessions.recall(turn(), 1.0)
    assert cold is not None
    assert cold.expired
    tell(HEAVY, Usage(cache_write_tokens=10_000, output_tokens=600), 2.0, foregone_usd=0.5)
    tell(HEAVY, Usage(cache_read_tokens=10_000, cache_write_tokens=2_000, input_tokens=7), 3.0, foregone_usd=0.25)
    found = sessions.recall(turn(), 4.0)
    assert found is not None
    assert (found.target, found.warm, found.foregone_usd) == (HEAVY, {"p,heavy": 12_000}, 0.75)
    late = sessions.recall(turn(), 304.0)
    assert late is not None
    assert late.expired
    tell(MID, Usage(cache_write_tokens=13_000), 302.0)
    moved = sessions.recall(turn(), 302.5)
    assert moved is not None
    assert (moved.target, moved.warm, moved.foregone_usd) == (MID, {"p,heavy": 12_000, "p,mid": 13_000}, 0.0)
    rewound = sessions.recall(turn(tokens=5_000), 302.5)
    assert rewound is not None
    assert (rewound.warm, rewound.calls.prefix_tokens) == ({"p,heavy": 5_000, "p,mid": 5_000}, 5_000)
    for other in ("t", "u"):
        sessions.remember(turn(session=other), MID, Usage(cache_write_tokens=1), 307.0)
    assert sessions.recall(turn(), 308.0) is None
    assert sessions.recall(turn(session=""), 308.0) is None


@pytest.mark.parametrize("other", [{"agent_id": "a1"}, {"kind": "title"}, {"namespace": "red"}, {"session": ""}])
def test_others_of_the_session_are_not_it(other: dict[str, Any]) -> None:
    """Subagents, helpers and other lanes neither see nor change where the conversation stands."""
    sessions = Sessions()
    sessions.remember(turn(), HEAVY, Usage(cache_write_tokens=9), 0.0)
    assert sessions.recall(turn(**other), 1.0) is None
    sessions.remember(turn(**other), LIGHT, Usage(cache_write_tokens=9), 1.0)
    found = sessions.recall(turn(), 2.0)
    assert found is not None
    assert found.target == HEAVY


def test_a_compacted_session_begins_anew() -> None:
    """Its prefix is another one: nothing of it is warm anywhere."""
    sessions = Sessions()
    sessions.remember(turn(), HEAVY, Usage(cache_write_tokens=9), 0.0)
    sessions.remember(turn("compaction"), LIGHT, Usage(cache_read_tokens=9), 1.0)
    assert sessions.recall(turn(), 2.0) is None


def test_a_cache_that_nobody_writes_holds_the_whole_prompt() -> None:
    """Where caches are implicit only reads are reported."""
    sessions = Sessions()
    sessions.remember(turn(), HEAVY, Usage(cache_read_tokens=900, input_tokens=100), 0.0)
    found = sessions.recall(turn(), 1.0)
    assert found is not None
    assert found.warm == {"p,heavy": 1_000}


def test_an_hours_cache_lives_an_hour() -> None:
    """A write for an hour is not taken for expired after five minutes."""
    sessions = Sessions()
    sessions.remember(turn(), HEAVY, Usage(cache_write_tokens=9, cache_write_1h_tokens=9), 0.0)
    found = sessions.recall(turn(), 3000.0)
    assert found is not None
    assert not found.expired


def test_a_sessions_turns_are_counted() -> None:
    """Long tool loops raise the number of calls that a turn is expected to have."""
    sessions = Sessions()
    for step in range(60):
        kind = "user" if step % 20 == 0 else "tool_result"
        sessions.remember(turn(kind), HEAVY, Usage(cache_write_tokens=100), float(step))
    found = sessions.recall(turn(), 60.0)
    assert found is not None
    assert 10 < found.calls_a_turn < 20


@given(
    st.lists(st.tuples(st.integers(100, 5_000), st.integers(0, 12)), min_size=1, max_size=40),
    st.sampled_from([(HEAVY, MID), (HEAVY, LIGHT), (MID, LIGHT)]),
)
def test_never_far_above_the_best_fixed_choice(turns: list[tuple[int, int]], pair: tuple[Target, Target]) -> None:
    """Rules that wish for the cheaper target from now on: whatever the session's length and its loops, staying and then
    moving costs at most the price of one move more than never moving, and of two moves and one tool loop more than moving
    at once."""
    here, there = pair
    sessions = Sessions()
    size = 50_000
    sessions.remember(turn(), here, Usage(cache_write_tokens=size, output_tokens=600), 0.0)
    ours = never = at_once = dearest_move = dearest_saving = 0.0
    at, moved_at_once, step = here, False, 0.0
    for grown, loop in turns:
        for kind in ("user", *("tool_result",) * loop):
            step += 1.0
            asked = turn(kind, standing=sessions.recall(turn(kind), step))
            known, found = last_word(decision(there), asked, TABLE, RATES.get)
            chosen = found.route.first
            warm_usage = Usage(cache_read_tokens=size, cache_write_tokens=grown, output_tokens=600)
            cold_usage = Usage(cache_write_tokens=size + grown, output_tokens=600)
            used = warm_usage if chosen == at else cold_usage
            ours += cost(chosen, used)
            never += cost(here, warm_usage)
            at_once += cost(there, warm_usage if moved_at_once else cold_usage)
            moved_at_once = True
            dearest_move = max(dearest_move, cost(there, cold_usage) - cost(there, warm_usage))
            dearest_saving = max(dearest_saving, cost(here, warm_usage) - cost(there, warm_usage))
            size += grown
            missed = foregone_usd(found, chosen, known.standing)
            sessions.remember(known, chosen, used, step, foregone_usd=missed)
            at = chosen
    longest = max(loop for _, loop in turns)
    assert ours <= never + dearest_move + dearest_saving + 1e-9
    # The prefix has grown meanwhile: the move that was put off can cost more than the one made at once.
    assert ours <= at_once + 2 * (dearest_move + dearest_saving) + longest * dearest_saving + 1e-9


def cost(target: Target, usage: Usage) -> float:
    usd = RATES[target].cost_usd(usage)
    assert usd is not None
    return usd
