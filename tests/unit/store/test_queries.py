"""The named questions, on a real file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import msgspec
import pytest

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.record import Outcome, Record
from claude_code_router.core.signals import Signals
from claude_code_router.store import queries
from claude_code_router.store.db import Database
from claude_code_router.store.queries import Filter, percentile
from claude_code_router.store.row import flatten

Make = Callable[..., Record]
DAY_S = 86_400.0


def known(price: float | None, _: Attempt) -> float | None:
    return price


@pytest.fixture
def database(url: str, make: Make) -> Iterator[Database]:
    signals = make().signals
    assert signals

    def other(**fields: object) -> Signals:
        return msgspec.structs.replace(signals, **fields)

    records = [
        make(id="req_aa1", at=1 * DAY_S),
        make(id="req_aa2", at=2 * DAY_S, signals=other(model="claude-haiku_4", session="s2", namespace="")),
        make(id="req_ab3", at=2 * DAY_S + 1, outcome=Outcome.EXHAUSTED, status=529, attempts=make().attempts[:1]),
        make(id="req_ac4", at=3 * DAY_S, outcome=Outcome.REFUSED, status=400, signals=None, decision=None, attempts=()),
        make(id="req_ad5", at=4 * DAY_S, outcome=Outcome.CLIENT_GONE, status=499),
    ]
    database = Database(url)
    for number, record in enumerate(records):
        price = None if record.id == "req_ad5" else 0.5
        database.insert([flatten(record, partial(known, price), 100.0 - number)])
    yield database
    database.close()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), "12345"),
        (Filter(since=2 * DAY_S + 1), "345"),
        (Filter(model="HAIKU"), "2"),
        (Filter(model="qwen"), "125"),
        (Filter(model="haiku%4"), ""),
        (Filter(model="openrouter,anthropic"), "1235"),
        (Filter(scenario="think"), "1235"),
        (Filter(namespace="reviews"), "135"),
        (Filter(session="s2"), "2"),
        (Filter(outcome="client_gone"), "5"),
        (Filter(errors=True), "34"),
        (Filter(id="aa"), "12"),
        (Filter(id="req_ab"), "3"),
        (Filter(errors=True, since=3 * DAY_S), "4"),
    ],
)
def test_filters(database: Database, wanted: Filter, found: str) -> None:
    """Each says what it means, they combine by and, and wildcards of SQL are plain characters."""
    assert "".join(row["id"][-1] for row in queries.rows(database, wanted, 100)) == found


def test_the_newest_come_last(database: Database) -> None:
    """A limit keeps the newest."""
    assert [row["id"] for row in queries.rows(database, Filter(), 2)] == ["req_ac4", "req_ad5"]


def test_following_goes_by_the_time_of_writing(database: Database) -> None:
    """A request that took long is written late, and seen late."""
    assert [row["id"] for row in queries.written_since(database, Filter(), 98.0)] == ["req_ab3", "req_aa2", "req_aa1"]


def test_ids(database: Database) -> None:
    """By their beginning, newest first; `last` is the newest."""
    assert queries.ids(database, "aa") == ["req_aa2", "req_aa1"]
    assert queries.ids(database, "last") == ["req_ad5"]
    assert queries.ids(database, "zz") == []


def test_one_request(database: Database, make: Make) -> None:
    """Its record comes back with decision and attempts; an unknown one is None."""
    found = queries.by_id(database, "req_aa1")
    assert found
    assert found.record.decision == make().decision
    assert [attempt["seq"] for attempt in found.attempts] == [0, 1]
    assert queries.by_id(database, "req_zz") is None


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("scenario", {"think": 4, "": 1}),
        ("namespace", {"reviews": 3, "": 2}),
        ("model", {"local,qwen": 3, "openrouter,anthropic/claude-opus-4.6": 1, "": 1}),
    ],
)
def test_groups(database: Database, by: queries.By, keys: dict[str, int]) -> None:
    """Most requests first; the model is the one that answered or failed last."""
    groups, total = queries.stats(database, Filter(), by)
    assert {group.key: group.requests for group in groups} == keys
    assert [group.requests for group in groups] == sorted(keys.values(), reverse=True)
    assert total.requests == 5


def test_days_are_those_of_the_owner(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the local calendar, in order."""
    monkeypatch.setenv("TZ", "Etc/GMT+5")
    time.tzset()
    try:
        groups, _ = queries.stats(database, Filter(), "day")
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert [(group.key, group.requests) for group in groups] == [
        ("1970-01-01", 1),
        ("1970-01-02", 2),
        ("1970-01-03", 1),
        ("1970-01-04", 1),
    ]


def test_sums(database: Database) -> None:
    """Tokens with the cache split, cost, what has no price, errors, percentiles."""
    _, total = queries.stats(database, Filter(), "day")
    assert (total.requests, total.errors, total.unpriced) == (5, 2, 1)
    assert (total.input_tokens, total.cache_read_tokens, total.cache_write_tokens) == (300, 2100, 600)
    assert (total.output_tokens, total.cost_usd) == (150, 1.0)
    assert (total.first_event_p50_ms, total.total_p95_ms) == (301.0, 801.0)


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [([], 0.5, None), ([1.0], 0.95, 1.0), ([1.0, 2.0], 0.5, 1.0), (list(range(1, 101)), 0.95, 95)],
)
def test_percentiles(values: list[float], share: float, found: float | None) -> None:
    """The nearest rank."""
    assert percentile(values, share) == found
