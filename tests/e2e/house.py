"""The whole router in this process on a real socket, its config file and its records included."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from tests.e2e.waiting import until, until_found
from tests.e2e.wire import Answer, get

from claude_code_router.assemble import bound_socket, run_router
from claude_code_router.config.home import Home

_COUNTING = frozenset({"budgets", "escalation's budget", "judge's budget", "upward fallbacks"})
"""What these chores of `assemble` are called."""


class House:
    def __init__(self, root: Path, url: str) -> None:
        self.home = Home(root / ".claude-code-router")
        self.url = url

    def write(self, content: Mapping[str, Any] | str) -> None:
        self.home.root.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content, indent=2)
        self.home.config.write_text(text)

    async def record(self, answer: Answer | str) -> dict[str, Any]:
        """The row of this request: by its reply's id, or by the id itself."""
        id = answer if isinstance(answer, str) else answer.header("x-ccr-request-id")
        assert id, "the reply does not name its request"
        [row] = await self.rows("select * from requests where id = ?", id, count=1)
        return row

    async def attempts(self, id: str) -> list[dict[str, Any]]:
        return await self.rows("select * from attempts where request_id = ? order by seq", id, count=0)

    async def rows(self, sql: str, *values: object, count: int) -> list[dict[str, Any]]:
        """At least so many; rows are written in groups, a moment after the reply."""

        async def look() -> list[dict[str, Any]] | None:
            found = await asyncio.to_thread(self._query, sql, values)
            return found if len(found) >= count else None

        return await until_found(look, f"there are {count} rows of {sql}")

    def _query(self, sql: str, values: tuple[object, ...]) -> list[dict[str, Any]]:
        if not self.home.records.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{self.home.records}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            try:
                return [dict(row) for row in db.execute(sql, values)]
            except sqlite3.OperationalError:
                return []  # the writer has not made the table yet

    async def health(self) -> dict[str, Any]:
        answer = await get(self.url, "/health")
        assert answer.status == 200
        found: dict[str, Any] = answer.json
        return found

    async def until_counted(self) -> None:
        """What was spent before the start is known: the records are read beside the serving."""
        await self.health()
        await until(lambda: not _COUNTING & {task.get_name() for task in asyncio.all_tasks()}, "the records are read")

    async def until_health(self, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:

        async def look() -> dict[str, Any] | None:
            health = await self.health()
            return health if true(health) else None

        return await until_found(look, "/health says so")


@contextlib.asynccontextmanager
async def house(root: Path, content: Mapping[str, Any]) -> AsyncIterator[House]:
    sock = bound_socket("127.0.0.1", 0)
    it = House(root, f"http://127.0.0.1:{sock.getsockname()[1]}")
    it.write(content)
    stops: list[Callable[[], None]] = []
    async with asyncio.TaskGroup() as group:
        running = group.create_task(run_router(it.home, sock, "instance-of-test", env={}, on_stop=stops.append))
        try:
            await until(lambda: bool(stops) or running.done(), "the router serves")
            if running.done():
                running.result()
            yield it
        finally:
            for stop in stops:
                stop()
