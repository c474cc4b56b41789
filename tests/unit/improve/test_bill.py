"""The same replies elsewhere, prompt caches accounted for."""

from __future__ import annotations

import pytest

from claude_code_router.catalog.prices import Rate, Rates
from claude_code_router.core.target import Target
from claude_code_router.improve.bill import Bill, Used

HERE, THERE = Target("p", "heavy"), Target("p", "light")
RATES = {
    HERE: Rates(input=Rate(10), output=Rate(50), cache_read=Rate(1), cache_write=Rate(12.5), cache_write_1h=Rate(20)),
    THERE: Rates(input=Rate(1), output=Rate(5), cache_read=Rate(0.1), cache_write=Rate(1.25), cache_write_1h=Rate(2)),
}
M = 1_000_000


def bill() -> Bill:
    return Bill(RATES.get)


def used(read: int, write: int, hour: int = 0) -> Used:
    return (0, read, write, hour, 0, 0, 0)


def test_who_stays_pays_what_he_paid() -> None:
    """Nothing flips, nothing changes, to the last digit."""
    it = bill()
    for at, read in ((0.0, 0), (10.0, 1000), (400.0, 0)):
        before, after, rewritten = it.add("s", HERE, HERE, used(read, 500), at)
        assert before == after
        assert rewritten == 0


def test_a_move_writes_the_prefix_anew_once() -> None:
    """The first call there writes all; the next one reads it."""
    it = bill()
    it.add("s", HERE, HERE, used(0, 1000), 0.0)
    first = it.add("s", HERE, THERE, used(1000, 200), 10.0)
    assert first[1] == pytest.approx(1200 * 1.25 / M)
    assert first[2] == 1000
    second = it.add("s", HERE, THERE, used(1200, 200), 20.0)
    assert second[1] == pytest.approx((1200 * 0.1 + 200 * 1.25) / M)
    assert second[2] == 0


@pytest.mark.parametrize(("away_s", "read"), [(200.0, 1000), (400.0, 0)])
def test_who_comes_back_finds_as_much_as_has_not_expired(away_s: float, read: int) -> None:
    """In truth it never left; here it returns to a cache that is five minutes old at most."""
    it = bill()
    it.add("s", HERE, HERE, used(0, 1000), 0.0)
    it.add("s", HERE, THERE, used(1000, 200), 10.0)
    back = it.add("s", HERE, HERE, used(1200, 200), away_s)
    assert back[1] == pytest.approx((read * 1 + (1400 - read) * 12.5) / M)
    again = it.add("s", HERE, HERE, used(1400, 200), away_s + 10)
    assert again[0] == again[1], "from here on both worlds are alike"


def test_an_hours_cache_is_paid_and_lives_as_one() -> None:
    """A client that asks for an hour gets an hour elsewhere too, at its price."""
    it = bill()
    it.add("s", HERE, HERE, used(0, 1000, 1000), 0.0)
    assert it.add("s", HERE, THERE, used(1000, 200, 200), 10.0)[1] == pytest.approx(1200 * 2 / M)
    assert it.add("s", HERE, THERE, used(1200, 0, 0), 3000.0)[1] == pytest.approx(1200 * 0.1 / M)


def test_what_conversations_share_is_warm_where_others_have_just_been() -> None:
    """System prompt and tools, as far as the first reply really read them from a cache."""
    it = bill()
    it.add("a", HERE, THERE, used(0, 1000), 0.0)
    assert it.add("b", HERE, THERE, used(800, 200), 10.0)[1] == pytest.approx((800 * 0.1 + 200 * 1.25) / M)
    assert it.add("c", HERE, THERE, used(800, 200), 1000.0)[1] == pytest.approx(1000 * 1.25 / M)


def test_a_price_that_is_not_known_is_not_zero() -> None:
    """Nor is it guessed."""
    assert bill().add("s", HERE, Target("p", "?"), used(0, 10), 0.0)[1] is None


def test_rates_by_the_length_of_the_prompt() -> None:
    """They go by the whole prompt, as the catalogue says."""
    steps = Rates(input=Rate(1, ((100_000, 5),)), output=Rate(5))
    it = Bill(lambda _: steps)
    assert it.add("", HERE, HERE, (150_000, 0, 0, 0, 0, 0, 0), 0.0)[0] == pytest.approx(0.75)


def test_a_conversation_that_was_silent_for_a_day_begins_anew() -> None:
    """No cache has anything of it by then; so what is kept is what a day brings, however long the records are."""
    it = bill()
    it.add("s", HERE, THERE, used(0, 1000), 0.0)
    assert it.standing("s", 86_000.0) == (THERE, False)
    assert it.standing("s", 90_000.0) == (None, True)
    before, after, rewritten = it.add("s", HERE, HERE, used(0, 1000), 90_000.0)
    assert (after, rewritten) == (before, 0)


def test_the_forgotten_are_not_kept() -> None:
    """Ten thousand conversations a day, for ten days."""
    it = bill()
    most = 0
    for number in range(100_000):
        it.add(f"{number}", HERE, HERE, used(0, 10), number * 8.64)
        most = max(most, len(it._conversations))
    assert most < 21_000
