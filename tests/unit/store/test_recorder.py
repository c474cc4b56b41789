"""The recorder: quick, bounded, and unharmed by a database that is slow, locked, full or broken."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.record import Record
from claude_code_router.store.db import ATTEMPTS, BODIES, REQUESTS, Database, sa
from claude_code_router.store.errors import StoreFailed
from claude_code_router.store.location import sqlite_path
from claude_code_router.store.recorder import BODIES_BYTES, Pace, Recorder
from claude_code_router.store.row import Rows

Make = Callable[..., Record]

QUICK = Pace(gather_s=0.0, retry_s=(0.001,), last_word_s=5.0)
LAZY = Pace(gather_s=3600.0, last_word_s=5.0)
IMPATIENT = Pace(gather_s=0.0, retry_s=(0.001,), last_word_s=0.01)


def free(_: Attempt) -> float | None:
    return None


class FakeDatabase:
    """Keeps rows in a list; fails or hangs as told."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.failing = False
        self.tries = 0
        self.gate = threading.Event()
        self.gate.set()
        self.replaced = False

    def insert(self, rows: Sequence[Rows]) -> None:
        self.gate.wait(10)
        self.tries += 1
        if self.failing:
            raise StoreFailed("database or disk is full")
        self.rows += [row.id for row in rows]

    def delete_before(self, at: float, limit: int) -> int:
        return 0

    def close(self) -> None:
        pass


@contextlib.asynccontextmanager
async def running(recorder: Recorder) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(recorder.run())
        await asyncio.sleep(0)
        yield
        task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


def selected(url: str, table: sa.Table = REQUESTS) -> list[dict[str, object]]:
    database = Database(url)
    found = database.select(sa.select(table))
    database.close()
    return found


async def test_records_are_written(url: str, make: Make) -> None:
    """Every record that was put stands in the database after the end, also those of the last moment."""
    recorder = Recorder(url, free, days=0, pace=QUICK)
    async with running(recorder):
        for number in range(450):
            recorder.put(make(id=f"req_{number}"))
        await until(lambda: recorder.written == 450)
        recorder.put(make(id="last"))
    assert len(selected(url)) == 451
    assert len(selected(url, ATTEMPTS)) == 902
    assert (recorder.dropped, recorder.waiting, recorder.failing) == (0, 0, "")


async def test_shutdown_does_not_wait_for_the_group_to_gather(url: str, make: Make) -> None:
    """A cancelled writer writes what it has, at once."""
    recorder = Recorder(url, free, days=0, pace=LAZY)
    async with running(recorder):
        recorder.put(make())
    assert len(selected(url)) == 1


async def test_without_records_no_file_is_made(url: str) -> None:
    """An idle router opens no database (and imports none)."""
    async with running(Recorder(url, free, days=0, pace=QUICK)):
        await asyncio.sleep(0.01)
    file = sqlite_path(url)
    assert file and not file.exists()


async def test_a_full_queue_counts_what_it_drops(make: Make) -> None:
    """`put` neither blocks nor raises nor grows when nobody writes."""
    fake = FakeDatabase()
    recorder = Recorder("x", free, days=0, capacity=3, open_database=lambda _: fake, pace=QUICK)
    for number in range(5):
        recorder.put(make(id=str(number)))
    assert (recorder.waiting, recorder.dropped) == (3, 2)
    async with running(recorder):
        await until(lambda: recorder.waiting == 0)
    assert fake.rows == ["0", "1", "2"]


async def test_a_slow_database_holds_up_nobody(make: Make) -> None:
    """While one group is being written, the loop runs on and the queue stays bounded, the group in hand counted."""
    fake = FakeDatabase()
    fake.gate.clear()
    recorder = Recorder("x", free, days=0, capacity=4, open_database=lambda _: fake, pace=QUICK)
    async with running(recorder):
        recorder.put(make(id="a"))
        await asyncio.sleep(0.02)
        for name in "bcdef":
            recorder.put(make(id=name))
        assert (recorder.waiting, recorder.dropped) == (4, 2)
        fake.gate.set()
    assert fake.rows == list("abcd")


async def test_a_failing_database_is_tried_again(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """The records wait, the log says so once, and once more when it is over."""
    fake = FakeDatabase()
    fake.failing = True
    recorder = Recorder("x", free, days=0, open_database=lambda _: fake, pace=QUICK)
    async with running(recorder):
        recorder.put(make(id="a"))
        await until(lambda: fake.tries > 3)
        recorder.put(make(id="b"))
        assert recorder.failing == "database or disk is full"
        fake.failing = False
        await until(lambda: recorder.waiting == 0)
    assert fake.rows == ["a", "b"]
    assert (recorder.dropped, recorder.failing) == (0, "")
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


async def test_a_database_that_cannot_be_opened(tmp_path: Path, make: Make) -> None:
    """A file that is none does not end the router; when it is mended, the records arrive."""
    place = tmp_path / "records.sqlite"
    place.write_bytes(b"no database at all" * 100)
    recorder = Recorder(f"sqlite:///{place}", free, days=0, pace=QUICK)
    async with running(recorder):
        recorder.put(make())
        await until(lambda: bool(recorder.failing))
        place.unlink()
        await until(lambda: recorder.written == 1)
    assert len(selected(f"sqlite:///{place}")) == 1


async def test_a_locked_database(url: str, make: Make) -> None:
    """Somebody else's long transaction delays the rows and loses none."""
    Database(url).close()
    file = sqlite_path(url)
    assert file
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    recorder = Recorder(url, free, days=0, pace=QUICK)
    async with running(recorder):
        recorder.put(make())
        await asyncio.sleep(0.05)
        assert recorder.written == 0
        other.execute("COMMIT")
        other.close()
        await until(lambda: recorder.written == 1)
    assert recorder.dropped == 0


async def test_a_deleted_file_is_made_anew(url: str, make: Make) -> None:
    """Deleting the records while the router runs is allowed."""
    recorder = Recorder(url, free, days=0, pace=QUICK)
    file = sqlite_path(url)
    assert file
    async with running(recorder):
        recorder.put(make(id="a"))
        await until(lambda: recorder.written == 1)
        for path in file.parent.iterdir():
            path.unlink()
        recorder.put(make(id="b"))
        await until(lambda: recorder.written == 2)
    assert [row["id"] for row in selected(url)] == ["b"]


async def test_one_bad_row_does_not_cost_its_group(url: str, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """A second row of the same id is lost and counted; text that the database refuses is mended and kept."""
    recorder = Recorder(url, free, days=0, pace=QUICK)
    for record in (make(id="a"), make(id="a"), make(id="b", error="half \ud800 pair"), make(id="c")):
        recorder.put(record)
    async with running(recorder):
        await until(lambda: recorder.waiting == 0)
    assert {row["id"]: row["error"] for row in selected(url)} == {"a": "", "b": "half ? pair", "c": ""}
    assert (recorder.written, recorder.dropped) == (3, 1)
    assert len(caplog.records) == 1


async def test_a_price_list_with_a_bug_costs_its_own_records_only(url: str, make: Make) -> None:
    """What cannot be flattened is counted and logged; the others are written."""

    def price(attempt: Attempt) -> float | None:
        if attempt.target.provider == "bad":
            raise ZeroDivisionError
        return 1.0

    recorder = Recorder(url, price, days=0, pace=QUICK)
    good = make(id="good")
    target = type(good.attempts[1].target)("bad", "m")
    odd = type(good.attempts[1])(target=target, started_ms=0.0, ended_ms=1.0, usage=good.attempts[1].usage)
    recorder.put(make(id="bad", attempts=(odd,)))
    recorder.put(good)
    async with running(recorder):
        await until(lambda: recorder.waiting == 0)
    assert [(row["id"], row["cost_usd"]) for row in selected(url)] == [("good", 1.0)]
    assert recorder.dropped == 1


async def test_old_rows_are_forgotten(url: str, make: Make) -> None:
    """Those older than the configured days; the rest stays."""
    now = 100 * 86_400.0
    recorder = Recorder(url, free, days=30, clock=lambda: now, pace=QUICK)
    recorder.put(make(id="old", at=now - 31 * 86_400))
    recorder.put(make(id="new", at=now - 29 * 86_400))
    async with running(recorder):
        await until(lambda: recorder.written == 2)
        await until(lambda: len(selected(url)) == 1)
    assert [row["id"] for row in selected(url)] == ["new"]


async def test_zero_days_keep_everything(url: str, make: Make) -> None:
    """RECORD_DAYS 0 is for those who want it all."""
    recorder = Recorder(url, free, days=0, pace=QUICK)
    recorder.put(make(id="old", at=0.0))
    async with running(recorder):
        await until(lambda: recorder.written == 1)
    assert len(selected(url)) == 1


async def test_bodies_are_kept_redacted(url: str, make: Make) -> None:
    """A record that brings its bodies has them in the database, without secrets."""
    recorder = Recorder(url, free, days=0, pace=QUICK)
    recorder.put(make(request_body=b'{"api_key": "0123456789"}', reply_body=b"data: hi"))
    async with running(recorder):
        pass
    assert selected(url, BODIES) == [
        {"request_id": "req_0", "request": '{"api_key": "[redacted]"}', "reply": "data: hi"}
    ]


async def test_too_many_waiting_bodies_go_and_their_records_stay(make: Make) -> None:
    """Memory is bounded by bytes, too; what has been written makes room again."""
    fake = FakeDatabase()
    recorder = Recorder("x", free, days=0, open_database=lambda _: fake, pace=QUICK)
    body = bytes(BODIES_BYTES // 2)
    for number in range(4):
        recorder.put(make(id=str(number), request_body=body))
    assert (recorder.waiting, recorder.bodies_dropped) == (4, 2)
    async with running(recorder):
        await until(lambda: recorder.waiting == 0)
        recorder.put(make(id="4", request_body=b"x"))
    assert recorder.bodies_dropped == 2
    assert len(fake.rows) == 5


async def test_the_end_comes_even_if_the_database_hangs(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """A shutdown waits a bounded time and says what was not written."""
    fake = FakeDatabase()
    fake.gate.clear()
    recorder = Recorder("x", free, days=0, open_database=lambda _: fake, pace=IMPATIENT)
    async with running(recorder):
        recorder.put(make())
        await asyncio.sleep(0.01)
    assert "1 were not written" in caplog.text
    fake.gate.set()
