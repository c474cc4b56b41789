from collections.abc import Sequence
from typing import Any

from claude_code_router.improve.report.sums import Key, Sums, summed
from claude_code_router.store.kpis import KEY, TRAFFIC, USED


def row(at: float = 0.0, /, **said: Any) -> tuple[Any, ...]:
    plain: dict[str, Any] = {
        **dict.fromkeys(TRAFFIC),
        "tier": "light",
        "target": "p,light-1",
        "session": "s",
        "at": at,
        "first_event_ms": 100.0,
        "total_ms": 200.0,
        "cost_usd": 0.01,
        **dict.fromkeys(USED, 10),
        "cache_write_1h_tokens": 0,
    }
    return tuple((plain | said).values())


def sums_of(*rows: tuple[Any, ...], earlier: Sequence[tuple[Any, ...]] = ()) -> Sums:
    return summed(rows, 0.0, earlier)


def only(sums: Sums) -> Any:
    [groups] = sums.days.values()
    [one] = groups.values()
    return one


def test_a_keys_fields_stand_in_the_order_of_the_columns() -> None:
    assert Key._fields == tuple(KEY)


def test_requests_with_the_same_key_are_summed() -> None:
    one = only(sums_of(row(1), row(2, output_tokens=20)))
    assert (one.requests, one.used, one.priced, one.output, one.read) == (2, 2, 2, 30, 20)


def test_a_request_without_usage_counts_as_a_request_only() -> None:
    one = only(sums_of(row(**dict.fromkeys((*USED, "cost_usd")))))
    assert (one.requests, one.used, one.priced) == (1, 0, 0)


def test_days_are_counted_from_the_beginning_of_the_span() -> None:
    sums = sums_of(row(0), row(86_399), row(86_400))
    assert {day: sum(one.requests for one in groups.values()) for day, groups in sums.days.items()} == {0: 2, 1: 1}


def test_times_are_the_clients_only() -> None:
    sums = sums_of(row(), row(purpose="shadow"))
    assert [list(piece) for piece in sums.times["light"].first] == [[100.0]]
    assert list(sums.times) == ["light"]


def switch(at: float = 60.0, /, **second: Any) -> Any:
    """A turn at light-1 with 5,000 cached tokens, then one at heavy-1 that writes 4,000."""
    first = row(0, cache_read_tokens=4_000, cache_write_tokens=1_000)
    sums = sums_of(first, row(at, **{"target": "p,heavy-1", "cache_write_tokens": 4_000, **second}))
    return next(one for key, one in sums.days[0].items() if key.target != "p,light-1")


def test_a_switch_within_the_caches_life_loses_what_is_written_again() -> None:
    one = switch()
    assert (one.switches, one.rewritten) == (1, 4_000)


def test_no_more_is_lost_than_was_warm() -> None:
    assert switch(cache_write_tokens=9_000).rewritten == 5_000


def test_a_cold_cache_is_no_loss() -> None:
    assert switch(400.0).rewritten == 0


def test_another_session_and_another_models_turn_are_no_switch() -> None:
    assert switch(session="other").switches == 0
    assert switch(session=None).switches == 0
    assert sums_of(row(0), row(1)).days[0].popitem()[1].switches == 0


def test_the_same_model_at_another_provider_is_a_switch() -> None:
    """A cache is a provider's own."""
    assert switch(target="q,light-1", cache_write_tokens=4_000).switches == 1
    assert switch(answered="q,light-1", cache_write_tokens=4_000, target="p,heavy-1").rewritten == 4_000


def test_a_session_comes_from_where_it_was_before_the_part() -> None:
    first = row(0, cache_read_tokens=4_000, cache_write_tokens=1_000)
    one = only(sums_of(row(60, target="p,heavy-1", cache_write_tokens=4_000), earlier=[first]))
    assert (one.requests, one.switches, one.rewritten) == (1, 1, 4_000)


def test_sessions_that_are_all_warm_do_not_slow_it_down() -> None:
    """Each forgetting of the cold ones would go through all of them, and find none."""
    many = 200_000
    sums = summed((row(number / many, session=f"s{number}") for number in range(many)), 0.0)
    assert only(sums).requests == many
