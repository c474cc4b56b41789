"""A delivery for as long as its client is there."""

from __future__ import annotations

import asyncio

import pytest

from claude_code_router.server.presence import while_present


class Sung:
    """A delivery that writes down what it is asked."""

    def __init__(self, beat_s: float | None = None, ping_fails: bool = False) -> None:
        self.beat_s = beat_s
        self.heard: list[str] = []
        self.pinged = asyncio.Event()
        self._ping_fails = ping_fails

    async def keep_alive(self) -> None:
        self.heard.append("ping")
        self.pinged.set()
        if self._ping_fails:
            raise ValueError("the ping's own bug")

    async def cut_short(self) -> None:
        self.heard.append("cut short")


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def at_once() -> None:
    pass


async def untangled() -> None:
    """Whatever was left behind would show itself now."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def work(heard: list[str], *, until: asyncio.Event | None = None, failing: bool = False) -> None:
    try:
        await (until.wait() if until else asyncio.sleep(0))
        heard.append("done")
        if failing:
            raise LookupError("the work's own error")
    except asyncio.CancelledError:
        heard.append("cancelled")
        raise


async def test_work_that_ends_leaves_nothing_behind() -> None:
    """No task waits for the client, no timer for the next ping."""
    delivery = Sung(beat_s=0.001)
    await while_present(delivery, work(delivery.heard), never)
    await asyncio.sleep(0.01)
    assert delivery.heard == ["done"]
    await untangled()


async def test_a_client_that_leaves_cancels_the_work() -> None:
    """The work is over when this returns; the task itself is not cancelled any more."""
    delivery = Sung()
    await while_present(delivery, work(delivery.heard, until=asyncio.Event()), at_once)
    assert delivery.heard == ["cancelled"]
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0
    await untangled()


async def test_errors_of_the_work_pass() -> None:
    """As they are, not in a group."""
    delivery = Sung()
    with pytest.raises(LookupError):
        await while_present(delivery, work(delivery.heard, failing=True), never)
    await untangled()


async def test_pings_come_every_beat_until_the_end() -> None:
    """One after the other, and none after the work has ended."""
    delivery = Sung(beat_s=0.001)
    over = asyncio.Event()

    async def end_after_three() -> None:
        while delivery.heard.count("ping") < 3:
            await delivery.pinged.wait()
            delivery.pinged.clear()
        over.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(end_after_three())
        await while_present(delivery, work(delivery.heard, until=over), never)
    assert delivery.heard[:3] == ["ping"] * 3
    assert delivery.heard[-1] == "done"
    pings = len(delivery.heard)
    await asyncio.sleep(0.01)
    assert len(delivery.heard) == pings
    await untangled()


async def test_a_ping_that_fails_ends_the_work_with_its_error() -> None:
    """A bug there must not go unseen."""
    delivery = Sung(beat_s=0.001, ping_fails=True)
    with pytest.raises(ValueError, match="own bug"):
        await while_present(delivery, work(delivery.heard, until=asyncio.Event()), never)
    assert delivery.heard == ["ping", "cancelled"]
    await untangled()


@pytest.mark.parametrize("client_leaves_too", [False, True])
async def test_a_router_that_is_stopped_tells_the_client(client_leaves_too: bool) -> None:
    """Cancelled from outside: the client hears of it, and the cancelling goes on, also when the client leaves meanwhile."""
    delivery = Sung()
    leaves = asyncio.Event()

    async def gone() -> None:
        await leaves.wait()

    async with asyncio.TaskGroup() as group:
        request = group.create_task(while_present(delivery, work(delivery.heard, until=asyncio.Event()), gone))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if client_leaves_too:
            leaves.set()
            await asyncio.sleep(0)
        request.cancel()
    assert request.cancelled()
    assert delivery.heard == ["cancelled", "cut short"]
    await untangled()
