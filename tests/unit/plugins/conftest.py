"""Custom routers on disk, asked for real: Node children and Python threads, no stand-ins."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from claude_code_router.plugins.custom import CustomRouter, Said
from claude_code_router.plugins.question import Question
from claude_code_router.plugins.settings import CustomRouterSettings

CONFIG: dict[str, Any] = {
    "Providers": [{"name": "up", "models": ["small", "large"]}],
    "Router": {"default": "up,small", "longContext": "up,large"},
}
BODY: dict[str, Any] = {"model": "claude-sonnet-5-5", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}


class Desk:
    """A custom router in force, and the way to ask it."""

    def __init__(self, router: CustomRouter, settings: CustomRouterSettings) -> None:
        self.router = router
        self.settings = settings
        self.path = Path(settings.path)

    async def ask(self, body: Mapping[str, Any] | bytes = BODY, **fields: Any) -> Said:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        asked: dict[str, Any] = {
            "id": "req_1",
            "path": "/v1/messages",
            "query": "beta=true",
            "headers": {"x-test": "yes"},
            "body": text,
            "tokens": 1200,
            "session": "s-1",
            "config": self.settings.config,
        }
        return await self.router.ask(Question(**{**asked, **fields}), self.settings)

    async def until(self, true: Callable[[Said], bool], body: Mapping[str, Any] = BODY) -> Said:
        """Asks until it is so: edits are noticed within moments."""
        async with asyncio.timeout(20):
            while not true(said := await self.ask(body)):
                await asyncio.sleep(0.05)
        return said


Opened = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture
def desk(tmp_path: Path) -> Opened:
    """`async with desk("router.py", "def route…") as d:`"""

    @contextlib.asynccontextmanager
    async def opened(
        name: str, text: str | None, limit_s: float = 15.0, path: str | None = None
    ) -> AsyncIterator[Desk]:
        if name.endswith("js") and shutil.which("node") is None:
            pytest.skip("Node is not installed")
        file = tmp_path / name
        if text is not None:
            file.write_text(text)
        settings = CustomRouterSettings(path=str(file), limit_s=limit_s, config=json.dumps(CONFIG).encode())
        router = CustomRouter(time.monotonic, {"PATH": os.environ["PATH"] if path is None else path})
        router.use(settings)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(router.run())
            try:
                yield Desk(router, settings)
            finally:
                running.cancel()

    return opened
