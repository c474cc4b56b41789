"""`GET /`, `HEAD /`, `GET /health`: am I the one you started, and is my config the one on disk?"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import msgspec

from claude_code_router import __version__
from claude_code_router.server.http import Call
from claude_code_router.server.services import Services


async def root(call: Call, services: Services) -> None:
    """Claude Code probes with HEAD / and HEAD /api/hello; any answer will do."""
    del services
    await call.answer(200, msgspec.json.encode({"message": "Claude Code Router", "version": __version__}))


async def health(call: Call, services: Services) -> None:
    snapshot = services.snapshot
    body = {
        "status": "ok",
        "timestamp": datetime.fromtimestamp(services.now(), UTC).isoformat(),
        "version": __version__,
        "instance": services.instance,
        "pid": os.getpid(),
        "config": {
            "hash": snapshot.current.hash,
            "error": snapshot.error,
            "warnings": [str(problem) for problem in snapshot.current.warnings],
        },
        "records": {"dropped": services.recorder.dropped},
    }
    await call.answer(200, msgspec.json.encode(body))
