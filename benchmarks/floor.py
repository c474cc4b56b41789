"""The bare floor: the least that a Python proxy on uvicorn and aiohttp can do. It splices the model's name and relays the
bytes; no routing, no records, no errors, no timeouts. What we cost is said as a multiple of this."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp
import uvicorn

Message = MutableMapping[str, Any]
_HOP = {b"host", b"content-length", b"connection", b"transfer-encoding", b"accept-encoding"}


class Floor:
    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._session: aiohttp.ClientSession | None = None

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            return
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        if scope["method"] != "POST":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"ok"})
            return
        parts = []
        more = True
        while more:
            message = await receive()
            parts.append(message["body"])
            more = message["more_body"]
        # Claude Code puts the model first, and the benchmark asks for `provider,model`.
        body = b"".join(parts).replace(b'"model":"anth,', b'"model":"', 1)
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"] if name not in _HOP]
        async with self._session.post(self._upstream + scope["path"], data=body, headers=headers) as reply:
            kept = [(name, value) for name, value in reply.raw_headers if name.lower() not in _HOP]
            await send({"type": "http.response.start", "status": reply.status, "headers": kept})
            async for chunk in reply.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    app = Floor(sys.argv[2])
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="error",
        access_log=False,
    )
