"""What the database sums up, against plain Python over the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from tests.unit.store.random_rows import USED, entries, table

from claude_code_router.core.record import Outcome, Record
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.signals import Signals
from claude_code_router.improve.report.gathered import by_epoch
from claude_code_router.quality.intervals import WeightedSums
from claude_code_router.store import period
from claude_code_router.store.db import Database
from claude_code_router.store.kpis import KEY, TRAFFIC, Span, arrival, how_many, pairs_in, scored, traffic
from claude_code_router.store.location import sqlite_url
from claude_code_router.store.row import Row, Rows, flatten

UNTIL = 1_000_000.0
SPANS = (
    Span(since=0.0, until=UNTIL),
    Span(since=UNTIL - 20_000, until=UNTIL - 3_000),
    Span(since=UNTIL - 20_000, until=UNTIL, namespace="team"),
    Span(since=UNTIL - 20_000, until=UNTIL, namespace=""),
)


@pytest.fixture(scope="module")
def some() -> list[Rows]:
    return entries(7, 600, UNTIL)


@pytest.fixture(scope="module")
def database(some: list[Rows], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(sqlite_url(tmp_path_factory.mktemp("records") / "records.sqlite"))
    made.insert(some)
    yield made
    made.close()


def inside(row: Row, span: Span) -> bool:
    return span.since <= row["at"] < span.until and span.namespace in (None, row["namespace"] or "")


def check(database: Database, some: list[Rows], span: Span) -> None:
    """Of traffic, pairs and scores."""
    requests = [row for row in table(some, "requests") if inside(row, span)]
    assert list(map(tuple, traffic(database, span))) == [
        as_traffic(row) for row in requests if row["purpose"] != "test"
    ]
    clients = {row["id"]: row for row in requests if row["purpose"] == "client"}
    pairs = [as_pair(row) for row in table(some, "pairs") if row["request_id"] in clients]
    assert pairs_in(database, span) == pairs
    scores = [row for row in table(some, "scores") if row["request_id"] in clients]
    mine = [row for row in scores if row["judged_by"] == "model"]
    mine += failed(scores, max(mine, key=lambda row: clients[row["request_id"]]["at"])["epoch"])
    found = by_epoch(scored(database, span))
    assert found.keys() == {row["epoch"] or "" for row in mine}
    for epoch, sums in found.items():
        of_epoch = [row for row in mine if (row["epoch"] or "") == epoch]
        assert sums.newest == max(clients[row["request_id"]]["at"] for row in of_epoch)
        for name, by in (("tier", sums.by_tier), ("category", sums.by_category)):
            assert by.keys() == {clients[row["request_id"]][name] or "" for row in of_epoch}
            for key, one in by.items():
                plain = WeightedSums()
                for row in of_epoch:
                    if (clients[row["request_id"]][name] or "") == key:
                        plain.add(row["value"], 1 / row["probability"] if row["probability"] else 1.0)
                mean, wanted = one.mean(), plain.mean()
                assert mean.n == wanted.n
                assert mean.value == pytest.approx(wanted.value)
                assert mean.low == pytest.approx(wanted.low)


def failed(scores: list[Row], epoch: str) -> list[Row]:
    """Those that a check has failed and no model has judged, once each."""
    judged = {row["request_id"] for row in scores if row["judged_by"] == "model"}
    found: dict[str, Row] = {}
    for row in scores:
        if row["judged_by"] == "check" and row["request_id"] not in judged:
            known = found.get(row["request_id"], row)
            chance = max((one["probability"] or 0.0 for one in (known, row)), default=0.0)
            found[row["request_id"]] = {**row, "value": 0.0, "epoch": epoch, "probability": chance or None}
    return list(found.values())


def as_traffic(row: Row) -> tuple[object, ...]:
    last = f"{row['provider']},{row['model']}" if row["provider"] else ""
    main = row["kind"] in ("user", "tool_result") and not row["subagent"]
    return (
        row["tier"],
        row["target"],
        None if last == row["target"] else last,
        None if row["purpose"] == "client" else row["purpose"],
        None if row["outcome"] == "delivered" else row["outcome"],
        row["session"] if main else None,
        *(row[name] for name in ("at", "first_event_ms", "total_ms", "cost_usd", *USED)),
    )


def as_pair(row: Row) -> Pair:
    texts = (
        "namespace",
        "category",
        "rule",
        "preferred",
        "judge",
        "epoch",
        "served_tier",
        "served_target",
        "other_target",
    )
    return Pair(**{**row, **{name: row[name] or "" for name in texts}, "escalated": bool(row["escalated"])})


@pytest.mark.parametrize("span", SPANS)
def test_the_database_tells_what_the_rows_say(database: Database, some: list[Rows], span: Span) -> None:
    check(database, some, span)


def test_pairs_of_tests_are_in_no_replay_and_no_advice(database: Database, some: list[Rows]) -> None:
    clients = {row["id"] for row in table(some, "requests") if row["purpose"] == "client"}
    wanted = [row["request_id"] for row in table(some, "pairs") if row["request_id"] in clients]
    assert [pair.request_id for pair in period.pairs(database, period.Period())] == wanted


def test_a_key_is_what_a_row_begins_with() -> None:
    assert tuple(TRAFFIC)[: len(KEY)] == tuple(KEY)


def test_the_arrival_that_has_so_many_before_it(database: Database) -> None:
    span = SPANS[1]
    number = how_many(database, span) // 2
    cut = arrival(database, span, number)
    assert how_many(database, Span(since=span.since, until=cut)) == number
    assert arrival(database, span, 10_000) == span.until


def test_what_a_check_has_failed_counts_as_nought(tmp_path: Path) -> None:
    """The judge is not asked about it, and a mean of the others alone would be too good; once, however many checks failed,
    and not besides a judge's own score."""

    def record(id: str) -> Record:
        signals = Signals(model="m", category="debug")
        return Record(
            id=id, at=100.0, path="/v1/messages", outcome=Outcome.DELIVERED, status=200, tier="light", signals=signals
        )

    def score(id: str, by: Literal["check", "model"], value: float, name: str) -> Score:
        epoch = "e" if by == "model" else ""
        return Score(
            id=f"{id}{name}", request_id=id, at=200.0, by=by, judge=name, epoch=epoch, value=value, probability=0.1
        )

    made = Database(sqlite_url(tmp_path / "records.sqlite"))
    entries: list[Record | Score] = [
        record("a"), score("a", "model", 0.8, "j"),
        record("b"), score("b", "check", 0.0, "code"), score("b", "check", 0.0, "format"),
        record("c"), score("c", "model", 0.6, "j"), score("c", "check", 0.0, "truncation"),
    ]  # fmt: skip
    made.insert([flatten(one, lambda _: None, 1.0) for one in entries])
    found = by_epoch(scored(made, Span(since=0.0, until=1000.0)))
    made.close()
    assert found.keys() == {"e"}
    assert found["e"].by_tier["light"].mean().n == 3
    assert found["e"].by_tier["light"].mean().value == pytest.approx(1.4 / 3)
