"""The database: migrations, privacy of its file, all-or-nothing writes, translated errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from claude_code_router.core.record import Record
from claude_code_router.core.score import Pair, Score
from claude_code_router.store.db import ATTEMPTS, BODIES, PAIRS, REQUESTS, SCORES, Database, sa
from claude_code_router.store.errors import RowRejected, StoreFailed
from claude_code_router.store.location import sqlite_path, sqlite_url
from claude_code_router.store.row import Entry, Rows, flatten
from claude_code_router.store.schema import KEYS, MIGRATIONS, TABLES, Migration

Make = Callable[..., Record]


def rows_of(record: Entry) -> Rows:
    return flatten(record, lambda _: 0.5, now=2_000.0)


def file_of(url: str) -> Path:
    found = sqlite_path(url)
    assert found
    return found


@pytest.mark.parametrize("have", range(len(MIGRATIONS) + 1))
def test_every_older_version_reaches_the_newest(url: str, make: Make, have: int) -> None:
    """From blank and from each version, migrating ends in the described tables, and a row fits."""
    Database(url, MIGRATIONS[:have]).close()
    database = Database(url)
    inspector = sqlite3.connect(file_of(url))
    for table, fields in TABLES.items():
        found = inspector.execute(f"PRAGMA table_info({table})").fetchall()
        assert {row[1] for row in found} == {field.name for field in fields}
        assert {row[1] for row in found if row[5]} == set(KEYS[table])
        kinds = {"TEXT": "text", "INTEGER": "integer", "DOUBLE PRECISION": "real"}
        assert {row[1]: kinds[row[2]] for row in found} == {field.name: field.type for field in fields}
    inspector.close()
    database.insert([rows_of(make())])
    assert len(database.select(sa.select(REQUESTS))) == 1
    database.close()


def test_migrations_are_numbered_without_gaps() -> None:
    """The number of versions known is the newest version."""
    assert [migration.version for migration in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_a_later_migration_keeps_the_rows(url: str, make: Make) -> None:
    """What was recorded before an upgrade is there after it; opening again changes nothing."""
    database = Database(url)
    database.insert([rows_of(make())])
    database.close()
    later = (*MIGRATIONS, Migration(len(MIGRATIONS) + 1, ("ALTER TABLE requests ADD COLUMN score INTEGER",)))
    for _ in range(2):
        database = Database(url, later)
        assert [row["id"] for row in database.select(sa.select(REQUESTS))] == ["req_0"]
        database.close()


def test_a_failed_migration_leaves_the_version_before(url: str) -> None:
    """A migration is one transaction: half of it does not stay."""
    broken = (*MIGRATIONS, Migration(len(MIGRATIONS) + 1, ("CREATE TABLE extra (x INTEGER)", "NONSENSE")))
    with pytest.raises(StoreFailed):
        Database(url, broken)
    with sqlite3.connect(file_of(url)) as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == []
    raw.close()


def test_records_of_a_newer_version_are_left_alone(url: str) -> None:
    """Said in a sentence with what to do, not guessed at."""
    Database(url, (*MIGRATIONS, Migration(len(MIGRATIONS) + 1, ("CREATE TABLE extra (x INTEGER)",)))).close()
    with pytest.raises(StoreFailed, match="newer version"):
        Database(url)


def test_the_file_is_private(url: str, make: Make) -> None:
    """Only the owner may read the records and what SQLite lays beside them; a wider mode is corrected."""
    database = Database(url)
    database.insert([rows_of(make())])
    file = file_of(url)
    assert {path.stat().st_mode & 0o777 for path in file.parent.iterdir()} == {0o600}
    assert len(list(file.parent.iterdir())) == 3
    database.close()
    file.chmod(0o644)
    Database(url).close()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_group_is_written_whole_or_not_at_all(url: str, make: Make) -> None:
    """A row that is not taken takes its group back, and says that trying again is of no use."""
    database = Database(url)
    with pytest.raises(RowRejected):
        database.insert([rows_of(make(id="a")), rows_of(make(id="b")), rows_of(make(id="a"))])
    for table in (REQUESTS, ATTEMPTS, BODIES):
        assert database.select(sa.select(table)) == []
    database.close()


def test_rows_with_and_without_bodies_and_attempts_mix(url: str, make: Make) -> None:
    """Each kind of record in one group finds its tables."""
    database = Database(url)
    records = [make(id="a", attempts=()), make(id="b", request_body=b"{}"), make(id="c", signals=None, decision=None)]
    database.insert([rows_of(record) for record in records])
    assert len(database.select(sa.select(REQUESTS))) == 3
    assert len(database.select(sa.select(ATTEMPTS))) == 4
    assert [row["request"] for row in database.select(sa.select(BODIES))] == ["{}"]
    database.close()


def test_old_rows_go_with_all_that_belongs_to_them(url: str, make: Make) -> None:
    """In steps of the given size, oldest first."""
    database = Database(url)
    database.insert([rows_of(make(id=f"r{at}", at=float(at), request_body=b"{}")) for at in range(5)])
    assert [database.delete_before(3.0, 2) for _ in range(3)] == [2, 1, 0]
    assert {row["id"] for row in database.select(sa.select(REQUESTS))} == {"r3", "r4"}
    assert {row["request_id"] for row in database.select(sa.select(ATTEMPTS))} == {"r3", "r4"}
    assert {row["request_id"] for row in database.select(sa.select(BODIES))} == {"r3", "r4"}
    database.close()


def test_a_deleted_file_is_noticed(url: str) -> None:
    """Else we would write where nobody can read."""
    database = Database(url)
    seen = [database.replaced]
    file_of(url).unlink()
    seen.append(database.replaced)
    assert seen == [False, True]
    database.close()


def test_foreign_errors_are_translated(tmp_path: Path) -> None:
    """A file that is no database, a place that cannot be made, an unknown kind: one sentence each, with no password."""
    (tmp_path / "no.sqlite").write_bytes(b"this is no database" * 100)
    (tmp_path / "file").write_text("")
    for url in (
        sqlite_url(tmp_path / "no.sqlite"),
        sqlite_url(tmp_path / "file" / "x.sqlite"),
        "nosuch://me:hunter2@host/db",
    ):
        with pytest.raises(StoreFailed) as caught:
            Database(url)
        assert "cannot be used" in str(caught.value)
        assert "hunter2" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_scores_and_pairs_are_kept_and_go_with_their_request(url: str, make: Make) -> None:
    """What belongs to a request that is forgotten is forgotten with it."""
    score = Score(id="s", request_id="r0", at=1.0, by="person", judge="ann", value=1.0)
    pair = Pair(
        request_id="r0",
        other_id="o",
        at=1.0,
        probability=0.05,
        served_tier="light",
        other_tier="heavy",
        served_target="p,m",
        other_target="p,n",
    )
    database = Database(url)
    database.insert([rows_of(make(id="r0", at=0.0)), rows_of(score), rows_of(pair)])
    assert [row["value"] for row in database.select(sa.select(SCORES))] == [1.0]
    assert [row["probability"] for row in database.select(sa.select(PAIRS))] == [0.05]
    assert database.delete_before(1.0, 5) == 1
    assert database.select(sa.select(SCORES)) == database.select(sa.select(PAIRS)) == []
    database.close()
