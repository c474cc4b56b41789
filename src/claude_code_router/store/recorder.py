"""The queue between the requests and the database, and its one writer.

`put` costs microseconds and never fails the request. Everything else (flattening, prices, redaction, SQL, retention)
happens in one thread beside the event loop. While the database is locked, full or broken, records wait in a bounded
queue; beyond it they are counted and gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from claude_code_router.core.record import Record
from claude_code_router.store.errors import RowRejected, StoreFailed
from claude_code_router.store.row import Price, Rows, flatten, scrubbed, slim

if TYPE_CHECKING:
    from claude_code_router.store.db import (
        Database,
    )  # 20 MB: imported by the writer's thread, when there is something to write

log = logging.getLogger(__name__)

CAPACITY = 10_000
"""Records that may wait; about 40 MB without bodies."""
BODIES_BYTES = 32 * 1024 * 1024
"""Bodies that may wait; beyond it records go without their bodies."""
GROUP = 200
GATHER_S = 0.2
"""How long a group is gathered: `ccr logs -f` is this late."""
RETRY_S = (1.0, 2.0, 5.0, 15.0, 60.0)
LAST_WORD_S = 5.0
"""How long a shutdown waits for the last records."""
RETENTION_EVERY_S = 3600.0
RETENTION_STEP = 500
BREATH_S = 0.0005
BREATH_EVERY = 8


class Recorder:
    """`put` from the event loop's thread; `run` once, as a task that is cancelled at the end."""

    def __init__(
        self,
        url: str,
        price: Price,
        *,
        days: int = 30,
        capacity: int = CAPACITY,
        open_database: Callable[[str], Database] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.url = url
        self.days = days
        """May be changed while running, after the config was; 0 keeps everything."""
        self.dropped = 0
        """Records lost since the start: the queue was full, or the database did not take the row."""
        self.written = 0
        self.bodies_dropped = 0
        self.failing = ""
        """Why nothing can be written now; empty when all is well."""
        self._price = price
        self._capacity = capacity
        self._open = open_database or _open
        self._clock = clock
        self._waiting: deque[Record] = deque()
        self._body_bytes = 0
        self._tools: tuple[str, ...] = ()  # the last request's: the next one mostly has the same, and shares them
        self._wake = asyncio.Event()
        # The writer thread's own:
        self._group: list[Record] = []
        self._database: Database | None = None
        self._forget_at = 0.0

    @property
    def waiting(self) -> int:
        return len(self._waiting) + len(self._group)

    def put(self, record: Record) -> None:
        """Never blocks, never raises."""
        if self.waiting >= self._capacity:
            self.dropped += 1
            return
        self._waiting.append(self._lightened(record))
        self._wake.set()

    async def run(self) -> None:
        """Writes until it is cancelled, then writes what is left, for LAST_WORD_S at most."""
        # A thread of its own: in the default pool a slow disk would hold up name resolution.
        thread = ThreadPoolExecutor(1, thread_name_prefix="ccr-records")
        try:
            await self._write_for_ever(thread)
        finally:
            await self._last_word(thread)
            thread.shutdown(wait=False, cancel_futures=True)

    async def _write_for_ever(self, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            await self._something_to_do()
            await asyncio.sleep(GATHER_S)
            self._wake.clear()
            if await loop.run_in_executor(thread, self._write_waiting):
                failures = 0
                await loop.run_in_executor(thread, self._forget_old)
            else:
                await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1
                self._wake.set()

    async def _something_to_do(self) -> None:
        """A record, or time to look after the old ones (only if the database is open: an idle router opens none)."""
        # Not wait_for: in Python 3.11 it swallows a cancellation that arrives together with the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETENTION_EVERY_S):
                await self._wake.wait()

    async def _last_word(self, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LAST_WORD_S):
                await loop.run_in_executor(thread, self._write_waiting)
                await loop.run_in_executor(thread, self._close)
        except TimeoutError:
            self.failing = self.failing or "the database is too slow"
        if self.waiting:
            log.error("records: %d were not written: %s", self.waiting, self.failing)
            self.dropped += self.waiting

    def _lightened(self, record: Record) -> Record:
        """Without what is not kept, so that ten thousand waiting records are some megabytes, not hundreds."""
        bodies = len(record.request_body or b"") + len(record.reply_body or b"")
        signals = record.signals
        if signals:
            if signals.tools != self._tools:
                self._tools = signals.tools
            signals = slim(signals, self._tools)
        if not bodies:
            return msgspec.structs.replace(record, signals=signals)
        if self._body_bytes + bodies <= BODIES_BYTES:
            self._body_bytes += bodies
            return msgspec.structs.replace(record, signals=signals)
        self.bodies_dropped += 1
        return msgspec.structs.replace(record, signals=signals, request_body=None, reply_body=None)

    # In the writer's thread, from here on.

    def _write_waiting(self) -> bool:
        """Everything that waits, group by group. False when the database does not work now."""
        try:
            while self._next_group():
                self._write_group(self._opened())
                self._group.clear()
        except StoreFailed as error:
            self._failed(error.message)
            return False
        except Exception as error:  # the outermost ring of this thread: a bug here must not end the writing
            log.exception("records: a group is lost")
            self.dropped += len(self._group)
            self._group.clear()
            self.failing = repr(error)
            return True
        return True

    def _next_group(self) -> bool:
        """Moves records from the queue to the group in hand, unless one is in hand from the last time."""
        while self._waiting and len(self._group) < GROUP:
            record = self._waiting.popleft()
            self._body_bytes -= len(record.request_body or b"") + len(record.reply_body or b"")
            self._group.append(record)
        return bool(self._group)

    def _opened(self) -> Database:
        if self._database and self._database.replaced:
            self._close()
        if not self._database:
            self._database = self._open(self.url)
        return self._database

    def _write_group(self, database: Database) -> None:
        rows = self._flattened()
        try:
            database.insert(rows)
            self.written += len(rows)
        except RowRejected:
            self._write_singly(database, rows)
        if self.failing:
            log.warning("records: written again; %d were lost", self.dropped)
            self.failing = ""

    def _write_singly(self, database: Database, rows: list[Rows]) -> None:
        """One row that the database does not take must not cost its group."""
        refusals = []
        for row in rows:
            try:
                database.insert([scrubbed(row)])
                self.written += 1
            except RowRejected as error:
                refusals.append(f"{row.request['id']}: {error.message}")
        self.dropped += len(refusals)
        if refusals:
            log.warning("records: %d of %d are lost, such as %s", len(refusals), len(rows), refusals[0])

    def _flattened(self) -> list[Rows]:
        rows = []
        now = self._clock()
        for count, record in enumerate(self._group, 1):
            rows.append(flatten(record, self._price, now))
            if count % BREATH_EVERY == 0:
                time.sleep(
                    BREATH_S
                )  # gives the interpreter to the event loop: streams must not wait for our bookkeeping
        return rows

    def _failed(self, reason: str) -> None:
        if not self.failing:
            log.error("records: %s (%d wait, %d lost; trying again)", reason, self.waiting, self.dropped)
        self.failing = reason
        self._close()

    def _forget_old(self) -> None:
        """Deletes what is older than `days`, in small steps, once an hour."""
        now = self._clock()
        if not self._database or not self.days or now < self._forget_at:
            return
        self._forget_at = now + RETENTION_EVERY_S
        try:
            while self._database.delete_before(now - self.days * 86_400, RETENTION_STEP) == RETENTION_STEP:
                if self._waiting:
                    self._forget_at = now  # new records first; the rest goes after the next group
                    return
                time.sleep(BREATH_S)
        except StoreFailed as error:
            self._failed(error.message)

    def _close(self) -> None:
        if self._database:
            self._database.close()
            self._database = None


def _open(url: str) -> Database:
    from claude_code_router.store.db import Database

    return Database(url)
