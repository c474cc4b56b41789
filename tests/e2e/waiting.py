"""Waiting for what other processes and sockets do: they set no events here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")

LIMIT_S = 60.0
"""Far beyond what anything here takes: reaching it means that it never comes."""


async def until(true: Callable[[], bool], what: str) -> None:
    await until_found(_answering(true), what)


async def until_found(look: Callable[[], Awaitable[Found | None]], what: str) -> Found:
    """The first thing found that is neither None nor False."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        found = await look()
        if found is not None and found is not False:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"waited in vain until {what}")


def _answering(true: Callable[[], bool]) -> Callable[[], Awaitable[bool | None]]:
    async def look() -> bool | None:
        return true() or None

    return look
