"""The queue between the requests and the database.

`put` costs microseconds and never fails the request. Everything else (flattening, prices, redaction, SQL, retention)
is done by the one `Writer`, in one thread beside the event loop. While the database is locked, full or broken, records
wait in a bounded queue; beyond it they are counted and gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from claude_code_router.core.record import Record
from claude_code_router.core.secrets import Secrets
from claude_code_router.store.row import Entry, Price, slim
from claude_code_router.store.writer import Writable, Writer, bodies_of

log = logging.getLogger(__name__)

CAPACITY = 10_000
"""Records that may wait; about 40 MB without bodies."""
BODIES_BYTES = 32 * 1024 * 1024
"""Bodies that may wait; beyond it records go without their bodies."""
RETENTION_EVERY_S = 3600.0


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """The writer's times, in seconds."""

    gather_s: float = 0.2
    """How long a group is gathered: `ccr logs -f` is this late."""
    retry_s: tuple[float, ...] = (1.0, 2.0, 5.0, 15.0, 60.0)
    """After the first, second, … failure in a row; the last one counts for all further ones."""
    last_word_s: float = 5.0
    """How long a shutdown waits for the last records."""


PACE = Pace()


class Recorder:
    """`put` from the event loop's thread; `run` once, as a task that is cancelled at the end."""

    def __init__(
        self,
        url: str,
        price: Price,
        *,
        days: int = 30,
        capacity: int = CAPACITY,
        open_database: Callable[[str], Writable] | None = None,
        clock: Callable[[], float] = time.time,
        pace: Pace = PACE,
        watchers: Sequence[Callable[[Entry], None]] = (),
    ) -> None:
        self.url = url
        """Where they are written; others may read there."""
        self.days = days
        """How long rows are kept; 0 keeps everything. May be changed while running, after the config was."""
        self.bodies_dropped = 0
        """Records that were kept without their bodies, because too many bodies waited."""
        self.watchers = watchers
        """Are shown every entry as it comes, whatever becomes of it here. They neither block nor raise."""
        self._overflowed = 0
        self._capacity = capacity
        self._pace = pace
        self._writer = Writer(url, price, open_database or _open, clock)
        self._bodies_in = 0
        self._tools: tuple[str, ...] = ()  # the last request's: the next one mostly has the same, and shares them
        self._wake = asyncio.Event()
        self._forget_at = 0.0

    @property
    def secrets(self) -> Secrets:
        """Of every config that has been in force since the start: a late record may hold an old one's key."""
        return self._writer.secrets

    def keep_secret(self, more: Secrets) -> None:
        self._writer.secrets = self._writer.secrets | more

    @property
    def waiting(self) -> int:
        return self._writer.waiting

    @property
    def written(self) -> int:
        return self._writer.written

    @property
    def dropped(self) -> int:
        """Records lost since the start: the queue was full, or the database did not take the row."""
        return self._overflowed + self._writer.lost

    @property
    def failing(self) -> str:
        """Why nothing can be written now; empty when all is well."""
        return self._writer.failing

    def put(self, entry: Entry) -> None:
        """Never blocks, never raises."""
        for watch in self.watchers:
            watch(entry)
        if self.waiting >= self._capacity:
            self._overflowed += 1
            return
        self._writer.queue.append(self._lightened(entry) if isinstance(entry, Record) else entry)
        self._wake.set()

    async def run(self) -> None:
        """Writes until it is cancelled, then writes what is left, for `pace.last_word_s` at most."""
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
            await asyncio.sleep(self._pace.gather_s)
            self._wake.clear()
            if await loop.run_in_executor(thread, self._writer.write):
                failures = 0
                await self._forget_old(thread)
            else:
                await asyncio.sleep(self._pace.retry_s[min(failures, len(self._pace.retry_s) - 1)])
                failures += 1
                self._wake.set()

    async def _something_to_do(self) -> None:
        """A record, or time to look after the old ones."""
        # Not wait_for: in Python 3.11 it swallows a cancellation that arrives together with the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RETENTION_EVERY_S):
                await self._wake.wait()

    async def _forget_old(self, thread: ThreadPoolExecutor) -> None:
        """Once an hour, step by step; new records go first."""
        loop = asyncio.get_running_loop()
        if not self.days or loop.time() < self._forget_at:
            return
        while await loop.run_in_executor(thread, self._writer.forget, self.days):
            if self._wake.is_set():
                return
        self._forget_at = loop.time() + RETENTION_EVERY_S

    async def _last_word(self, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.last_word_s):
                await loop.run_in_executor(thread, self._writer.write)
                await loop.run_in_executor(thread, self._writer.close)
        if self.waiting:
            log.error("records: %d were not written: %s", self.waiting, self.failing or "the database is too slow")

    def _lightened(self, record: Record) -> Record:
        """Without what is not kept, so that ten thousand waiting records are some megabytes, not hundreds."""
        signals = record.signals
        if signals:
            if signals.tools != self._tools:
                self._tools = signals.tools
            signals = slim(signals, self._tools)
        bodies = bodies_of(record)
        if not bodies:
            return msgspec.structs.replace(record, signals=signals)
        # Two counters with one writer each: one counter changed by both threads would drift.
        if self._bodies_in - self._writer.bodies_out + bodies <= BODIES_BYTES:
            self._bodies_in += bodies
            return msgspec.structs.replace(record, signals=signals)
        self.bodies_dropped += 1
        return msgspec.structs.replace(record, signals=signals, request_body=None, reply_body=None)


def _open(url: str) -> Writable:
    # SQLAlchemy is 16 MB and some tenths of a second: here, in the writer's thread, when there is something to write.
    from claude_code_router.store.db import Database

    return Database(url)
