"""The records in PostgreSQL: a server of the test's own, on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.unit.store.random_rows import entries
from tests.unit.store.test_kpis import SPANS, UNTIL, check

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.record import Record
from claude_code_router.core.score import Pair, Score
from claude_code_router.store import queries
from claude_code_router.store.db import ATTEMPTS, BODIES, REQUESTS, SCORES, Database, sa
from claude_code_router.store.errors import RowRejected, StoreFailed
from claude_code_router.store.kpis import Span
from claude_code_router.store.period import Period, Share, decided
from claude_code_router.store.row import Rows, flatten, scrubbed, unflatten
from claude_code_router.store.schema import MIGRATIONS, TABLES
from claude_code_router.store.spent import spent_by_namespace, spent_since, upward_steps
from claude_code_router.store.writer import Writer

Make = Callable[..., Record]


def half_a_dollar(_: Attempt) -> float | None:
    return 0.5


def rows_of(record: Record | Score | Pair) -> Rows:
    return flatten(record, half_a_dollar, now=2_000.0)


def programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[4]))
    elsewhere = shutil.which("pg_ctl")
    if found or elsewhere:
        return found[-1].parent if found else Path(str(elsewhere)).resolve().parent
    assert not os.environ.get("CCR_E2E_REQUIRED"), "PostgreSQL is not installed"
    return pytest.skip("PostgreSQL is not installed on this machine (no pg_ctl)")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Its URL without a database. As root it runs as another user, because PostgreSQL refuses to be root."""
    bin = programs()
    user = "postgres" if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="ccr-pg-", dir="/tmp"))
    if user:
        shutil.chown(home, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*command: str | Path) -> None:
        quiet = subprocess.DEVNULL  # the server would inherit a pipe and keep it open
        subprocess.run(list(map(str, command)), check=True, user=user, cwd=home, stdout=quiet, stderr=quiet, timeout=60)

    data, log = home / "data", home / "log"
    run(bin / "initdb", "-D", data, "-U", "ccr", "--auth=trust", "-E", "UTF8", "--no-sync")
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=20"
    run(bin / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
    try:
        yield f"postgresql://ccr@127.0.0.1:{port}"
    finally:
        run(bin / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def url(server: str, request: pytest.FixtureRequest) -> str:
    """A database of this test's own."""
    name = "t" + str(abs(hash(request.node.name)))
    engine = sa.create_engine(server.replace("postgresql:", "postgresql+psycopg:") + "/postgres")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{server}/{name}"


def test_a_record_comes_back(url: str, make: Make) -> None:
    """Written, found by its id, listed and summed, as from SQLite."""
    database = Database(url)
    record = make(error="ü 理由", request_body=b"question", reply_body=b"answer")
    database.insert([rows_of(record), rows_of(make(id="req_1", at=1_001.0))])
    found = queries.by_id(database, "req_0")
    assert found is not None
    tables = rows_of(record).tables
    assert found.record == unflatten(tables["requests"][0], tables["attempts"], tables["bodies"][0])
    assert found.record.error == "ü 理由"
    assert [row["id"] for row in queries.rows(database, queries.Filter(model="OPUS"), 10)] == ["req_0", "req_1"]
    assert queries.ids(database, "last") == ["req_1"]
    assert queries.ids(database, "0") == ["req_0"]
    groups, everything = queries.stats(database, queries.Filter(), "namespace")
    assert [(group.key, group.requests) for group in groups] == [("reviews", 2)]
    assert everything.cost_usd > 0
    database.close()


@pytest.mark.parametrize("of", [1, 2, 3, 4])
def test_the_shares_of_a_replay_are_all_of_it(url: str, make: Make, of: int) -> None:
    """Each request is in one of them, with its session, whatever the session is called; as in SQLite."""
    names = ["", "s1", "s2", "5f0c-", "aZ", "\u00fc", "\u7406\u7531", "b", "c", "d"]
    signals = make().signals
    assert signals is not None
    records = [
        make(id=f"req_{place}", at=1_000.0 + place, signals=msgspec.structs.replace(signals, session=name))
        for place, name in enumerate(2 * names)
    ]
    database = Database(url)
    database.insert([rows_of(one) for one in records])
    shares = [list(decided(database, Period(), Share(number=number, of=of))) for number in range(of)]
    assert sorted(row[0] for rows in shares for row in rows) == sorted(one.id for one in records)
    sessions = [{row[2] for row in rows if row[2]} for rows in shares]
    assert sum(map(len, sessions)) == len(names) - 1
    database.close()


def test_what_was_spent(url: str, make: Make) -> None:
    """Budgets and caps begin where the records say."""
    record = make()
    attempts = tuple(msgspec.structs.replace(one, upward=True) for one in record.attempts)
    with_steps = msgspec.structs.replace(record, attempts=attempts)
    database = Database(url)
    database.insert([rows_of(with_steps)])
    database.close()
    assert spent_since(url, {"day": 0.0})["day"]["local"] == 0.5
    assert spent_by_namespace(url, {"day": 0.0, "later": 5_000.0}) == {"day": {"reviews": 0.5}, "later": {}}
    assert [step[0] for step in upward_steps(url, 0.0)] == ["reviews", "reviews"]


@pytest.mark.parametrize("have", range(len(MIGRATIONS) + 1))
def test_every_older_version_reaches_the_newest(url: str, make: Make, have: int) -> None:
    """The migrations' SQL is what PostgreSQL understands, and a row fits."""
    Database(url, MIGRATIONS[:have]).close()
    database = Database(url)
    database.insert([rows_of(make())])
    columns = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    with database._engine.connect() as connection:
        there = {(table, column) for table, column in connection.execute(sa.text(columns))}
    assert {(table, field.name) for table, fields in TABLES.items() for field in fields} <= there
    database.close()


@pytest.mark.parametrize("span", SPANS)
def test_reports_say_the_same_as_from_sqlite(url: str, span: Span) -> None:
    """What the database sums up, and the order of what it lists."""
    some = entries(7, 300, UNTIL)
    with closing(Database(url)) as database:
        database.insert(some)
        check(database, some, span)


def test_old_rows_go(url: str, make: Make) -> None:
    """Step by step, with all that hangs on them; the others stay."""
    database = Database(url)
    score = Score(request_id="req_1", id="s1", at=1.0, by="person", judge="somebody", value=0.5)
    bodies = {"request_body": b"q"}
    database.insert([*(rows_of(make(id=f"req_{n}", at=float(n), **bodies)) for n in range(6)), rows_of(score)])
    assert database.delete_before(4.0, 3) == 3
    assert database.delete_before(4.0, 3) == 1
    assert [row["id"] for row in database.select(sa.select(REQUESTS).order_by(REQUESTS.c.at))] == ["req_4", "req_5"]
    for table, left in ((ATTEMPTS, 4), (BODIES, 2), (SCORES, 0)):
        assert len(database.select(sa.select(table))) == left
    database.close()


def test_a_row_that_is_not_taken_costs_no_other(url: str, make: Make) -> None:
    """All or none; then one by one, without the NUL that PostgreSQL refuses in texts."""
    database = Database(url)
    bad = rows_of(make(id="req_bad", error="a\0b"))
    with pytest.raises(RowRejected):
        database.insert([rows_of(make()), bad])
    assert database.select(sa.select(REQUESTS)) == []
    database.insert([scrubbed(bad)])
    with pytest.raises(RowRejected, match="duplicate"):
        database.insert([scrubbed(bad)])
    database.close()


def test_the_writer_writes(url: str, make: Make) -> None:
    """In groups, also the one with a row that is not taken."""
    writer = Writer(url, half_a_dollar, Database, lambda: 2_000.0)
    writer.queue.extend([make(id=f"req_{n}", error="a\0b" if n == 7 else "") for n in range(60)])
    assert writer.write()
    assert (writer.written, writer.lost, writer.waiting) == (60, 0, 0)
    writer.close()


def test_a_server_that_is_away_is_said_without_its_password(make: Make) -> None:
    """Later may be better."""
    with pytest.raises(StoreFailed) as caught:
        Database("postgresql://ccr:s3cret-word@127.0.0.1:9/records")
    assert not isinstance(caught.value, RowRejected)
    assert "s3cret-word" not in str(caught.value)
