"""Replies that wait: bounded, worked off whatever happens to one of them, and forgotten when they are done."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.inbound import Inbound
from claude_code_router.quality.backlog import Backlog


class Item:
    def __init__(self, size: int, *, bad: bool = False) -> None:
        self.inbound = Inbound(id="req_1", path="/", query="", headers=(), header={}, body=b"", received_at=0.0)
        self.size = size
        self.bad = bad


@given(st.lists(st.integers(0, 60), max_size=30), st.integers(0, 8), st.integers(0, 100))
def test_it_never_holds_more_than_it_may(sizes: list[int], most: int, most_bytes: int) -> None:
    """By number and by bytes; what is refused is counted, and leaves room for what is smaller."""

    async def fill() -> None:
        async def never(item: Item) -> None: ...

        backlog: Backlog[Item] = Backlog(never, most=most, most_bytes=most_bytes)
        kept = [size for size in sizes if backlog.put(Item(size))]
        assert len(kept) == backlog.waiting <= most
        assert sum(kept) <= most_bytes
        assert backlog.dropped == len(sizes) - len(kept)

    asyncio.run(fill())


async def test_each_is_worked_on_and_a_bug_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What was done, or failed, gives its room back and is not kept in memory, though no other comes."""
    done: list[int] = []

    async def work(item: Item) -> None:
        done.append(item.size)
        if item.bad:
            raise ZeroDivisionError

    backlog: Backlog[Item] = Backlog(work, most=5, most_bytes=100)
    items = [Item(n, bad=n % 2 == 1) for n in range(5)]
    good = [weakref.ref(item) for item in items if not item.bad]  # the log keeps the others, with their tracebacks
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        running = group.create_task(backlog.run())
        while items:
            assert backlog.put(items.pop())
        while backlog.waiting:
            await asyncio.sleep(0.001)
        gc.collect()
        assert [ref() for ref in good] == [None] * 3
        running.cancel()
    assert sorted(done) == [0, 1, 2, 3, 4]
    assert caplog.text.count("bug: the reply of req_1 was not looked at") == 2
