"""The watcher says every edit of the file, however it was saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from claude_code_router.config.watch import Edits, look, watch

EVERY_S = 0.01


@asynccontextmanager
async def watching(path: Path) -> AsyncIterator[asyncio.Queue[str]]:
    """The file's content at each change that was said, while the watcher runs."""
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def on_change() -> None:
        seen.put_nowait(await asyncio.to_thread(path.read_text))

    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch(path, on_change, look(path), every_s=EVERY_S))
        yield seen
        task.cancel()


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def by_renaming(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def by_removing_first(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


@pytest.mark.parametrize("save", [in_place, by_renaming, by_removing_first])
async def test_every_way_to_save(tmp_path: Path, save: Callable[[Path, str], None]) -> None:
    """Editors write in place, rename over, or remove and write anew; each is one change."""
    path = tmp_path / "config.json"
    path.write_text("one")
    async with watching(path) as seen:
        for text in ("two", "six", "three"):
            save(path, text)
            assert await seen.get() == text
        assert seen.empty()


async def test_an_edit_while_everything_starts(tmp_path: Path) -> None:
    """Between the look at the file (before it is read) and the watch there may be a second; an edit in it counts."""
    path = tmp_path / "config.json"
    path.write_text("one")
    before, seen = look(path), asyncio.Event()
    path.write_text("two")

    async def on_change() -> None:
        seen.set()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch(path, on_change, before, every_s=EVERY_S))
        await seen.wait()
        task.cancel()


async def test_deletion_and_return(tmp_path: Path) -> None:
    """A file that is gone is no change; one that comes back with another content is."""
    path = tmp_path / "config.json"
    path.write_text("one")
    async with watching(path) as seen:
        path.unlink()
        await asyncio.sleep(EVERY_S * 5)
        assert seen.empty()
        path.write_text("two")
        assert await seen.get() == "two"


async def test_file_and_directory_that_come_later(tmp_path: Path) -> None:
    """Watching may begin before there is anything to watch."""
    path = tmp_path / "later" / "config.json"
    async with watching(path) as seen:
        path.parent.mkdir()
        path.write_text("one")
        assert await seen.get() == "one"


async def test_links(tmp_path: Path) -> None:
    """An edit of the link's target is a change, and so is another target with other content."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    path = tmp_path / "config.json"
    path.symlink_to(tmp_path / "one")
    async with watching(path) as seen:
        (tmp_path / "one").write_text("edited")
        assert await seen.get() == "edited"
        fresh = tmp_path / "fresh"
        fresh.symlink_to(tmp_path / "two")
        fresh.replace(path)
        assert await seen.get() == "two"


async def test_touch_is_no_edit(tmp_path: Path) -> None:
    """The content is what counts."""
    path = tmp_path / "config.json"
    path.write_text("one")
    async with watching(path) as seen:
        path.touch()
        path.write_text("one")
        await asyncio.sleep(EVERY_S * 5)
        path.write_text("two")
        assert await seen.get() == "two"


async def test_an_edit_that_is_followed_badly_costs_that_edit_only(tmp_path: Path) -> None:
    """The next one is said again."""
    path = tmp_path / "config.json"
    path.write_text("one")
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def on_change() -> None:
        text = path.read_text()
        seen.put_nowait(text)
        if text == "bad":
            raise RuntimeError("nobody has thought of this")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch(path, on_change, look(path), every_s=EVERY_S))
        for text in ("bad", "three"):
            path.write_text(text)
            assert await seen.get() == text
        task.cancel()


async def test_edits_one_at_a_time() -> None:
    """Of those that come while one is dealt with only the newest counts, and one that raises costs itself only."""
    edits, go, dealt = Edits(), asyncio.Event(), 0

    async def deal_with() -> None:
        nonlocal dealt
        dealt += 1
        await go.wait()
        raise ValueError("a bug")

    async with asyncio.TaskGroup() as group:
        each = group.create_task(edits.each(deal_with))
        await edits.noticed()
        while dealt < 1:
            await asyncio.sleep(0)
        waiting = group.create_task(edits.newer())
        await asyncio.sleep(0)
        assert not waiting.done()
        await edits.noticed()
        await edits.noticed()
        await waiting
        go.set()
        while dealt < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert dealt == 2
        each.cancel()
