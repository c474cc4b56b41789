"""Replies that have left and wait to be looked at: in memory, bounded by number and by bytes. What does not fit is dropped and
counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from claude_code_router.core.inbound import Inbound

log = logging.getLogger("ccr.quality")

_WORKERS = 2


class Waiting(Protocol):
    @property
    def inbound(self) -> Inbound: ...

    @property
    def size(self) -> int:
        """Bytes that are kept for its sake."""


Item = TypeVar("Item", bound=Waiting)


class Backlog(Generic[Item]):
    """`put` from the event loop, `run` once as a task. `most`, `most_bytes`: with those that are being worked on."""

    def __init__(self, work: Callable[[Item], Awaitable[None]], *, most: int, most_bytes: int) -> None:
        self._work = work
        self._most = most
        self._most_bytes = most_bytes
        self._queue: asyncio.Queue[Item] = asyncio.Queue()
        self._bytes = 0
        self.waiting = 0
        """With those that are being worked on."""
        self.dropped = 0

    def put(self, item: Item) -> bool:
        """False: there was no room. Never blocks, never fails."""
        if self.waiting >= self._most or self._bytes + item.size > self._most_bytes:
            self.dropped += 1
            return False
        self.waiting += 1
        self._bytes += item.size
        self._queue.put_nowait(item)
        return True

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(_WORKERS):
                group.create_task(self._take())

    async def _take(self) -> None:
        while True:
            await self._one(await self._queue.get())  # no name for it here: it would be kept until the next one comes

    async def _one(self, item: Item) -> None:
        try:
            await self._work(item)
        except Exception:  # an outermost ring: the next reply must find a worker
            log.exception("bug: the reply of %s was not looked at", item.inbound.id)
        finally:
            self.waiting -= 1
            self._bytes -= item.size
