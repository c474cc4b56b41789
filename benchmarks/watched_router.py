"""The router as `ccr start` runs it, which also says every second what it holds: a JSON line with memory, descriptors, tasks.

python benchmarks/watched_router.py HOME PORT
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import sys
import threading
from pathlib import Path

import psutil
import uvloop

from claude_code_router.assemble import bound_socket, run_router
from claude_code_router.config.home import Home

EVERY_S = 1.0


async def main(root: Path, port: int) -> None:
    async with asyncio.TaskGroup() as group:
        telling = group.create_task(tell())
        await run_router(Home(root), bound_socket("127.0.0.1", port), "watched", env={})
        telling.cancel()


async def tell() -> None:
    process = psutil.Process()
    while True:
        held = {
            "rss_mb": process.memory_info().rss / 1e6,
            "descriptors": process.num_fds(),
            "tasks": len(asyncio.all_tasks()),
            "threads": threading.active_count(),
            "cpu_s": sum(process.cpu_times()[:2]),
            "blocks": sys.getallocatedblocks(),
            **heap(),
        }
        print(json.dumps(held), flush=True)
        await asyncio.sleep(EVERY_S)


class _MallInfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    ]  # fmt: skip


def heap() -> dict[str, float]:
    """Of the C library's heap: what is in use, and what is free and kept. Empty where it cannot be asked (glibc 2.33 can)."""
    ask = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if ask is None:
        return {}
    ask.restype = _MallInfo
    found = ask()
    return {"heap_used_mb": (found.uordblks + found.hblkhd) / 1e6, "heap_free_mb": found.fordblks / 1e6}


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
