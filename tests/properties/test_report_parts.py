"""A period that is read in parts is summed up as one that is read at once."""

from __future__ import annotations

from itertools import chain
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.improve.report.gathered import at_rank
from claude_code_router.improve.report.sums import TTL_1H_S, Sum, Sums, summed

TOKENS = st.integers(0, 3)
ROWS = st.lists(
    st.tuples(
        st.sampled_from((None, "light", "heavy")),
        st.sampled_from((None, "p,light-1", "p,heavy-1")),
        st.sampled_from((None, "", "q,other")),
        st.sampled_from((None, "shadow")),
        st.sampled_from((None, "exhausted")),
        st.sampled_from((None, "s", "t")),
        st.integers(0, 40).map(lambda step: step * 4_000.0),
        st.none() | st.floats(0, 9),
        st.none() | st.floats(0, 9),
        st.none() | st.integers(0, 9).map(float),
        st.tuples(TOKENS, TOKENS, TOKENS, TOKENS, TOKENS) | st.just((None,) * 5),
    ).map(lambda row: (*row[:-1], *row[-1])),
    max_size=30,
).map(lambda rows: sorted(rows, key=lambda row: row[6]))


def told(sums: Sums) -> Any:
    days = {
        number: {key: tuple(getattr(one, name) for name in Sum.__slots__) for key, one in groups.items()}
        for number, groups in sums.days.items()
    }
    times = {
        tier: (sorted(chain.from_iterable(one.first)), sorted(chain.from_iterable(one.total)))
        for tier, one in sums.times.items()
    }
    return days, times


@given(ROWS, st.integers(0, 41).map(lambda step: step * 4_000.0 - 1), st.floats(-90_000, 0))
def test_wherever_it_is_cut(rows: list[tuple[Any, ...]], cut: float, since: float) -> None:
    late = [row for row in rows if row[6] >= cut]
    early = [row for row in rows if row[6] < cut]
    parts = summed(late, since, [row for row in early if row[6] >= cut - TTL_1H_S])
    parts.merge(summed(early, since))
    assert told(parts) == told(summed(rows, since))


@given(st.lists(st.lists(st.floats(0, 5) | st.integers(0, 3).map(float)).map(sorted), min_size=1, max_size=5))
def test_a_rank_over_pieces_is_that_of_the_whole(pieces: list[list[float]]) -> None:
    whole = sorted(chain.from_iterable(pieces))
    assert [at_rank(pieces, rank) for rank in range(len(whole))] == whole
