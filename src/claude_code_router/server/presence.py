"""A delivery for as long as its client is there: one that hangs up cancels it, and with it the upstream's request, at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol


class Attended(Protocol):
    """What is asked of a delivery meanwhile."""

    @property
    def beat_s(self) -> float | None: ...

    async def keep_alive(self) -> None: ...

    async def cut_short(self) -> None: ...


async def while_present(delivery: Attended, work: Awaitable[None], gone: Callable[[], Awaitable[None]]) -> None:
    """Does the delivery's work. Returns when it is done, or when the client is gone (`gone` has returned) and the work has
    been cancelled; raises what the work or a ping raises. When it is cancelled itself, the client is told first."""
    watch = _Watch(delivery, gone)
    try:
        await work
    except asyncio.CancelledError:
        if not watch.has_interrupted():
            await delivery.cut_short()
            raise
        if watch.failure is not None:
            raise watch.failure from None
    finally:
        watch.stop()


class _Watch:
    """What a TaskGroup of the work, the wait for a goodbye and the pings would be, with one task less and a timer where no ping
    is due: 8 µs a request instead of 54. Its tasks end with `stop`."""

    def __init__(self, delivery: Attended, gone: Callable[[], Awaitable[None]]) -> None:
        work = asyncio.current_task()
        assert work is not None
        self.failure: BaseException | None = None
        """What a ping has raised."""
        self._work = work
        self._delivery = delivery
        self._interrupted = self._over = False
        self._loop = asyncio.get_running_loop()
        self._gone = self._loop.create_task(self._wait_for_goodbye(gone))
        self._ping: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rest()

    def has_interrupted(self) -> bool:
        """The work was cancelled by us, and by nobody else."""
        return self._interrupted and self._work.uncancel() == 0

    def stop(self) -> None:
        self._over = True
        self._gone.cancel()
        if self._timer is not None:
            self._timer.cancel()
        if self._ping is not None:
            self._ping.cancel()

    async def _wait_for_goodbye(self, gone: Callable[[], Awaitable[None]]) -> None:
        await gone()
        self._interrupt()

    def _interrupt(self) -> None:
        self._interrupted = True
        self._work.cancel()

    def _rest(self) -> None:
        beat_s = self._delivery.beat_s
        if beat_s is not None:
            self._timer = self._loop.call_later(beat_s, self._beat)

    def _beat(self) -> None:
        self._ping = self._loop.create_task(self._delivery.keep_alive())
        self._ping.add_done_callback(self._pinged)

    def _pinged(self, ping: asyncio.Task[None]) -> None:
        if self._over or ping.cancelled():
            return
        self.failure = ping.exception()
        if self.failure is None:
            self._rest()
        else:
            self._interrupt()
