"""Silence interrupts a read, and nothing else is lost by it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from claude_code_router.delivery.beat import Beat, SilentTooLong


class Slow:
    """A reply whose chunks come after so many seconds. An `UpstreamReply`."""

    status = 200
    headers: list[tuple[str, str]] = []  # noqa: RUF012

    def __init__(self, *waits_s: float) -> None:
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        at = 0.0
        for number, wait_s in enumerate(waits_s):
            at += wait_s
            loop.call_later(at, self._queue.put_nowait, b"%d" % number)

    async def next_chunk(self) -> bytes:
        return await self._queue.get()

    def close(self) -> None: ...


async def read(reply: Slow, beat: Beat, count: int) -> AsyncIterator[bytes]:
    pings: list[None] = []

    async def ping() -> None:
        pings.append(None)

    for _ in range(count):
        before = len(pings)
        chunk = await beat.next_chunk(reply, ping)
        yield b"ping " * (len(pings) - before) + chunk


async def test_silence_is_told_and_nothing_is_lost() -> None:
    """Pings in the long pauses only, and every chunk arrives in order."""
    beat = Beat(0.05, 10.0)
    got = [chunk async for chunk in read(Slow(0.0, 0.0, 0.13, 0.0), beat, 4)]
    beat.stop()
    assert [chunk.split()[-1] for chunk in got] == [b"0", b"1", b"2", b"3"]
    assert b"ping" in got[2]
    assert b"ping" not in got[0] + got[1] + got[3]


async def test_too_long_a_silence_ends_it() -> None:
    """After `most_s` the wait is over."""
    beat = Beat(0.02, 0.06)
    with pytest.raises(SilentTooLong):
        async for _ in read(Slow(), beat, 1):
            pass
    beat.stop()


async def test_a_cancel_from_outside_stays_one() -> None:
    """Who cancels the task gets a cancelled task, also while a beat is due."""
    for wait_s in (0.0, 0.01, 0.02, 0.03):

        async def work() -> None:
            beat = Beat(0.01, 10.0)
            try:
                async for _ in read(Slow(), beat, 1):
                    pass
            finally:
                beat.stop()

        async with asyncio.TaskGroup() as group:
            task = group.create_task(work())
            await asyncio.sleep(wait_s)
            task.cancel()
        assert task.cancelled()
