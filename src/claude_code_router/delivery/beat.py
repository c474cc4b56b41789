"""Interrupts a read after a time of silence, with one timer a silence instead of one a chunk.

`asyncio.timeout` around every read arms and disarms a timer for each event of a stream, a tenth of what an event costs here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from claude_code_router.delivery.transport import UpstreamReply


class SilentTooLong(Exception):
    """The reply fell silent for as long as the owner's settings allow."""


class Beat:
    """Of the task that makes it. `stop` it in every case."""

    def __init__(self, every_s: float, most_s: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._every_s = every_s
        self._most_s = most_s
        self._since = self._loop.time()
        self._reading = False
        self._interrupted = False
        self._timer = self._loop.call_later(every_s, self._tick)

    async def next_chunk(self, reply: UpstreamReply, in_silence: Callable[[], Awaitable[None]]) -> bytes:
        """Awaits `in_silence` after each `every_s` without a byte. Raises SilentTooLong after `most_s`, and what the reply
        raises."""
        chunk = await self._read(reply)
        silent_s = 0.0
        while chunk is None:
            silent_s += self._every_s
            if silent_s >= self._most_s:
                raise SilentTooLong
            await in_silence()
            chunk = await self._read(reply)
        return chunk

    async def _read(self, reply: UpstreamReply) -> bytes | None:
        """None after `every_s` of silence: nothing is lost, read again."""
        self._since = self._loop.time()
        self._reading = True
        try:
            return await reply.next_chunk()
        except asyncio.CancelledError:
            if not self._interrupted:
                raise
            self._interrupted = False
            if self._task.uncancel() > 0:
                raise  # somebody else has cancelled us as well
            return None
        finally:
            self._reading = False

    def stop(self) -> None:
        self._timer.cancel()

    def _tick(self) -> None:
        left_s = self._every_s
        if self._reading:
            left_s -= self._loop.time() - self._since
            if left_s <= 0.001:  # timers may come a moment early
                self._interrupted = True
                self._task.cancel()
                left_s = self._every_s
        self._timer = self._loop.call_later(left_s, self._tick)
