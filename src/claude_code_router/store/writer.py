"""The one writer: takes records off the queue in groups and puts them into the database. Lives in one thread."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from claude_code_router.core.record import Record
from claude_code_router.core.secrets import NO_SECRETS
from claude_code_router.store.errors import RowRejected, StoreFailed
from claude_code_router.store.row import Entry, Price, Rows, flatten, scrubbed

log = logging.getLogger(__name__)

GROUP = 25
"""Small, because the interpreter is shared: a group is about a millisecond in which streams wait. 200 would write a row for
a tenth less CPU, and make an event of a stream late by up to 15 ms instead of 4."""
RETENTION_STEP = 500
BREATH_S = 0.0005
"""Between two steps the interpreter goes to the event loop."""


def bodies_of(entry: Entry) -> int:
    """Bytes."""
    return len(entry.request_body or b"") + len(entry.reply_body or b"") if isinstance(entry, Record) else 0


class Writable(Protocol):
    """What is needed of `store.db.Database`."""

    @property
    def replaced(self) -> bool: ...
    def insert(self, rows: Sequence[Rows]) -> None: ...
    def delete_before(self, at: float, limit: int) -> int: ...
    def close(self) -> None: ...


class Writer:
    """Everything but `queue` and `secrets` is changed by the writer's thread only; counters may be read from anywhere."""

    def __init__(
        self, url: str, price: Price, open_database: Callable[[str], Writable], clock: Callable[[], float]
    ) -> None:
        self.queue: deque[Entry] = deque()
        """Filled from outside; bounded there."""
        self.secrets = NO_SECRETS
        """Set from outside."""
        self.written = 0
        self.lost = 0
        self.bodies_out = 0
        """Bytes of bodies that have left the queue."""
        self.failing = ""
        self._url = url
        self._price = price
        self._open = open_database
        self._clock = clock
        self._group: list[Entry] = []  # in hand: taken off the queue, not yet written
        self._database: Writable | None = None

    @property
    def waiting(self) -> int:
        return len(self.queue) + len(self._group)

    def write(self) -> bool:
        """Everything that waits, group by group. False when the database does not work now; then nothing is lost."""
        try:
            while self._next_group():
                self._write_group(self._opened())
                time.sleep(BREATH_S)
        except StoreFailed as error:
            if not self.failing:
                log.error("records: %s (%d wait; trying again)", error.message, self.waiting)
            self.failing = error.message
            self.close()
            return False
        except Exception:  # the outermost ring of this thread: a bug here must not end the writing
            log.exception("records: %d are lost", len(self._group))
            self.lost += len(self._group)
            self._group.clear()
        return True

    def forget(self, days: int) -> bool:
        """One step of deleting what is older. True while there may be more. Opens no database for it."""
        if not self._database:
            return False
        try:
            return self._database.delete_before(self._clock() - days * 86_400, RETENTION_STEP) == RETENTION_STEP
        except StoreFailed as error:
            log.warning("records: old rows stay for now: %s", error.message)
            return False

    def close(self) -> None:
        if self._database:
            self._database.close()
            self._database = None

    def _next_group(self) -> bool:
        """Fills up what is in hand; after a failure that is the same group again."""
        while self.queue and len(self._group) < GROUP:
            # In hand first, then off the queue: whoever counts meanwhile may see one too many, never one too few.
            entry = self.queue[0]
            self._group.append(entry)
            self.queue.popleft()
            self.bodies_out += bodies_of(entry)
        return bool(self._group)

    def _opened(self) -> Writable:
        if self._database and self._database.replaced:
            self.close()
        if not self._database:
            self._database = self._open(self._url)
        return self._database

    def _write_group(self, database: Writable) -> None:
        rows = self._flattened()
        try:
            database.insert(rows)
        except RowRejected:
            self._write_singly(database, rows)
        else:
            self.written += len(rows)
            self._group.clear()
        if self.failing:
            log.warning("records: written again; %d were lost", self.lost)
            self.failing = ""

    def _write_singly(self, database: Writable, rows: list[Rows]) -> None:
        """One row that the database does not take must not cost its group."""
        refusals = []
        for row in rows:
            try:
                database.insert([scrubbed(row)])
                self.written += 1
            except RowRejected as error:
                refusals.append(f"{row.id}: {error.message}")
                self.lost += 1
            del self._group[0]
        if refusals:
            log.warning("records: %d of %d are lost, such as %s", len(refusals), len(rows), refusals[0])

    def _flattened(self) -> list[Rows]:
        """Of the group in hand, which loses those that cannot be flattened."""
        rows, kept = [], []
        now = self._clock()
        for entry in self._group:
            try:
                rows.append(flatten(entry, self._price, now, self.secrets))
                kept.append(entry)
            except Exception:  # one record's oddity must not cost its group
                log.exception("records: one of %s is lost", entry.id if isinstance(entry, Record) else entry.request_id)
                self.lost += 1
        self._group = kept
        time.sleep(BREATH_S)
        return rows
