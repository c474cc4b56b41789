"""`GET /`, `HEAD /`, `GET /health`: am I the one you started, and is my config the one on disk?"""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime

import msgspec

from claude_code_router import __version__
from claude_code_router.server.auth import NotAuthorised, check
from claude_code_router.server.http import Call
from claude_code_router.server.services import Services

_UNSAID = "the edited config is not in force (send the APIKEY to see why)"
"""A string for those without the key too: programs need not tell two types apart."""


async def root(call: Call, services: Services) -> None:
    """Claude Code probes with HEAD / and HEAD /api/hello; any answer will do."""
    del services
    await call.answer(200, msgspec.json.encode({"message": "Claude Code Router", "version": __version__}))


async def health(call: Call, services: Services) -> None:
    """What is wrong with the config names files and providers: that is for those who may ask the router."""
    snapshot, behind = services.snapshot, services.escalations.afterwards
    error = _UNSAID if snapshot.error else None
    warnings: list[str] = []
    gate = ""
    with contextlib.suppress(NotAuthorised):
        check(call.header, snapshot.current.settings.api_key)
        error = snapshot.error
        gate = snapshot.gate
        warnings = [str(problem) for problem in snapshot.current.warnings]
    body = {
        "status": "ok",
        "timestamp": datetime.fromtimestamp(services.now(), UTC).isoformat(),
        "version": __version__,
        "instance": services.instance,
        "pid": os.getpid(),
        "config": {
            "hash": snapshot.current.hash,
            "error": error,
            "warnings": warnings,
            "gate": gate,
        },
        "records": {"dropped": services.recorder.dropped},
        "scores": {"waiting": services.scorer.waiting, **msgspec.structs.asdict(services.scorer.tally)},
        "escalation": {"waiting": behind.waiting, "dropped": behind.dropped},
    }
    await call.answer(200, msgspec.json.encode(body))
